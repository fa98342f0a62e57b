"""The tables of Part I, each a report.tables.Table: LaTeX in the report, Markdown in the notebook."""

import itertools
import math

import torch

from lstm import LSTM
from lstm_study import benchmark, claims, experiments
from lstm_study.joined import JoinedLSTM, JoinedRNN
from lstm_study.summaries import (
    NAMES,
    beyond,
    curricula,
    grouped,
    label,
    last_epochs,
    longest,
    median_updates,
    n_solved,
    percent,
    race_series,
    reached,
    series,
    word,
)
from tables import Table
from vanilla_rnn import VanillaRNN

ANSWERS = {"parity": "digit with an odd count", "counting": "most frequent digit", "constant": "constant answer"}
DIGITS = {1: "number", 10: "one-hot"}
TIMED = {  # networks of the benchmark that are shown
    "FastLSTM": "FastLSTM",
    "JoinedLSTM": "JoinedLSTM",
    "LSTM": "lstm.py",
    "torch.nn.LSTM": "torch.nn.LSTM",
    "VanillaRNN": "vanilla_rnn.py",
}


def shape(tensor, batch=None):
    """A tensor's shape as mathematics, its dimension of size `batch` as B."""
    return "$" + r" \times ".join("B" if n == batch else str(n) for n in tensor.shape) + "$"


def parameters():
    """The parameters of LSTM and RNN, one-hot digits and 128 hidden units, with their shapes."""
    rows = []
    for name, network in (("LSTM", LSTM(30, 10, 128, 10)), ("RNN", VanillaRNN(29, 10, 128, 10))):
        by_shape = {}
        for key, parameter in network.named_parameters():
            letter, _, index = key.partition("_")
            by_shape.setdefault(shape(parameter), []).append(f"${letter}_{{{index}}}$")
        total = sum(p.numel() for p in network.parameters())
        for number, (size, keys) in enumerate(by_shape.items()):
            rows.append(["" if number else name, ", ".join(keys), size, "" if number else total])
    return Table(["network", "parameters", "shape", "in all"], rows, "llrr")


def sizes(batch=3):
    """The matrices of one step of LSTM and RNN, one-hot digits and 128 hidden units, for a batch of B."""
    x, rows = torch.nn.functional.one_hot(torch.zeros(batch, 29, dtype=int), 10).float(), []
    for name, network, letters in (
        ("LSTM", JoinedLSTM(30, 10, 128, 10), "gifoch"),
        ("RNN", JoinedRNN(29, 10, 128, 10), "h"),
    ):
        by_size = {shape(x[:, 0], batch): ["x"]}
        for letter, value in zip(letters, next(iter(network.steps(x))), strict=True):
            by_size.setdefault(shape(value.T, batch), []).append(letter)
        by_size.setdefault(shape(network(x), batch), []).extend("py")
        for number, (size, found) in enumerate(by_size.items()):
            rows.append(["" if number else name, f"${', '.join(found)}$", size])
    return Table(["network", "matrices", "size"], rows, "llr")


def recipes():
    """The optimiser that goes with each initialisation, and the experiments that use the two."""
    rows, used = [], {}
    for name, experiment in experiments.EXPERIMENTS.items():
        if not experiment.after and not name.startswith("race"):
            for run in experiment.runs():
                key = run.config.get("model"), run.config.get("initialisation")
                used.setdefault(key, {})[name] = True
    for (model, initialisation), settings in experiments.RECIPES.items():
        where = ", ".join(sorted(used.get((model, initialisation), ())))
        optimiser = {"RMSprop": "RMSProp"}.get(settings["optimizer"], settings["optimizer"])
        rows.append([NAMES[model], word(initialisation), optimiser, f"{settings['lr']:g}", where])
    return Table(["network", "initialisation", "optimiser", "learning rate", "experiments"], rows, "lllrl")


def optimisers():
    """Seeds that solve T = 30 and their median updates, by initialisation and optimiser."""
    keys, found = ("model", "initialisation", "T", "optimizer"), {}
    for name in ("B1", "efficiency", "optimisers"):
        found |= grouped(name, *keys)
    rows = []
    for model, initialisation, T in grouped("optimisers", *keys[:3]):
        row = [NAMES[model], word(initialisation)]
        for optimizer in ("RMSprop", "Adam"):
            runs = found.get((model, initialisation, T, optimizer), [])  # toy runs lack some
            row += [f"{n_solved(runs)} of {len(runs)}", (median_updates(runs) if runs else None) or "--"]
        rows.append(row)
    header = ["network", "initialisation", "RMSProp: solved", "updates", "Adam: solved", "updates"]
    return Table(header, rows, "llrrrr")


def accuracy():
    """Test accuracy in per cent after training at one length, and what answers without any network get."""
    baselines = experiments.load("baselines")
    lengths = [run["config"]["T"] for run in baselines]
    rows = []
    for (model, initialisation), at in series().items():
        cells = [percent([r["accuracy"] for r in at[T]]) if T in at else "" for T in lengths]
        rows.append([NAMES[model], word(initialisation), *cells])
    rows.append(None)
    for key, words in ANSWERS.items():
        rows.append(["none", words, *(percent([run[key]]) for run in baselines)])
    header = ["network", "initialisation or answer", *(f"$T={T}$" for T in lengths)]
    return Table(header, rows, "ll" + "r" * len(lengths))


def glance():
    """Validation accuracy in per cent with the template's defaults."""
    rows = [[NAMES[m], percent(last_epochs(m, n=1)), percent(last_epochs(m))] for m in ("lstm", "rnn")]
    return Table(["", "last epoch", "last ten epochs"], rows, "lrr")


def glance_lengths():
    """Test accuracy in per cent of experiment B1, a row per T."""
    lstm, rnn = series()["lstm", "forget bias 1"], series()["rnn", "glorot"]
    rows = [[T, *(percent([run["accuracy"] for run in at[T]]) for at in (lstm, rnn))] for T in lstm]
    return Table(["$T$", "LSTM", "RNN"], rows, "rrr")


def baselines():
    """What answers without any network get, a row per T."""
    rows = [
        [run["config"]["T"], *(f"{100 * run[key]:.1f}" for key in ANSWERS)] for run in experiments.load("baselines")
    ]
    return Table(["T", *(f"{words}, %" for words in ANSWERS.values())], rows, "rrrr")


def updates():
    """Median updates until solved, a column per T."""
    rows, found = [], series()
    lengths = sorted({T for at in found.values() for T in at})
    for (model, initialisation), at in found.items():
        cells = ["" if T not in at else median_updates(at[T]) or "never" for T in lengths]
        rows.append([NAMES[model], word(initialisation), *cells])
    return Table(["network", "initialisation", *(f"T = {T}" for T in lengths)], rows, "ll" + "r" * len(lengths))


def trap():
    """Per cent of labels 0, of a constant answer's and of the LSTM's accuracy, on leaking and on honest data."""
    rows = []
    for (T, leaking), runs in grouped("trap", "T", "leaking").items():
        keys = ("zeros", "constant", "accuracy", "honest_accuracy")
        values = [percent([run[key] for run in runs]) for key in keys]
        rows.append([T, "leaking" if leaking else "honest", *values])
    header = ["$T$", "data", "label 0", "constant answer", "LSTM, held-out", "LSTM, honest data"]
    return Table(header, rows, "rlrrrr")


def records():
    """Accuracy in per cent of networks trained at short T, far beyond it."""
    rows = []
    for initialisation, tests in beyond().items():
        for number, (T, (scores, n)) in enumerate(tests.items()):
            perfect = f"{sum(score == 1 for score in scores)} of {len(scores)}"
            least = f"{100 * min(scores):.2f}"
            rows.append(["" if number else word(initialisation), T, n, percent(scores), least, perfect])
    rows.append(None)
    for number, run in enumerate(reversed(experiments.load("far"))):
        (test,) = run["tests"]
        score = f"{100 * test['accuracy']:.2f}"
        rows.append(["" if number else "bistable, median seed", test["T"], test["n"], score, score, ""])
    header = ["initialisation", "$T$", "palindromes", "accuracy", "lowest seed", "seeds without error"]
    return Table(header, rows, "lrrrrr")


def proof():
    """What interval arithmetic shows of the shipped bistable LSTM, and of how many seeds it shows everything."""
    _, shipped = experiments.network("lstm_bistable")
    proofs = {run["config"]["seed"]: run["proof"] for run in experiments.load("proofs")}
    found = proofs[shipped["config"]["seed"]]
    rows = [
        ["beginnings of a palindrome that were examined", 10 ** found["prefix"]],
        ["digits in each beginning", found["prefix"]],
        ["beginnings that are answered correctly, whatever follows", f"{found['proven']:.2%}"],
        ["cells that keep their sign, whatever follows", f"{found['latched']:.2%}"],
        ["smallest lead of the right answer's logit", f"{found['lead'] or 0:.1f}"],
        [
            "seeds of which all beginnings are proven",
            f"{sum(p['proven'] == 1 for p in proofs.values())} of {len(proofs)}",
        ],
    ]
    return Table(["shipped bistable LSTM", "result"], rows, "lr")


def summary():
    """The results of Part I in a few rows."""
    rows = [[f"{NAMES[m]}, template settings, T = 5: validation accuracy, %", percent(last_epochs(m))] for m in NAMES]
    found = series()
    for model, initialisation in (("lstm", "forget bias 1"), ("rnn", "glorot")):
        T = longest(found[model, initialisation]) or "none"
        rows.append([f"{label(model, initialisation)}: longest T up to which every seed solved every length", T])
    bistable = found["lstm", "bistable"]
    for T in (min(bistable), max(bistable)):
        rows.append([f"bistable LSTM, T = {T}: median updates until solved", median_updates(bistable[T]) or "never"])
    (far,) = experiments.load("far")[0]["tests"]
    rows.append([f"its median seed, T = {far['T']:,}, {far['n']:,} palindromes: accuracy", f"{far['accuracy']:.2%}"])
    verdicts = [claim.verdict for claim in claims.every()]
    rows += [[f"claims of published solutions: {verdict}", verdicts.count(verdict)] for verdict in claims.VERDICTS]
    return Table(["", "result"], rows, "lr")


def walls():
    """The longest T that each seed of a curriculum solved, and accuracies in per cent far beyond it."""
    lengths = [test["T"] for test in experiments.load("wall")[0]["tests"]]
    rows = []
    for (model, initialisation), runs in curricula().items():
        longest = ", ".join(f"{reached(run):,}" for run in runs)
        tested = [run["tests"] for run in runs if "tests" in run]
        scores = [", ".join(f"{100 * tests[at]['accuracy']:.1f}" for tests in tested) for at in range(len(lengths))]
        rows.append([NAMES[model], word(initialisation), longest, *(score or "--" for score in scores)])
    header = ["network", "initialisation", "longest $T$ solved", *(f"accuracy at T = {T:,}" for T in lengths)]
    return Table(header, rows, "lll" + "r" * len(lengths))


def verdicts():
    """The claims of published solutions, sorted by verdict."""
    rows = []
    for verdict in claims.VERDICTS:
        found = [[verdict, c.source, c.claim, c.condition, c.measured] for c in claims.every() if c.verdict == verdict]
        rows += [None, *found] if rows and found else found
    return Table(["verdict", "", "claim", "holds if", "measured"], rows, "lllll")


def speed():
    """Milliseconds and MiB of a training step."""
    result, lengths = benchmark.load(), benchmark.CONFIG["lengths"]
    memory_lengths = [T for T in benchmark.CONFIG["memory_lengths"] if T >= 100]
    rows = []
    for name, words in TIMED.items():
        memory = dict(zip(benchmark.CONFIG["memory_lengths"], result["memory"][name], strict=True))
        milliseconds = [f"{value:,.1f}" for value in result["milliseconds"][name]]
        rows.append([words, *milliseconds, *(f"{memory[T]:,.0f}" for T in memory_lengths)])
    header = ["", *(f"ms, T = {T:,}" for T in lengths), *(f"MiB, T = {T:,}" for T in memory_lengths)]
    return Table(header, rows, "l" + "r" * len(header[1:]))


def race():
    """The race's learning rates, and median updates until solved; bold: the fewer of LSTM and RNN."""
    rates, best, found, rows = experiments.chosen_rates(), experiments.chosen_initialisations(), race_series(), []
    lengths = [*found["lstm", 1, 0]]
    for digits, start, model in itertools.product((1, 10), (0, 1), ("lstm", "rnn")):
        initialisation = best[model, digits] if start else "pytorch"
        words = [DIGITS[digits], ("best: " if start else "") + word(initialisation), NAMES[model]]
        chosen = [f"{rates[T, model, initialisation, digits]:g}" for T in lengths]
        until = {name: [median_updates(found[name, digits, start][T]) or math.inf for T in lengths] for name in NAMES}
        fewest = [min(pair) for pair in zip(*until.values(), strict=True)]
        cells = zip(until[model], fewest, strict=True)
        rows.append([*words, *chosen, *("--" if n == math.inf else bold(n) if n == few else n for n, few in cells)])
    heads = (f"{what}, T = {T}" for what in ("learning rate", "updates until solved") for T in lengths)
    return Table(["digits", "initialisation", "network", *heads], rows, "lll" + "r" * 2 * len(lengths))


def bold(number):
    return f"**{number:,}**"
