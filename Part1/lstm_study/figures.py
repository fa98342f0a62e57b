"""The figures of Part I's experiments. Each function reads results and returns the figure it drew.

Where there are several seeds, a line is their median and a band their range. Figures are drawn under
`plt.style.context(STYLE)`.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np

import artifacts
from lstm_study import experiments
from lstm_study.experiments import grouped, points
from lstm_study.summaries import NAMES, accuracies, race_series, series, setting, word

STYLE = artifacts.STYLE
COLOURS = {"lstm": "#0072B2", "rnn": "#D55E00"}
MARKERS = {"lstm": "o", "rnn": "s"}
SERIES_COLOURS = {
    ("lstm", "pytorch"): "#999999",
    ("lstm", "forget bias 1"): "#56B4E9",
    ("lstm", "chrono"): "#009E73",
    ("lstm", "bistable"): "#0072B2",
    ("rnn", "pytorch"): "#D55E00",
    ("rnn", "glorot"): "#D55E00",
    ("rnn", "identity"): "#E69F00",
    ("rnn", "bistable"): "#7F3C00",
}


def panels(rows, columns, height, width=6.3, **options):
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def ticks(axis, values):
    axis.set_ticks(values, [f"{value:,}" for value in values])
    axis.set_tick_params(which="minor", size=0)
    axis.set_minor_formatter(lambda *_: "")


def chance(ax, value=0.1):
    ax.axhline(value, label="chance", color="#777777", lw=0.7)


def legend_above(fig, *axes, ncols=4):
    """One legend above all panels, of what `axes` show, each label once."""
    found = {}
    for ax in axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    fig.legend(found.values(), found.keys(), loc="outside upper center", ncols=ncols)


def band(ax, curves, **style):
    """Median and range of curves [[(x, value), ...], ...]; one that ends early keeps its last value."""
    x = sorted({at for curve in curves for at, _ in curve})
    values = np.array([np.interp(x, *zip(*curve, strict=True)) for curve in curves])
    (line,) = ax.plot(x, np.median(values, axis=0), **style)
    ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)


def defaults():
    """Validation loss and accuracy over the epochs of the template's own training."""
    fig, (left, right) = panels(1, 2, 1.6)
    for (model,), runs in grouped("defaults", "model").items():
        for ax, key in ((left, "val_loss"), (right, "val_accuracy")):
            band(ax, [list(enumerate(run[key], 1)) for run in runs], color=COLOURS[model], label=NAMES[model])
    left.set(xlabel="epoch", ylabel="loss")
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.03))
    chance(left, np.log(10))
    chance(right)
    legend_above(fig, right)
    return fig


def trap():
    """Validation accuracy over updates on leaking and on random data; networks of the former on random data."""
    groups = grouped("trap", "T", "leaking")
    lengths = sorted({T for T, _ in groups})
    fig, axes = panels(1, len(lengths), 1.6, sharey=True, squeeze=False)
    for ax, T in zip(axes[0], lengths, strict=True):
        for leaking, colour, name in ((True, "#D55E00", "leaking data"), (False, "#0072B2", "random data")):
            curves = [points(run, "val_accuracy") for run in groups[T, leaking]]
            band(ax, curves, color=colour, label=f"trained and validated on {name}")
        found = groups[T, True]
        ends, scores = [run["updates"] for run in found], [run["honest_accuracy"] for run in found]
        ax.plot(ends, scores, "x", color="#D55E00", ms=5, label="trained on leaking, tested on random data")
        chance(ax)
        ax.set(title=f"T = {T}", xlabel="updates", ylim=(0, 1.03))
    axes[0, 0].set_ylabel("accuracy")
    legend_above(fig, axes[0, 0], ncols=2)
    return fig


def curves(experiment, initialisations=experiments.PUBLISHED, log=True, training=True):
    """Accuracy and loss over updates, a column per T, RNN above LSTM: of validation, and dashed of `training`.

    `initialisations` is {network: its initialisation}.
    """
    groups = grouped(experiment, "model", "initialisation", "T")
    lengths = sorted({T for *_, T in groups})
    fig, axes = panels(4, len(lengths), 2.55, sharex=True, sharey="row", squeeze=False)
    for row, (kind, model) in zip(axes, itertools.product(("accuracy", "loss"), ("rnn", "lstm")), strict=True):
        row[0].set_ylabel(f" \n{NAMES[model]}")
        if model == "rnn":  # the empty line above "RNN" and "LSTM" is for the name of both rows
            place = {"xycoords": (row[0].yaxis.label, "axes fraction"), "rotation": 90, "va": "center", "fontsize": 9}
            row[0].annotate(kind, (0, -0.25), **place).set_in_layout(False)
        for ax, T in zip(row, lengths, strict=True):
            runs = groups[model, initialisations[model], T]
            style = {"color": COLOURS[model], "label": f"{NAMES[model]}, validation"}
            band(ax, [points(run, f"val_{kind}") for run in runs], **style)
            if training:
                style |= {"ls": "--", "lw": 1, "label": f"{NAMES[model]}, training"}
                band(ax, [points(run, kind) for run in runs], **style)
            chance(ax, 0.1 if kind == "accuracy" else np.log(10))
            ax.set_ylim(0, 1.05 if kind == "accuracy" else 3.5)
            if log:
                ax.set_xscale("log")
                ticks(ax.xaxis, [100, 1000])
    for ax, T in zip(axes[0], lengths, strict=True):
        ax.set_title(f"T = {T}")
    fig.supxlabel("updates", fontsize=9)
    legend_above(fig, axes[0, 0], axes[1, 0], ncols=5)
    return fig


def A1():
    return curves("A1", dict.fromkeys(NAMES, "pytorch"), log=False)


def B1():
    return curves("B1", training=False)


def D1():
    return curves("D1")


def C1():
    """The first 1,000 updates at T = 5; then T = 20 with Adam at three learning rates."""
    groups = grouped("C1", "T", "lr", "optimizer", "model")
    rates = sorted({lr for T, lr, _, _ in groups if T == 20})
    fig, axes = panels(1, 2 + len(rates), 1.6)
    for model in ("lstm", "rnn"):
        style = {"color": COLOURS[model], "label": NAMES[model]}
        runs = groups[5, 1e-3, "RMSprop", model]
        band(axes[0], [points(run, "loss") for run in runs], **style)
        band(axes[1], [points(run, "val_accuracy") for run in runs], **style)
        for ax, lr in zip(axes[2:], rates, strict=True):
            band(ax, [points(run, "val_accuracy") for run in groups[20, lr, "Adam", model]], **style)
    axes[0].set(title="T = 5, RMSProp,\nrate 0.001", ylabel="training\nloss")
    axes[1].set(title="T = 5, RMSProp,\nrate 0.001", ylabel="validation\naccuracy")
    for ax, lr in zip(axes[2:], rates, strict=True):
        ax.set_title(f"T = 20, Adam,\nrate {lr:g}")
        ax.tick_params(labelleft=False)
    for ax in axes[1:]:
        ax.set_ylim(0, 1.03)
        chance(ax)
    fig.supxlabel("updates", fontsize=9)
    legend_above(fig, axes[1])
    return fig


def updates():
    """Updates until solved against T: medians, bars over the range of seeds, open where a seed never solved it."""
    fig, axes = panels(1, 2, 2.3, sharex=True, sharey=True)
    by_model = dict(zip(NAMES, axes, strict=True))
    for number, ((model, initialisation), lengths) in enumerate(series().items()):
        ax = by_model[model]
        style = {"color": SERIES_COLOURS[model, initialisation], "marker": MARKERS[model], "lw": 1}
        limit = max(run["config"]["max_updates"] for runs in lengths.values() for run in runs)
        values = {T: [run["solved_at"] or limit for run in runs] for T, runs in lengths.items()}
        x = np.array([*lengths]) * 1.012 ** (number - 3)  # side by side, so that bars do not hide each other
        middle = np.array([np.median(each) for each in values.values()])
        down, up = middle - [min(v) for v in values.values()], [max(v) for v in values.values()] - middle
        ax.errorbar(x, middle, [down, up], label=word(initialisation), capsize=2, **style)
        never = [any(run["solved_at"] is None for run in runs) for runs in lengths.values()]
        ax.plot(x[never], middle[never], **style | {"lw": 0, "mfc": "white", "zorder": 3})
    for model, ax in by_model.items():
        ax.set(xscale="log", yscale="log", xlabel="T")
        ticks(ax.xaxis, [5, 10, 20, 30, 50, 100])
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, title=NAMES[model], title_fontsize=9)
    axes[0].set_ylabel("updates until solved")
    return fig


def race_panel(ax, input_dim, start):
    """Test accuracy against T in the race: a dot per seed, offset horizontally, and the median as a line."""
    for model, side, width in (("lstm", -0.35, 3), ("rnn", 0.35, 1.2)):  # two widths: both show where they coincide
        scores = {T: accuracies(runs) for T, runs in race_series()[model, input_dim, start].items()}
        dots = np.array([(T + side, score) for T, each in scores.items() for score in each])
        style = {"color": COLOURS[model], "ms": 3, "mew": 0}
        ax.plot(*dots.T, MARKERS[model], alpha=0.6, label=f"{NAMES[model]}, each seed", **style)
        ax.plot([*scores], [*map(np.median, scores.values())], lw=width, label=f"{NAMES[model]}, median", **style)
    baselines = [(run["config"]["T"], run["counting"]) for run in experiments.load("baselines")]
    ax.plot(*zip(*baselines, strict=True), color="#777777", lw=0.7, ls=":", label="most frequent digit")
    chance(ax)
    ax.set(ylim=(0, 1.05), xlabel="T", xticks=[T for T, _ in baselines])


def race():
    """Test accuracy against T of LSTM and RNN: a column per initialisation, a row per input, a dot per seed."""
    fig, axes = panels(2, 2, 3.2, sharex=True, sharey=True)
    best = experiments.chosen_initialisations()
    for row, input_dim, digits in zip(axes, (1, 10), ("as numbers", "one-hot"), strict=True):
        for start, ax in enumerate(row):
            race_panel(ax, input_dim, start)
            ax.label_outer()
        row[0].set(title="PyTorch's initialisation for both", ylabel=f"digits {digits}\ntest accuracy")
        row[1].set_title(f"LSTM: {word(best['lstm', input_dim])}, RNN: {word(best['rnn', input_dim])}")
    legend_above(fig, axes[0, 0], ncols=3)
    return fig


def race_glance():
    """The race's panel of one-hot digits and PyTorch's initialisation, small."""
    fig, ax = panels(1, 1, 1.4, width=3.2)
    race_panel(ax, 10, 0)
    ax.set_ylabel("accuracy")
    lines = [line for line in ax.lines if line.get_label().endswith(("median", "chance"))]
    fig.legend(handles=lines, loc="outside upper center", ncols=3, handlelength=1.2, columnspacing=1)
    return fig


def race_curves():
    """Validation accuracy over updates, a panel per T: one-hot digits, PyTorch's initialisation."""
    found = {model: race_series()[model, 10, 0] for model in NAMES}
    limit = setting("race", "max_updates")
    fig, axes = panels(1, len(found["lstm"]), 1.6, width=6.85, sharex=True, sharey=True, squeeze=False)
    for ax, T in zip(axes[0], found["lstm"], strict=True):
        for model, width in (("lstm", 2.5), ("rnn", 1.2)):  # two widths: both show where they coincide
            runs = [points(run, "val_accuracy") or [(run["updates"], 0.0)] for run in found[model][T]]  # or it diverged
            runs = [[*run, (limit, run[-1][1])] for run in runs]
            band(ax, runs, color=COLOURS[model], label=NAMES[model], lw=width)
        chance(ax)
        ax.set(title=f"T = {T}", xscale="log", ylim=(0, 1.05))
        ticks(ax.xaxis, [10, 100, 1000])
    axes[0, 0].set_ylabel("accuracy")
    fig.supxlabel("updates", fontsize=9)
    legend_above(fig, axes[0, 0])
    return fig
