"""What the results of Part I say, for figures, tables and prose."""

import math
from statistics import mean, median, stdev

from lstm_study import experiments

NAMES = {"lstm": "LSTM", "rnn": "RNN"}
WORDS = {"pytorch": "PyTorch", "glorot": "Glorot"}  # initialisations whose name is not the word for them


def grouped(experiment, *keys):
    """The results of an experiment by their configurations' values of `keys`: {(value, ...): [result, ...]}."""
    groups = {}
    for run in experiments.load(experiment):
        groups.setdefault(tuple(run["config"][key] for key in keys), []).append(run)
    return groups


def word(initialisation):
    return WORDS.get(initialisation, initialisation)


def label(model, initialisation):
    return f"{NAMES[model]}, {word(initialisation)}"


def percent(values):
    """Mean of shares in per cent, with the standard deviation if there are several."""
    values = [100 * value for value in values]
    return f"{mean(values):.1f}" + (f" $\\pm$ {stdev(values):.1f}" if len(values) > 1 else "")


def n_solved(runs):
    return sum(run["solved_at"] is not None for run in runs)


def series():
    """{(network, initialisation): {T: runs}} of all training at a single length with one-hot digits (not the race)."""
    rows = {}
    for experiment in ("B1", "efficiency"):
        for (model, initialisation, T), runs in grouped(experiment, "model", "initialisation", "T").items():
            rows.setdefault((model, initialisation), {})[T] = runs
    return {key: dict(sorted(lengths.items())) for key, lengths in sorted(rows.items())}


def longest(lengths):
    """The longest T of {T: runs} up to which every seed solved every length; None if not even the first."""
    reached = None
    for T, runs in sorted(lengths.items()):
        if n_solved(runs) < len(runs):
            break
        reached = T
    return reached


def median_updates(runs):
    """Median of the updates until solved; None where half of the runs or more never solved their length."""
    value = median(run["solved_at"] or math.inf for run in runs)
    return None if math.isinf(value) else int(value)


def beyond():
    """{initialisation: {T: (accuracies of the seeds, number of palindromes)}} of `records`, far beyond training."""
    rows = {}
    for (initialisation,), runs in grouped("records", "initialisation").items():
        for number, test in enumerate(runs[0]["tests"]):
            scores = [run["tests"][number]["accuracy"] for run in runs]
            rows.setdefault(initialisation, {})[test["T"]] = scores, test["n"]
    return rows


def reached(run):
    """The longest length that a curriculum solved; 0 if not even the first."""
    return max((stage["T"] for stage in run["stages"] if stage["solved_at"]), default=0)


def curricula():
    """{(network, initialisation): runs} of C2 and `wall`."""
    rows = {}
    for experiment in ("C2", "wall"):
        for key, runs in grouped(experiment, "model", "initialisation").items():
            rows.setdefault(key, []).extend(runs)
    return rows


def last_epochs(model, key="val_accuracy", n=10):
    """Mean over the last n epochs of each seed of the template's own training."""
    return [mean(run[key][-n:]) for run in grouped("defaults", "model")[model,]]


def minutes(*names):
    """Minutes of computing that the runs of some experiments took, at least 1."""
    return max(1, round(sum(run["seconds"] for name in names for run in experiments.load(name)) / 60))


def race_is_there():
    """Whether the race has been run; a race that is incomplete or stale is an error wherever it is read."""
    return experiments.RESULTS.path("race").exists()


def race_series():
    """{(network, input_dim, 0 for PyTorch's initialisation or 1 for the best): {T: runs}} of the race."""
    rows = {}
    for key, runs in grouped("race", "model", "input_dim", "initialisation", "T").items():
        model, input_dim, initialisation, T = key
        rows.setdefault((model, input_dim, int(initialisation != "pytorch")), {})[T] = runs
    return {key: dict(sorted(lengths.items())) for key, lengths in sorted(rows.items())}


def race_ahead(start):
    """How far the LSTM's median accuracy is above the RNN's from initialisation `start`: a list, by input and T."""
    rows, ahead = race_series(), []
    for digits in (1, 10):
        for T, runs in rows["lstm", digits, start].items():
            ahead.append(median_accuracy(runs) - median_accuracy(rows["rnn", digits, start][T]))
    return ahead


def median_accuracy(runs):
    return median(run["accuracy"] for run in runs)
