"""The tables of Part I, each a report.tables.Table: LaTeX in the report, Markdown in the notebook."""

import itertools
import math
from statistics import mean

import torch

from lstm import LSTM
from lstm_study import benchmark, claims, experiments, inside, summaries
from lstm_study.experiments import grouped
from lstm_study.summaries import NAMES, accuracies, median_accuracy, median_updates, n_solved, percent, series, word
from tables import Table
from train import ENOUGH
from vanilla_rnn import VanillaRNN

MARKS = {"reproduced": r"$\checkmark$", "contradicted": r"$\times$", "not reproduced as tested": r"$\circ$"}
ANSWERS = {"parity": "digit with an odd count", "counting": "most frequent digit", "constant": "constant answer"}
DIGITS = {1: "number", 10: "one-hot"}
PAGES = {"LSTM": "lstm.py", "VanillaRNN": "vanilla_rnn.py"}


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


def sizes():
    """The matrices of one step of LSTM and RNN, one-hot digits and 128 hidden units, for a batch of B."""
    batch, rows = 3, []  # a size that no dimension has
    x = torch.nn.functional.one_hot(torch.zeros(batch, 29, dtype=int), 10).float()
    for name, network, letters in (
        ("LSTM", LSTM(30, 10, 128, 10), "gifoch"),
        ("RNN", VanillaRNN(29, 10, 128, 10), "h"),
    ):
        by_size = {shape(x[:, 0], batch): ["x"]}
        for letter, value in zip(letters, inside.steps(network, x)[0], strict=True):
            by_size.setdefault(shape(value, batch), []).append(letter)
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
                used.setdefault(key, set()).add(name)
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
        cells = [percent(accuracies(at[T])) if T in at else "" for T in lengths]
        rows.append([NAMES[model], word(initialisation), *cells])
    rows.append(None)
    for key, words in ANSWERS.items():
        rows.append(["none", words, *(percent([run[key]]) for run in baselines)])
    header = ["network", "initialisation or answer", *(f"$T={T}$" for T in lengths)]
    return Table(header, rows, "ll" + "r" * len(lengths))


def glance():
    """Validation accuracy in per cent with the template's defaults."""
    rows = [[NAMES[m], *(percent(summaries.last_epochs(m, n)) for n in (1, 10))] for m in NAMES]
    return Table(["", "last epoch", "last ten epochs"], rows, "lrr")


def plain():
    """What `python train.py` gives at other lengths: accuracy in per cent, epochs until train.ENOUGH, seconds."""
    rows = []
    for (T,), runs in grouped("plain", "T").items():  # a run with digits as numbers, one with one-hot digits
        cells = [(percent(run["val_accuracy"][-1:]), summaries.epochs(run) or "--") for run in runs]
        seconds = [f"{run['cpu_seconds'] / run['config']['max_epoch']:.1f}" for run in runs]
        rows.append([T, *cells[0], seconds[0], *cells[1], seconds[1]])
    reached = f"{100 * ENOUGH:g}% in epoch"
    header = ["$T$", "numbers: accuracy", reached, "s per epoch", "one-hot: accuracy", reached, "s per epoch"]
    return Table(header, rows, "rrrrrrr")


def trap():
    """Per cent of labels 0, of a constant answer's and of the LSTM's accuracy, on leaking and on random data."""
    rows = []
    for (T, leaking), runs in grouped("trap", "T", "leaking").items():
        keys = ("zeros", "constant", "accuracy", "honest_accuracy")
        values = [percent([run[key] for run in runs]) for key in keys]
        rows.append([T, "leaking" if leaking else "random", *values])
    header = ["$T$", "data", "label 0", "constant answer", "LSTM, held-out", "LSTM, random data"]
    return Table(header, rows, "rlrrrr")


def records():
    """Accuracy in per cent of networks trained at short T, far beyond it."""
    rows = []
    for initialisation, tests in summaries.beyond().items():
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
    """What interval arithmetic shows of the published bistable LSTM, and of how many seeds it shows everything."""
    found, every = summaries.proofs()
    rows = [
        ["beginnings of a palindrome that were examined", 10 ** found["prefix"]],
        ["digits in each beginning", found["prefix"]],
        ["beginnings that are answered correctly, whatever follows", f"{found['proven']:.2%}"],
        ["cells that keep their sign, whatever follows", f"{found['latched']:.2%}"],
        ["smallest lead of the right answer's logit", f"{found['lead'] or 0:.1f}"],
        ["seeds of which all beginnings are proven", f"{sum(p['proven'] == 1 for p in every)} of {len(every)}"],
    ]
    return Table(["shipped bistable LSTM", "result"], rows, "lr")


def summary():
    """The results of Part I in a few rows, which README.md shows, too."""
    n, race = len(experiments.SEEDS), summaries.race_series()
    words = f"LSTM at T = 5 with the template's default settings: validation accuracy, mean of {n} seeds"
    rows = [[words, f"{mean(summaries.last_epochs('lstm', 1)):.1%}"]]
    pairs = summaries.race_solved()
    lengths = f"T = 5 to {max(race['lstm', 10, 0])}"
    words = f"LSTM and RNN, {lengths}, 2 inputs, 2 initialisations, {n} seeds: runs solved, of {n * len(pairs)} each"
    rows.append([words, ", ".join(str(sum(solved)) for solved in zip(*pairs, strict=True))])
    for start, origin in enumerate(("PyTorch's initialisation", "each from its best initialisation")):
        for digits, inputs in ((10, "one-hot digits"), (1, "digits as numbers")):
            T = max(race["lstm", digits, start])
            scores = [f"{median_accuracy(race[m, digits, start][T]):.1%}" for m in NAMES]
            rows.append([f"LSTM and RNN at T = {T}, {inputs}, {origin}: median test accuracy", ", ".join(scores)])
    trained_at = experiments.load("records")[0]["config"]["stages"][-1]
    for T, (scores, n) in summaries.beyond()["bistable"].items():
        tested = f"seeds without an error on {n:,} palindromes of length {T:,}"
        rows.append([f"bistable LSTM trained at T = {trained_at}: {tested}", f"{scores.count(1)} of {len(scores)}"])
    for run in reversed(experiments.load("far")[:-1]):
        (test,) = run["tests"]
        words = f"accuracy of the median seed on {test['n']:,} palindromes of length {test['T']:,}"
        rows.append([words, f"{test['accuracy']:.1%}"])
    for T, runs in series()["lstm", "bistable"].items():
        if T in (30, 100):
            words = f"bistable LSTM: updates until 99.9% are correct at T = {T}, median of {len(runs)} seeds"
            rows.append([f"{words}, without curriculum, Adam at 0.001", median_updates(runs) or "never"])
    counts = ", ".join(str(claims.count(verdict)) for verdict in claims.VERDICTS)
    rows.append([f"claims of published solutions of Part I: {', '.join(claims.VERDICTS)}", counts])
    return Table(["measured", "result"], rows, "lr")


def walls():
    """The longest T that each seed of a curriculum solved, and accuracies in per cent far beyond it."""
    lengths = [test["T"] for test in experiments.load("wall")[0]["tests"]]
    rows = []
    for (model, initialisation), runs in summaries.curricula().items():
        tested = [run["tests"] for run in runs if "tests" in run]
        scores = [", ".join(f"{100 * tests[at]['accuracy']:.1f}" for tests in tested) for at in range(len(lengths))]
        rows.append([NAMES[model], word(initialisation), summaries.reached(runs), *(score or "--" for score in scores)])
    header = ["network", "initialisation", "longest $T$ solved", *(f"accuracy at T = {T:,}" for T in lengths)]
    return Table(header, rows, "lll" + "r" * len(lengths))


def verdicts():
    """The claims of published solutions, sorted by verdict."""
    rows = []
    for verdict, mark in MARKS.items():
        found = [[mark, c.source, c.claim, c.condition, c.measured] for c in claims.every() if c.verdict == verdict]
        rows += [None, *found] if rows and found else found
    return Table(["", "", "claim", "holds if", "measured"], rows, "clp{46mm}p{56mm}p{48mm}")


def speed():
    """Milliseconds and MiB of a training step."""
    rows = []
    for name in benchmark.NETWORKS:
        milliseconds, memory = summaries.measured("milliseconds", name), summaries.measured("memory", name)
        kept = {T: value for T, value in memory.items() if T >= 100}
        cells = [f"{value:,.1f}" for value in milliseconds.values()] + [f"{value:,.0f}" for value in kept.values()]
        rows.append([PAGES.get(name, name), *cells])
    header = ["", *(f"ms, T = {T:,}" for T in milliseconds), *(f"MiB, T = {T:,}" for T in kept)]
    return Table(header, rows, "l" + "r" * len(header[1:]))


def race(only=None):
    """The race's learning rates, and median updates until solved; bold: the fewer of LSTM and RNN. Or `only` one."""
    rates, best = experiments.chosen_rates(), experiments.chosen_initialisations()
    found, rows = summaries.race_series(), []
    lengths = [*found["lstm", 1, 0]]
    whats = [only] if only else ["learning rate", "updates until solved"]
    for digits, start, model in itertools.product((1, 10), (0, 1), NAMES):
        name = best[model, digits] if start else "pytorch"
        until = {m: [median_updates(found[m, digits, start][T]) or math.inf for T in lengths] for m in NAMES}
        fewest = map(min, *until.values())
        cells = {
            "learning rate": [f"{rates[T, model, name, digits]:g}" for T in lengths],
            "updates until solved": [updates_cell(*pair) for pair in zip(until[model], fewest, strict=True)],
        }
        shown = itertools.chain(*(cells[what] for what in whats))
        rows.append([DIGITS[digits], ("best: " if start else "") + word(name), NAMES[model], *shown])
    heads = [f"T = {T}" if only else f"{what}, T = {T}" for what in whats for T in lengths]
    columns = r"@{\hskip 9pt}".join(len(lengths) * "r" for _ in whats)
    return Table(["digits", "initialisation", "network", *heads], rows, "lll" + columns)


def updates_cell(updates, fewest):
    return "--" if updates == math.inf else f"**{updates:,}**" if updates == fewest else updates
