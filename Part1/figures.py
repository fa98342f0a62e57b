"""Artifacts -> the figures of Part I's experiments. Each function reads results/ and returns the figure it drew."""

import matplotlib.pyplot as plt
import numpy as np

import benchmark
import experiments
from summaries import NAMES, grouped, label, series

# Okabe and Ito's palette, safe for colour-blind readers
COLOURS = {"lstm": "#0072B2", "rnn": "#D55E00"}
RECIPE_COLOURS = {
    ("lstm", "torch's default"): "#999999",
    ("lstm", "forget bias 1"): "#56B4E9",
    ("lstm", "chrono"): "#009E73",
    ("lstm", "carousel"): "#CC79A7",
    ("lstm", "bistable"): "#0072B2",
    ("rnn", "torch's default"): "#D55E00",
    ("rnn", "identity"): "#E69F00",
    ("rnn", "orthogonal"): "#000000",
    ("rnn", "bistable"): "#F0E442",
}
CHANCE = {"color": "#999999", "lw": 0.8, "ls": ":"}


def panels(rows, columns, height, **options):
    fig, axes = plt.subplots(rows, columns, figsize=(6.3, height), layout="constrained", **options)
    fig.get_layout_engine().set(w_pad=0.08)
    return fig, axes


def ticks(axis, values):
    axis.set_ticks(values, [f"{value:,}" for value in values])
    axis.set_tick_params(which="minor", size=0)
    axis.set_minor_formatter(lambda *_: "")


def defaults():
    """Validation loss and accuracy over the epochs of the template's own training, a line a seed."""
    fig, (left, right) = panels(1, 2, 1.9)
    for (model,), runs in grouped("defaults", "model").items():
        for number, run in enumerate(runs):
            style = {"color": COLOURS[model], "lw": 0.8, "label": None if number else NAMES[model]}
            epochs = range(1, len(run["val_loss"]) + 1)
            left.plot(epochs, run["val_loss"], **style)
            right.plot(epochs, run["val_accuracy"], **style)
    left.set(xlabel="epoch", ylabel="validation loss")
    right.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1.02))
    right.axhline(0.1, **CHANCE)
    right.legend(fontsize=8)
    return fig


def trap():
    """Validation accuracy over updates on leaking and on honest data, and leaking-trained networks on honest data."""
    groups = grouped("trap", "T", "leaking")
    lengths = sorted({T for T, _ in groups})
    fig, axes = panels(1, len(lengths), 1.9, sharey=True, squeeze=False)
    for ax, T in zip(axes[0], lengths, strict=True):
        for leaking, colour, name in ((True, "#D55E00", "leaking data"), (False, "#0072B2", "honest data")):
            for number, run in enumerate(groups[T, leaking]):
                history = run["history"]
                ax.plot(
                    history["update"],
                    history["val_accuracy"],
                    color=colour,
                    lw=0.9,
                    label=None if number else name,
                )
                if leaking:
                    ax.plot(
                        history["update"][-1:],
                        [run["honest_accuracy"]],
                        "x",
                        color=colour,
                        ms=5,
                        label=None if number else "trained on leaking, tested on honest data",
                    )
        ax.axhline(0.1, **CHANCE)
        ax.set(title=f"T = {T}", xlabel="updates", ylim=(0, 1.04))
    axes[0, 0].set_ylabel("accuracy")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=7)
    return fig


def curves(experiment, recipes, log=True, training=False):
    """Loss and accuracy over updates, RNN above LSTM, a colour a length, a line a seed.

    `recipes` names the recipe of each model. Loss is of training, accuracy of validation; `training` adds the others.
    """
    groups = {
        key: runs for key, runs in grouped(experiment, "model", "recipe", "T").items() if recipes.get(key[0]) == key[1]
    }
    lengths = sorted({T for *_, T in groups})
    colours = dict(zip(lengths, plt.cm.viridis(np.linspace(0, 0.92, len(lengths))), strict=True))
    fig, axes = panels(2, 2, 2.6, sharex=True, sharey="col")
    for model, T in [(model, T) for model in ("rnn", "lstm") for T in lengths]:
        left, right = axes[("rnn", "lstm").index(model)]
        for number, run in enumerate(groups[model, recipes[model], T]):
            history, style = run["history"], {"color": colours[T], "lw": 0.8}
            left.plot(history["update"], history["loss"], label=None if number else f"T = {T}", **style)
            right.plot(history["update"], history["val_accuracy"], **style)
            if training:
                left.plot(history["update"], history["val_loss"], ls=":", **style)
                right.plot(history["update"], history["accuracy"], ls=":", **style)
    for model, (left, right) in zip(("rnn", "lstm"), axes, strict=True):
        left.set_ylabel(f"{NAMES[model]}: loss", fontsize=8)
        right.set_ylabel(f"{NAMES[model]}: accuracy", fontsize=8)
        left.axhline(np.log(10), **CHANCE)
        right.axhline(0.1, **CHANCE)
        right.set_ylim(0, 1.04)
        if log:
            left.set_xscale("log")
    for ax in axes[1]:
        ax.set_xlabel("updates")
    fig.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=7)
    return fig


def C1():
    """Left and middle: the first 1,000 updates at T = 5, loss and accuracy; right: T = 20, Adam, three rates."""
    fig, (left, middle, right) = panels(1, 3, 2.0)
    short, styles = min(run["config"]["T"] for run in experiments.load("C1")), ("-", "--", ":")
    rates = sorted({run["config"]["lr"] for run in experiments.load("C1") if run["config"]["T"] > short})
    for (model, T, lr), runs in grouped("C1", "model", "T", "lr").items():
        for number, run in enumerate(runs):
            history, style = run["history"], {"color": COLOURS[model], "lw": 0.8}
            if short == T:
                left.plot(history["update"], history["loss"], label=None if number else NAMES[model], **style)
                middle.plot(history["update"], history["val_accuracy"], **style)
            else:
                style["ls"] = styles[rates.index(lr) % 3]
                right.plot(history["update"], history["val_accuracy"], **style)
    left.set(xlabel="updates", ylabel="training loss", title=f"T = {short}")
    middle.set(xlabel="updates", ylabel="validation accuracy", title=f"T = {short}", ylim=(0, 1.04))
    right.set(xlabel="updates", ylabel="validation accuracy", title="T = 20, Adam", ylim=(0, 1.04))
    for lr, line in zip(rates, styles, strict=False):
        right.plot([], color="black", lw=0.8, ls=line, label=f"rate {lr:g}")
    for ax in (middle, right):
        ax.axhline(0.1, **CHANCE)
    left.legend(fontsize=7)
    right.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def curriculum():
    """Updates that each length of a curriculum took, a line a seed; a cross where a run gave up."""
    fig, ax = panels(1, 1, 2.1)
    sizes = {}  # of the crosses, smaller from recipe to recipe, so that none hides another
    for run in [*experiments.load("C2"), *experiments.load("wall")]:
        config, stages = run["config"], run["stages"]
        key = config["model"], config["recipe"]
        colour = RECIPE_COLOURS[key]
        name = None if key in sizes else label(*key)
        size = sizes.setdefault(key, 14 - 2.5 * len(sizes))
        x, y = [stage["T"] for stage in stages], [stage["updates"] for stage in stages]
        ax.plot(x, y, color=colour, lw=0.9, marker=".", ms=3, label=name)
        if stages[-1]["solved_at"] is None:
            ax.plot(x[-1], y[-1], "x", color=colour, ms=size, mew=1.4)
    ax.margins(y=0.1)
    ax.set(xscale="log", yscale="log", xlabel="T of the stage", ylabel="updates of the stage")
    ticks(ax.xaxis, [10, 20, 50, 100, 150, 300, 1000])
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def spread(points):
    """[(x, values), ...] -> (xs, means, distances from the means down to the least and up to the greatest values)."""
    xs, means = [x for x, _ in points], [np.mean(values) for _, values in points]
    low = [center - min(values) for center, (_, values) in zip(means, points, strict=True)]
    high = [max(values) - center for center, (_, values) in zip(means, points, strict=True)]
    return xs, means, [low, high]


def by_length():
    """Accuracy on held-back palindromes against T: mean over seeds, bars from least to most."""
    shown = [("rnn", "torch's default"), ("lstm", "forget bias 1"), ("rnn", "identity"), ("lstm", "bistable")]
    fig, ax = panels(1, 1, 2.0)
    rows = series()
    for number, key in enumerate(shown):
        points = [(T + 0.4 * number - 0.6, [r["accuracy"] for r in runs]) for T, runs in rows[key].items() if T <= 30]
        style = {"color": RECIPE_COLOURS[key], "marker": "o", "ms": 3, "lw": 1, "capsize": 2, "label": label(*key)}
        ax.errorbar(*spread(points), **style)
    baselines = [(run["config"]["T"], run["counting"]) for run in experiments.load("baselines")]
    ax.plot(*zip(*baselines, strict=True), label="commonest digit", **CHANCE)
    ax.set(xlabel="T", ylabel="accuracy", ylim=(0, 1.04), xticks=[T for T, _ in baselines])
    ax.legend(fontsize=7)
    return fig


def updates():
    """Updates until solved against T, log-log: medians, bars from least to most; open where a seed never solved it."""
    fig, ax = panels(1, 1, 2.3)
    for number, (key, lengths) in enumerate(series().items()):
        shift = 1.01 ** (number - 3)
        limit = max(run["config"]["max_updates"] for runs in lengths.values() for run in runs)
        points = {T: [run["solved_at"] or limit for run in runs] for T, runs in lengths.items()}
        never = [T for T, runs in lengths.items() if any(run["solved_at"] is None for run in runs)]
        middle = {T: np.median(values) for T, values in points.items()}
        bars = [[middle[T] - min(v) for T, v in points.items()], [max(v) - middle[T] for T, v in points.items()]]
        colour = RECIPE_COLOURS[key]
        ax.errorbar(
            [T * shift for T in points], list(middle.values()), bars, color=colour, lw=1, capsize=2, label=label(*key)
        )
        ax.plot([T * shift for T in points], list(middle.values()), "o", ms=3, color=colour)
        ax.plot([T * shift for T in never], [middle[T] for T in never], "o", ms=4, mfc="white", color=colour)
    ax.set(xscale="log", yscale="log", xlabel="T", ylabel="updates until solved")
    ticks(ax.xaxis, [5, 10, 20, 30, 50, 100])
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def speed():
    """Milliseconds and peak memory of a training step against T, log-log."""
    fig, (left, right) = panels(1, 2, 1.8)
    artifact, styles = benchmark.load(), {"FastLSTM": "-", "LSTM": "--", "torch.nn.LSTM": "-.", "literal": ":"}
    colours = {"FastLSTM": "#0072B2", "LSTM": "#56B4E9", "torch.nn.LSTM": "#000000", "literal": "#999999"}
    for name, style in styles.items():
        left.plot(benchmark.CONFIG["lengths"], artifact["milliseconds"][name], style, color=colours[name], label=name)
        right.plot(benchmark.CONFIG["memory_lengths"], artifact["memory"][name], style, color=colours[name])
    for ax, name in ((left, "ms a training step"), (right, "peak memory, MiB")):
        ax.set(xscale="log", yscale="log", xlabel="T", ylabel=name)
        ticks(ax.xaxis, benchmark.CONFIG["lengths"])
    left.legend(fontsize=7)
    return fig
