"""Artifacts -> the tables of the report, as LaTeX. Each function reads what it shows."""

import sys
from pathlib import Path
from statistics import mean, stdev

for part in ("Part1", "Part2"):
    sys.path.append(str(Path(__file__).resolve().parent.parent / part))

import torch  # noqa: E402

import benchmark  # noqa: E402
import experiments  # noqa: E402
import gan_summaries  # noqa: E402
import grid  # noqa: E402
import my_gan  # noqa: E402
import recipes  # noqa: E402
import summaries  # noqa: E402
from lstm import LSTM  # noqa: E402
from vanilla_rnn import VanillaRNN  # noqa: E402

SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def escape(text):
    """`text` as LaTeX prints it literally."""
    return "".join(SPECIAL.get(c, "\\" + c if c in "&%$#_{}" else c) for c in str(text))


def percent(values):
    """Mean of shares in per cent, with the standard deviation if there are several."""
    values = [100 * value for value in values]
    return f"{mean(values):.1f}" + (f" $\\pm$ {stdev(values):.1f}" if len(values) > 1 else "")


def tabular(columns, header, rows):
    """A booktabs table; cells are LaTeX."""
    lines = [" & ".join(map(str, row)) + r" \\" for row in rows]
    top = [f"\\begin{{tabular}}[t]{{{columns}}}", r"\toprule", " & ".join(header) + r" \\", r"\midrule"]
    return "\n".join([*top, *lines, r"\bottomrule", r"\end{tabular}", ""])


def shape(tensor):
    return "$" + r" \times ".join(map(str, tensor.shape)) + "$"


def layer(network, x):
    """What each layer of `network` makes of the batch `x`, and the parameters it has."""
    rows = []
    for layer in network.net:
        x = layer(x)
        n_parameters = sum(p.numel() for p in layer.parameters())
        rows.append([escape(layer.__class__.__name__), f"$B \\times {x.shape[1]}$", f"{n_parameters:,}"])
    rows.append([r"\midrule total", "", f"{sum(p.numel() for p in network.parameters()):,}"])
    return tabular("lrr", ["layer", "output", "parameters"], rows)


def parameter():
    """The parameters of LSTM and RNN, one-hot digits and 128 hidden units, with their shapes."""
    rows = []
    for name, network in (("LSTM", LSTM(30, 10, 128, 10)), ("RNN", VanillaRNN(29, 10, 128, 10))):
        by_shape = {}
        for key, parameter in network.named_parameters():
            letter, _, index = key.partition("_")
            by_shape.setdefault(shape(parameter), []).append(f"${letter}_{{{index}}}$")
        total = sum(p.numel() for p in network.parameters())
        for number, (size, keys) in enumerate(by_shape.items()):
            rows.append(["" if number else name, ", ".join(keys), size, "" if number else f"{total:,}"])
    return tabular("llrr", ["network", "parameters", "shape", "in all"], rows)


def sizes(batch=3):
    """The matrices of one step of LSTM and RNN, one-hot digits and 128 hidden units, for a batch of B."""

    def words(tensor):
        return "$" + r" \times ".join("B" if n == batch else str(n) for n in tensor.shape) + "$"

    x, rows = torch.nn.functional.one_hot(torch.zeros(batch, 29, dtype=int), 10).float(), []
    for name, network, letters in (
        ("LSTM", LSTM(30, 10, 128, 10), "gifoch"),
        ("RNN", VanillaRNN(29, 10, 128, 10), "h"),
    ):
        by_size = {words(x[:, 0].T): ["x"]}
        for letter, value in zip(letters, next(iter(network.steps(x))), strict=True):
            by_size.setdefault(words(value), []).append(letter)
        by_size.setdefault(words(network(x).T), []).extend("py")
        for number, (size, found) in enumerate(by_size.items()):
            rows.append(["" if number else name, f"${', '.join(found)}$", size])
    return tabular("llr", ["network", "matrices", "size"], rows)


def recipe():
    """The recipes: what each adds to the common settings, and the experiments that train by it."""
    rows, used = [], {}
    for name in experiments.EXPERIMENTS:
        for run in experiments.load(name):
            if "recipe" in run["config"] and name not in experiments.LATER:
                used.setdefault((run["config"]["model"], run["config"]["recipe"]), {})[name] = True
    for (model, recipe), settings in grid.RECIPES.items():
        initial = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings["initialisation"].items())
        where = ", ".join(sorted(used.get((model, recipe), ())))
        row = [summaries.NAMES[model], summaries.start(model, recipe), settings["optimizer"], f"{settings['lr']:g}"]
        rows.append([*map(escape, row), escape(initial or "--"), where])
    header = ["network", "recipe", "optimiser", "rate", "initialisation", "experiments"]
    return tabular("lllrll", header, rows)


def optimisers():
    """The start or the optimiser? Seeds that solve T = 30 and their median updates, by start and optimiser."""
    keys, found = ("model", "recipe", "T", "optimizer"), {}
    for name in ("B1", "efficiency", "optimisers"):
        found |= summaries.grouped(name, *keys)
    rows = []
    for model, recipe, T in summaries.grouped("optimisers", *keys[:3]):
        row = [summaries.NAMES[model], escape(summaries.start(model, recipe))]
        for optimizer in ("RMSprop", "Adam"):
            runs = found.get((model, recipe, T, optimizer), [])  # the toy grid lacks some
            solved = f"{sum(run['solved_at'] is not None for run in runs)} of {len(runs)}"
            row += [solved, summaries.median_updates({T: runs} if runs else {}).get(T) or "--"]
        rows.append(row)
    return tabular("llrrrr", ["network", "start", "RMSProp", "updates", "Adam", "updates"], rows)


def accuracy():
    """Accuracy after training at one length, a row a network and recipe, a column a T."""
    lengths = [run["config"]["T"] for run in experiments.load("baselines")]
    rows = [
        [
            summaries.NAMES[model],
            escape(summaries.start(model, recipe)),
            *(percent([r["accuracy"] for r in at[T]]) if T in at else "" for T in lengths),
        ]
        for (model, recipe), at in summaries.series().items()
    ]
    answers = (("parity", "digit with an odd count"), ("counting", "commonest digit"), ("constant", "constant answer"))
    for number, (key, words) in enumerate(answers):
        values = [percent([run[key]]) for run in experiments.load("baselines")]
        rows.append([r"\midrule " * (number == 0) + "none", words, *values])
    return tabular("ll" + "r" * len(lengths), ["network", "recipe", *(f"$T={T}$" for T in lengths)], rows)


def trap():
    rows = []
    for (T, leaking), runs in summaries.grouped("trap", "T", "leaking").items():
        values = ([run[key] for run in runs] for key in ("zeros", "constant", "accuracy", "honest_accuracy"))
        rows.append([T, "leaking" if leaking else "honest", *map(percent, values)])
    return tabular("rlrrrr", ["$T$", "data", "label 0", "constant", "held back", "honest, unseen"], rows)


def records():
    """Accuracies of the networks trained at short T, far beyond it."""
    rows = []
    for recipe, tests in summaries.records().items():
        for number, (T, (scores, n)) in enumerate(tests.items()):
            perfect = f"{sum(score == 1 for score in scores)} of {len(scores)}"
            least = f"{100 * min(scores):.2f}"
            rows.append(["" if number else escape(recipe), f"{T:,}", f"{n:,}", percent(scores), least, perfect])
    for number, run in enumerate(experiments.load("far")[::-1]):
        (test,) = run["tests"]
        score = f"{100 * test['accuracy']:.2f}"
        first = "" if number else r"\midrule shipped"
        rows.append([first, f"{test['T']:,}", f"{test['n']:,}", score, score, "the median seed"])
    return tabular("lrrrrl", ["recipe", "$T$", "palindromes", "accuracy", "least", "seeds without error"], rows)


def wall():
    rows = []
    beyond = summaries.grouped("wall", "model", "recipe")
    tests = [test["T"] for test in experiments.load("wall")[0]["tests"]]
    for key, lengths in summaries.walls().items():
        runs = beyond.get(key, [])
        scores = [", ".join(f"{100 * run['tests'][at]['accuracy']:.1f}" for run in runs) for at in range(len(tests))]
        longest = ", ".join(f"{T:,}" for T in lengths)
        name = [summaries.NAMES[key[0]], escape(summaries.start(*key))]
        rows.append([*name, longest, *(score or "--" for score in scores)])
    return tabular(
        "lll" + "r" * len(tests), ["network", "recipe", "longest $T$ solved", *(f"$T={T:,}$" for T in tests)], rows
    )


def verdicts(table, long=True):
    """The inside of a longtable, whose head is repeated, or of a tabular."""
    rows = [[source, *map(escape, words)] for source, *words in table]
    head = ["", "claim", "holds if", "measured", "verdict"]
    body = "\n".join(" & ".join(row) + r" \\[2pt]" for row in rows)
    return "\n".join(
        [r"\toprule", " & ".join(head) + r" \\", r"\midrule" + r"\endhead" * long, body, r"\bottomrule", ""]
    )


def speed():
    artifact = benchmark.load()
    lengths = benchmark.CONFIG["lengths"]
    rows = []
    for name, values in artifact["milliseconds"].items():
        memory = dict(zip(benchmark.CONFIG["memory_lengths"], artifact["memory"][name], strict=True))
        shown = [f"{memory[T]:,.0f}" for T in benchmark.CONFIG["memory_lengths"] if T >= 100]
        rows.append([f"\\code{{{name}}}", *(f"{value:,.1f}" for value in values), *shown])
    memory_lengths = [f"$T={T:,}$" for T in benchmark.CONFIG["memory_lengths"] if T >= 100]
    header = ["", *(f"$T={T:,}$" for T in lengths), *memory_lengths]
    return tabular("l" + "r" * len(lengths) + "@{\\qquad}" + "r" * len(memory_lengths), header, rows)


UNUSED = {"C3": ("beta1", "beta2", "bn_eps")}  # RMSProp has no betas, C3's generator no BatchNorm


def gan_recipes():
    """The recipes of Part II: a row a setting that differs between them."""
    settings = {name: my_gan.parse(["--recipe", name]).config for name in recipes.RECIPES}
    keys = [key for key in settings["ours"] if len({str(config[key]) for config in settings.values()}) > 1]
    rows = []
    for key in keys:
        values = ("--" if key in UNUSED.get(name, ()) else escape(config[key]) for name, config in settings.items())
        rows.append([escape(key), *values])
    return tabular("l" + "r" * len(settings), ["flag", *map(escape, settings)], rows)


def quality():
    """What gan_summaries.quality found, a row a recipe and length."""
    rows = []
    for name, values in gan_summaries.quality().items():
        if name == "real images":
            name = r"\midrule real images"
        rest = [f"{values[key]:.2f}" for key in ("precision", "recall", "density", "coverage")]
        seconds = f"{values['epoch_seconds']:.1f}" if "epoch_seconds" in values else "--"
        shares = f"{100 * values['least']:.1f}--{100 * values['most']:.1f}"
        distance = f"{values['frechet']:.3f} ({values['tuning']:.2f})"
        rows.append([name, values.get("seeds", "--"), distance, f"{values['score']:.2f}", shares, *rest, seconds])
    header = ["recipe", "seeds", "Fr\\'echet", "score", "digits", "prec.", "recall", "density", "cover.", "s/epoch"]
    return tabular("lrrrrrrrrr", header, rows)
