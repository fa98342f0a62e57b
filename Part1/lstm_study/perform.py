"""What the runs of Part I's experiments do: each function performs a run, whose configuration experiments.py made."""

import argparse
import contextlib
import io
import math
import time
import warnings
from pathlib import Path

import torch

import artifacts
import dataset
import train as template
import utils
from lstm_study import proof, training
from lstm_study.fast_lstm import FastLSTM, FastRNN

NETWORKS = {"lstm": FastLSTM, "rnn": FastRNN}
RESULTS = Path(__file__).resolve().parents[1] / "results"


def defaults(config):
    """Runs train.main silently: no line per epoch, no warning that T = 5 has only 1,000 palindromes."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return template.main(argparse.Namespace(**config))


def plain(config):
    """As defaults, and the seconds of processor time that it took."""
    began = time.process_time()
    return defaults(config) | {"cpu_seconds": round(time.process_time() - began, 1)}


def baselines(config):
    """The accuracy of answers that need no order."""
    x, labels = dataset.PalindromeDataset(config["T"] - 1, config["total_len"], seed=config["seed"]).tensors()
    counts = torch.nn.functional.one_hot(x.long(), 10).sum(1)
    constant = labels.bincount(minlength=10).max().item() / len(labels)
    answers = {"counting": counts, "parity": counts % 2}  # of several with an odd count, the least
    return {"constant": constant} | {name: utils.accuracy(scores, labels) for name, scores in answers.items()}


def solve(config):
    """What training.solve measures; and the weights as a file, if config["weights"] names one."""
    model, results = training.solve(config, NETWORKS)
    return results | weights(config, model)


def weights(config, model):
    """{config["weights"]: the file's content}; nothing if none is named."""
    if "weights" not in config:
        return {}
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    return {config["weights"]: content.getvalue()}


def solve_and_test(config):
    """As `solve`, and the accuracy on fresh palindromes of other lengths."""
    model, results = training.solve(config, NETWORKS)
    return results | {"tests": tested(config, model)} | weights(config, model)


def tested(config, model):
    """[{"T", "n", "accuracy"}, ...] for each [T, n] of config["tests"]."""
    found = []
    for T, n in config["tests"]:
        right = training.streamed(model, T, n, seed=1000 + config["seed"])
        found.append({"T": T, "n": n, "accuracy": right})
    return found


def kept(config):
    """The content of the file of weights that another run has kept; ArtifactError if it is not the one it wrote."""
    path = RESULTS / config["weights"]
    content = path.read_bytes() if path.is_file() else b""
    if artifacts.sha256(content) != config["sha256"]:
        wrong = "is not the file that its run wrote" if content else "is missing"
        raise artifacts.ArtifactError(f"{path} {wrong}; restore it (git checkout Part1/results), or train it again")
    return content


def trained(config):
    """The network with these weights."""
    model = training.build(config, NETWORKS)
    model.load_state_dict(torch.load(io.BytesIO(kept(config)), weights_only=True, map_location="cpu"))
    return model


def far(config):
    """Accuracy of a network that another run has trained on palindromes of other lengths."""
    return {"tests": tested(config, trained(config))}


def prove(config):
    """What can be proven of a network that another run has trained, of all beginnings of config["prefix"] digits."""
    return {"proof": proof.proven(trained(config), config["prefix"])}


def shipped(config):
    """The weights that another run has kept, under a name of their own."""
    return {f"{config['model']}_{config['initialisation']}.pt": kept(config)}


def race(config):
    """As `solve`, but a training that diverges is a result: it answers nothing correctly."""
    try:
        _, results = training.solve(config, NETWORKS)
    except training.DivergedError as error:
        history = {"update": [], "loss": [], "val_accuracy": []}
        results = {"accuracy": 0.0, "solved_at": None, "updates": error.update, "diverged": error.update}
        results |= {"history": history}
    return results


def trap(config):
    """Beside its own held-out palindromes: accuracy on honest ones, and of always giving the commonest label."""
    model, results = training.solve(config, NETWORKS)
    T, seed, total_len = config["T"], config["seed"], config["total_len"]
    (_, y), (_, y_held) = training.palindromes(T, seed, total_len, config["leaking"])
    _, (x, labels) = training.palindromes(T, seed, total_len)
    places = 10.0 ** torch.arange(math.ceil(T / 2) - 1, -1, -1, dtype=torch.float64)
    unseen = x[:, : len(places)].double() @ places >= total_len  # the leaking ones are those below
    _, honest = training.validate(model, x[unseen], labels[unseen], config)
    constant = (y_held == y.mode().values).float().mean().item()
    zeros = torch.cat([y, y_held]).eq(0).float().mean().item()
    return results | {"honest_accuracy": honest, "n_honest": unseen.sum().item(), "constant": constant, "zeros": zeros}
