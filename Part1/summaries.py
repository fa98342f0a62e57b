"""Artifacts of Part I -> what figures, tables and prose show of them."""

import numpy as np

import claims
import experiments

NAMES = {"lstm": "LSTM", "rnn": "RNN"}


def grouped(experiment, *keys):
    """The artifacts of an experiment by their configurations' values of `keys`: {(value, ...): [artifact, ...]}."""
    groups = {}
    for artifact in experiments.load(experiment):
        groups.setdefault(tuple(artifact["config"][key] for key in keys), []).append(artifact)
    return groups


def start(model, recipe):
    """What a recipe is called in print: the RNN's "torch's default" has our input weights and biases."""
    return "uniform" if (model, recipe) == ("rnn", "torch's default") else recipe


def label(model, recipe):
    return f"{NAMES[model]}, {start(model, recipe)}"


def series():
    """{(model, recipe): {T: runs}} of all single-length training with one-hot digits."""
    rows = {}
    for experiment in ("B1", "efficiency"):
        for (model, recipe, T), runs in grouped(experiment, "model", "recipe", "T").items():
            rows.setdefault((model, recipe), {})[T] = runs
    return {key: dict(sorted(lengths.items())) for key, lengths in sorted(rows.items())}


def longest(lengths):
    """The longest T of {T: runs} up to which every seed solved every length; None if not even the first."""
    solved = [T for T, runs in lengths.items() if all(run["solved_at"] for run in runs)]
    return max((T for T in solved if all(shorter in solved for shorter in lengths if shorter < T)), default=None)


def records():
    """{recipe: {T: (accuracies of the seeds, number of palindromes)}} of the record's networks, far beyond training."""
    rows = {}
    for (recipe,), runs in grouped("records", "recipe").items():
        for number, test in enumerate(runs[0]["tests"]):
            scores = [run["tests"][number]["accuracy"] for run in runs]
            rows.setdefault(recipe, {})[test["T"]] = scores, test["n"]
    return rows


def walls():
    """{(model, recipe): longest T that each seed of a curriculum solved}."""
    rows = {}
    for run in [*experiments.load("C2"), *experiments.load("wall")]:
        rows.setdefault((run["config"]["model"], run["config"]["recipe"]), []).append(claims.reached(run))
    return rows


def median_updates(lengths):
    """{T: median of updates until solved}, None where half of the seeds or more never solved it."""
    result = {}
    for T, runs in lengths.items():
        value = np.median([run["solved_at"] or np.inf for run in runs])
        result[T] = None if np.isinf(value) else int(value)
    return result
