"""What the results of Part I say, for figures, tables and prose."""

import itertools
import math
from statistics import mean, median, stdev

from lstm_study import experiments
from lstm_study.experiments import grouped
from train import ENOUGH

NAMES = {"lstm": "LSTM", "rnn": "RNN"}
WORDS = {"pytorch": "PyTorch", "glorot": "Glorot"}  # initialisations whose name is not the word for them


def word(initialisation):
    return WORDS.get(initialisation, initialisation)


def label(model, initialisation):
    return f"{NAMES[model]}, {word(initialisation)}"


# -------------------------------------------------------------------------------------------------------- several runs


def setting(experiment, key):
    """What all runs of an experiment have as `key` of their configurations."""
    return experiments.load(experiment)[0]["config"][key]


def percent(values):
    """Mean of shares in per cent, with the standard deviation if there are several."""
    values = [100 * value for value in values]
    return f"{mean(values):.1f}" + (f" $\\pm$ {stdev(values):.1f}" if len(values) > 1 else "")


def accuracies(runs):
    return [run["accuracy"] for run in runs]


def median_accuracy(runs):
    return median(accuracies(runs))


def n_solved(runs):
    return sum(run["solved_at"] is not None for run in runs)


def median_updates(runs):
    """Median of the updates until solved; None where half of the runs or more never solved their length."""
    value = median(run["solved_at"] or math.inf for run in runs)
    return None if math.isinf(value) else int(value)


def longest(lengths):
    """The longest T of {T: runs} up to which every seed solved every length; None if not even the first."""
    solved = itertools.takewhile(lambda T: n_solved(lengths[T]) == len(lengths[T]), sorted(lengths))
    return max(solved, default=None)


def minutes(*names):
    """Minutes of computing that the runs of some experiments took, at least 1."""
    return max(1, round(sum(run["seconds"] for name in names for run in experiments.load(name)) / 60))


# ----------------------------------------------------------------------------------------------- results by experiment


def by_length(groups):
    """{(..., T): runs} as {(...): {T: runs}}, in order."""
    rows = {}
    for (*key, T), runs in sorted(groups.items()):
        rows.setdefault(tuple(key), {})[T] = runs
    return rows


def series():
    """{(network, initialisation): {T: runs}} of all training at a single length with one-hot digits (not the race)."""
    keys = "model", "initialisation", "T"
    trained_once = {key: runs for key, runs in grouped("records", *keys).items() if key[1] == "bistable"}
    return by_length(grouped("B1", *keys) | grouped("efficiency", *keys) | trained_once)


def race_series():
    """{(network, input_dim, 0 for PyTorch's initialisation or 1 for the best): {T: runs}} of the race."""
    groups = grouped("race", "model", "input_dim", "initialisation", "T")
    return by_length({(m, digits, int(name != "pytorch"), T): runs for (m, digits, name, T), runs in groups.items()})


def race_pairs():
    """{(input_dim, 0 or 1 as in race_series, T): (runs of the LSTM, runs of the RNN)} of the race."""
    rows, pairs = race_series(), {}
    for (model, *key), lengths in rows.items():
        if model == "lstm":
            pairs |= {(*key, T): (runs, rows["rnn", *key][T]) for T, runs in lengths.items()}
    return pairs


def race_solved():
    """How many seeds of the LSTM and of the RNN solved their length: a pair for each comparison of the race."""
    return [(n_solved(lstm), n_solved(rnn)) for lstm, rnn in race_pairs().values()]


def race_ahead(start):
    """How far the LSTM's median accuracy is above the RNN's from initialisation `start`: a list, by input and T."""
    pairs = race_pairs().items()
    return [median_accuracy(lstm) - median_accuracy(rnn) for (_, origin, _), (lstm, rnn) in pairs if origin == start]


def last_epochs(model, n):
    """Validation accuracy, a mean over the last n epochs of each seed of the template's own training."""
    return [mean(run["val_accuracy"][-n:]) for run in grouped("defaults", "model")[model,]]


def epochs(run):
    """Epochs of a run of `plain` until its validation accuracy was ENOUGH; None if it never was."""
    return next((epoch for epoch, value in enumerate(run["val_accuracy"], 1) if value >= ENOUGH), None)


def beyond():
    """{initialisation: {T: (accuracies of the seeds, number of palindromes)}} of `records`, far beyond training."""
    rows = {}
    for (initialisation,), runs in grouped("records", "initialisation").items():
        tests = zip(*(run["tests"] for run in runs), strict=True)  # of all seeds, length by length
        rows[initialisation] = {each[0]["T"]: (accuracies(each), each[0]["n"]) for each in tests}
    return rows


def reached(runs):
    """The longest length that each curriculum solved, in words; 0 if not even the first."""
    longest = (max((stage["T"] for stage in run["stages"] if stage["solved_at"]), default=0) for run in runs)
    return ", ".join(f"{T:,}" for T in longest)


def curricula():
    """{(network, initialisation): runs} of C2 and `wall`."""
    keys = "model", "initialisation"
    return grouped("C2", *keys) | grouped("wall", *keys)


def proofs():
    """(proof of the shipped bistable LSTM, proofs of all seeds)."""
    found = {run["config"]["seed"]: run["proof"] for run in experiments.load("proofs")}
    return found[shipped_record()["config"]["seed"]], [*found.values()]


def shipped_record():
    """The run of `records` whose network is shipped."""
    seed = experiments.load("shipped")[0]["config"]["seed"]
    return next(run for run in grouped("records", "initialisation")["bistable",] if run["config"]["seed"] == seed)


# ------------------------------------------------------------------------------------------------------- the benchmark


def benchmark():
    (result,) = experiments.load("benchmark")
    return result


def measured(of, name):
    """{T: milliseconds ("milliseconds") or peak in MiB ("memory") of a training step of the network `name`}."""
    result = benchmark()
    lengths = result["config"]["lengths" if of == "milliseconds" else "memory_lengths"]
    return dict(zip(lengths, result[of][name], strict=True))


def speed_up(name, other, T):
    """How many times as fast a step of the network `name` is as one of `other`."""
    return measured("milliseconds", other)[T] / measured("milliseconds", name)[T]


def growth(of):
    """By which factor FastLSTM's time ("milliseconds") or "memory" grows from T = 100 on."""
    values = measured(of, "FastLSTM")
    return values[max(values)] / values[100 if 100 in values else min(values)]
