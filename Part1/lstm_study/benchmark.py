"""Time and memory of a training step: the fast forms, the pages lstm.py and vanilla_rnn.py, and torch's own.

A step is forward, loss, backward, clipping, RMSProp. In one process with the same threads all take their turns, and the
median of five rounds counts. Memory is the peak of resident memory in a process of its own that trains at one T alone,
less what the same process had before it built the network.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

import artifacts
from lstm import LSTM
from lstm_study import training
from lstm_study.fast_lstm import FastLSTM, FastRNN
from vanilla_rnn import VanillaRNN

CONFIG = {
    "batch_size": 128,
    "hidden_dim": 128,
    "threads": 1,
    "rounds": 1 if artifacts.SMOKE else 5,
    "time_steps": 10 if artifacts.SMOKE else 300,  # in a round, at least one update
    "lengths": [10] if artifacts.SMOKE else [10, 30, 100, 300, 1000],
    "memory_lengths": [150] if artifacts.SMOKE else [10, 30, 100, 150, 300, 1000],
    "evaluation": {"n": 256, "lengths": [200] if artifacts.SMOKE else [1000, 10_000]},
}
PART1 = Path(__file__).resolve().parents[1]


class TorchNetwork(nn.Module):
    """torch's own, with an output layer; for comparison only."""

    def __init__(self, recurrent, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.recurrent, self.linear = recurrent(input_dim, hidden_dim), nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        h, _ = self.recurrent(F.one_hot(x.T.long(), self.recurrent.input_size).float())
        return self.linear(h[-1])


def torch_lstm(seq_length, input_dim, hidden_dim, output_dim):
    return TorchNetwork(nn.LSTM, input_dim, hidden_dim, output_dim)


def torch_rnn(seq_length, input_dim, hidden_dim, output_dim):
    return TorchNetwork(nn.RNN, input_dim, hidden_dim, output_dim)


NETWORKS = {
    "FastLSTM": FastLSTM,
    "torch.nn.LSTM": torch_lstm,
    "LSTM": LSTM,
    "FastRNN": FastRNN,
    "torch.nn.RNN": torch_rnn,
    "VanillaRNN": VanillaRNN,
}


def stepper(config, name, T):
    """A function that does one training step of the network `name` at length T."""
    torch.manual_seed(0)
    network = NETWORKS[name](T - 1, 10, config["hidden_dim"], 10)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)
    x = torch.randint(0, 10, (config["batch_size"], T - 1), dtype=torch.uint8)
    labels = x[:, 0].long()

    def step():
        loss = F.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()

    return step


def times(config):
    """{name: [milliseconds per training step, one value per length]}."""
    result = {name: [] for name in NETWORKS}
    for T in config["lengths"]:
        steps, repeats = {name: stepper(config, name, T) for name in NETWORKS}, max(1, config["time_steps"] // T)
        rounds = {name: [] for name in NETWORKS}
        for number in range(config["rounds"] + 1):
            for name, step in steps.items():
                began = time.perf_counter()
                for _ in range(repeats):
                    step()
                if number > 0:  # the first round warms up
                    rounds[name].append((time.perf_counter() - began) / repeats)
        for name, seconds in rounds.items():
            result[name].append(round(1000 * median(seconds), 3))
    return result


def peak():
    """Peak of this process's resident memory so far, in MiB."""
    value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return value / 2**20 if sys.platform == "darwin" else value / 2**10


def growth_of_memory(config, name, T):
    """By how many MiB three training steps at T raise the peak; for the name "evaluation", a streamed one."""
    stepper(config, "VanillaRNN", 2)()  # what torch loads at the first step
    before = peak()
    if name == "evaluation":
        network = FastLSTM(T - 1, 10, config["hidden_dim"], 10)
        training.streamed(network, T, config["evaluation"]["n"], seed=0)
    else:
        step = stepper(config, name, T)
        for _ in range(3):
            step()
    return peak() - before


def in_a_process_of_its_own(config, name, T):
    """growth_of_memory(config, name, T) of a fresh process."""
    code = (
        "import sys, torch; from lstm_study import benchmark; torch.set_num_threads(1); "
        f"print(benchmark.{growth_of_memory.__name__}({config!r}, {name!r}, {T}))"  # so the fingerprint covers it
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PART1, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the process that measures the memory of {name} at T = {T} failed:\n{done.stderr}")
    return round(float(done.stdout), 1)


if artifacts.SMOKE:  # a toy is not worth the seconds that each process takes to begin
    in_a_process_of_its_own = growth_of_memory


def perform(config):
    """{"milliseconds": {name: [...]}, "memory": {name: [...]}, "evaluation_memory": [...]}, one value per length."""
    memory = {name: [in_a_process_of_its_own(config, name, T) for T in config["memory_lengths"]] for name in NETWORKS}
    evaluation = [in_a_process_of_its_own(config, "evaluation", T) for T in config["evaluation"]["lengths"]]
    threads = torch.get_num_threads()
    torch.set_num_threads(config["threads"])
    try:
        return {"milliseconds": times(config), "memory": memory, "evaluation_memory": evaluation}
    finally:
        torch.set_num_threads(threads)


def runs():
    yield artifacts.Run("benchmark", CONFIG)


EXPERIMENT = artifacts.Experiment(runs, perform, "time and memory of a training step", alone=True)
