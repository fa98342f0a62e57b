"""Time and memory of a training step, our LSTM beside torch.nn.LSTM and the equations taken literally; one table.

python benchmark.py                 measures if results/benchmark.json is not up to date, and prints it
python benchmark.py --again         measures anew

A step is forward, loss, backward, clipping, RMSProp. In one process with the same threads all take their turns, and the
median of five rounds counts. Memory is the peak of resident memory in a process of its own that trains at one T alone,
less what the same process had before it built the network.
"""

import argparse
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
import dataset
import fast_lstm
import lstm
import solve
import vanilla_rnn

CONFIG = {
    "batch_size": 128,
    "hidden_dim": 128,
    "rounds": 1 if artifacts.SMOKE else 5,
    "time_steps": 10 if artifacts.SMOKE else 300,  # in a round, at least one update
    "lengths": [10] if artifacts.SMOKE else [10, 30, 100, 300, 1000],
    "memory_lengths": [150] if artifacts.SMOKE else [10, 30, 100, 150, 300, 1000],
    "evaluation": {"n": 256, "lengths": [200] if artifacts.SMOKE else [1000, 10_000]},
}
ARTIFACT = Path(__file__).parent / "results" / "benchmark.json"
COMMAND = "python benchmark.py"


class LiteralLSTM(lstm.LSTM):
    """Equations (1)-(6) letter by letter: eight products a step, digits as one-hot vectors."""

    def forward(self, x):
        x = F.one_hot(x.long(), self.input_dim).float()
        h = c = x.new_zeros(len(x), self.hidden_dim)
        for t in range(x.shape[1]):
            g = torch.tanh(x[:, t] @ self.W_gx.T + h @ self.W_gh.T + self.b_g)
            i = torch.sigmoid(x[:, t] @ self.W_ix.T + h @ self.W_ih.T + self.b_i)
            f = torch.sigmoid(x[:, t] @ self.W_fx.T + h @ self.W_fh.T + self.b_f)
            o = torch.sigmoid(x[:, t] @ self.W_ox.T + h @ self.W_oh.T + self.b_o)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph.T + self.b_p


class TorchLSTM(nn.Module):
    """torch's own, with an output layer; for comparison only."""

    def __init__(self, seq_length, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.lstm, self.linear = nn.LSTM(input_dim, hidden_dim), nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        h, _ = self.lstm(F.one_hot(x.T.long(), self.lstm.input_size).float())
        return self.linear(h[-1])


NETWORKS = {
    "FastLSTM": fast_lstm.FastLSTM,
    "LSTM": lstm.LSTM,
    "torch.nn.LSTM": TorchLSTM,
    "literal": LiteralLSTM,
    "VanillaRNN": vanilla_rnn.VanillaRNN,
}


def stepper(name, T):
    """A function that does one training step of the network `name` at length T."""
    torch.manual_seed(0)
    network = NETWORKS[name](T - 1, 10, CONFIG["hidden_dim"], 10)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)
    x = torch.randint(0, 10, (CONFIG["batch_size"], T - 1), dtype=torch.uint8)
    labels = x[:, 0].long()

    def step():
        loss = F.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()

    return step


def times():
    """{name: [milliseconds a training step, a value a length]}."""
    result = {name: [] for name in NETWORKS}
    for T in CONFIG["lengths"]:
        steps, repeats = {name: stepper(name, T) for name in NETWORKS}, max(1, CONFIG["time_steps"] // T)
        rounds = {name: [] for name in NETWORKS}
        for number in range(CONFIG["rounds"] + 1):
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


def child(name, T):
    """Prints by how many MiB three training steps at T raise the peak; for the name "evaluation", a streamed one."""
    stepper("VanillaRNN", 2)()  # what torch loads at the first step
    before = peak()
    if name == "evaluation":
        network = fast_lstm.FastLSTM(T - 1, 10, CONFIG["hidden_dim"], 10)
        solve.streamed(network, T, CONFIG["evaluation"]["n"], seed=0)
    else:
        step = stepper(name, T)
        for _ in range(3):
            step()
    print(peak() - before)


def in_a_process_of_its_own(name, T):
    command = [sys.executable, __file__, "--child", name, str(T)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return round(float(done.stdout), 1)


def measure():
    memory = {name: [in_a_process_of_its_own(name, T) for T in CONFIG["memory_lengths"]] for name in NETWORKS}
    evaluation = [in_a_process_of_its_own("evaluation", T) for T in CONFIG["evaluation"]["lengths"]]
    return {"milliseconds": times(), "memory": memory, "evaluation_memory": evaluation}


CODE = artifacts.code(LiteralLSTM, TorchLSTM, stepper, times, child, lstm, fast_lstm, vanilla_rnn, solve, dataset)


def load():
    return artifacts.read(ARTIFACT, CONFIG, CODE, COMMAND)


def ratio(one, other, T):
    """How many times as long a step of `one` takes as a step of `other`."""
    times, at = load()["milliseconds"], CONFIG["lengths"].index(T)
    return times[one][at] / times[other][at]


def growth(of, lengths, name="FastLSTM"):
    """By which factor time ("milliseconds", "lengths") or memory ("memory", "memory_lengths") grows from T = 100 on."""
    values = dict(zip(CONFIG[lengths], load()[of][name], strict=True))
    return values[max(values)] / values[100 if 100 in values else min(values)]


def table(artifact):
    """The artifact as Markdown that is aligned as text, too: milliseconds and MiB, a row a network, a column a T."""
    parts = []
    for title, lengths, rows, digits in (
        ("ms a training step, T =", CONFIG["lengths"], artifact["milliseconds"], ".1f"),
        ("MiB at the peak, T =", CONFIG["memory_lengths"], artifact["memory"], ".0f"),
        ("MiB of evaluation, T =", CONFIG["evaluation"]["lengths"], {"LSTM": artifact["evaluation_memory"]}, ".1f"),
    ):
        head = f"| {title:23} |" + "".join(f" {T:7,} |" for T in lengths)
        lines = [f"| {name:23} |" + "".join(f" {value:7,{digits}} |" for value in row) for name, row in rows.items()]
        parts.append("\n".join([head, f"| {'-' * 23} |" + " ------: |" * len(lengths), *lines]))
    return "\n\n".join(parts)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="measure even if the artifact is up to date")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)  # NAME T, in a process of its own
    args = parser.parse_args(argv)
    if args.child:
        return child(args.child[0], int(args.child[1]))
    if args.again or not artifacts.is_current(ARTIFACT, CONFIG, CODE):
        artifacts.prepare(ARTIFACT)
        began = time.perf_counter()
        results = measure()
        artifacts.write(ARTIFACT, CONFIG, CODE, time.perf_counter() - began, **results)
    print(table(load()))


if __name__ == "__main__":
    try:
        main()
    except artifacts.ArtifactError as error:
        sys.exit(f"benchmark.py: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"benchmark.py: {' '.join(error.cmd)} failed:\n{error.stderr}")
    except KeyboardInterrupt:
        sys.exit("\nbenchmark.py: interrupted; nothing was written")
