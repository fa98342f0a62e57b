"""Artifacts -> the figures and the table of Part I. Each function draws from results/ and returns what it made."""

import matplotlib.pyplot as plt
import numpy as np

import experiments

COLOURS = {"lstm": "#0072B2", "rnn": "#D55E00"}  # of Okabe and Ito's palette, safe for colour-blind readers
NAMES = {"lstm": "LSTM", "rnn": "RNN"}
STYLES = {"published": "--", "tuned": "-"}
UPDATES = (50, 200, 1000, 5000)
CHANCE = {"color": "#999999", "lw": 0.8, "ls": ":"}


def grouped(experiment, *keys):
    """The artifacts of an experiment by their configurations' values of `keys`: {(value, ...): [artifact, ...]}."""
    groups = {}
    for artifact in experiments.load(experiment):
        groups.setdefault(tuple(artifact["config"][key] for key in keys), []).append(artifact)
    return groups


def defaults():
    """Validation loss and accuracy over the epochs of the template's own training, a line a seed."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.3, 2.4), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.1)
    for (model,), runs in grouped("defaults", "model").items():
        for number, run in enumerate(runs):
            style = {"color": COLOURS[model], "lw": 1, "label": None if number else NAMES[model]}
            epochs = range(1, len(run["val_loss"]) + 1)
            left.plot(epochs, run["val_loss"], **style)
            right.plot(epochs, run["val_accuracy"], **style)
    left.set(xlabel="epoch", ylabel="validation loss")
    right.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1.02))
    right.axhline(0.1, **CHANCE)
    right.legend(fontsize=8)
    return fig


def curves(recipe):
    """Training loss and validation accuracy over updates, RNN above LSTM, a colour a length, a line a seed."""
    fig, axes = plt.subplots(2, 2, figsize=(6.3, 4.2), layout="constrained", sharex=True, sharey="col")
    fig.get_layout_engine().set(w_pad=0.1)
    colours = dict(
        zip(experiments.LENGTHS, plt.cm.viridis(np.linspace(0, 0.92, len(experiments.LENGTHS))), strict=True)
    )
    for (model, T, of), runs in grouped("lengths", "model", "T", "recipe").items():
        if of != recipe:
            continue
        left, right = axes[("rnn", "lstm").index(model)]
        for number, run in enumerate(runs):
            style = {"color": colours[T], "lw": 1, "label": None if number else f"T = {T}"}
            left.plot(run["history"]["update"], run["history"]["loss"], **style)
            right.plot(run["history"]["update"], run["history"]["val_accuracy"], **style)
    for name, (left, right) in zip(("RNN", "LSTM"), axes, strict=True):
        left.set(xscale="log")
        left.set_ylabel(f"{name}: training loss", fontsize=8)
        left.set_xticks(UPDATES, UPDATES)
        left.minorticks_off()
        left.axhline(np.log(10), **CHANCE)
        right.set_ylabel(f"{name}: validation accuracy", fontsize=8)
        right.axhline(0.1, **CHANCE)
    for ax in axes[1]:
        ax.set(xlabel="updates", xlim=UPDATES[:: len(UPDATES) - 1])
    fig.legend(*axes[1, 1].get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=7)
    return fig


def by_length():
    """Final validation accuracy, and updates until solved, against T: mean over seeds, bars from least to most."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.3, 2.7), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.1)
    series = {}
    for (model, recipe, T), runs in grouped("lengths", "model", "recipe", "T").items():
        series.setdefault((model, recipe), []).append((T, runs))
    for number, ((model, recipe), lengths) in enumerate(series.items()):
        shift = 0.5 * number - 0.75  # side by side where the values are equal
        style = {"color": COLOURS[model], "ls": STYLES[recipe], "marker": "o", "ms": 3, "lw": 1, "capsize": 2}
        style["label"] = f"{NAMES[model]}, {recipe}"
        left.errorbar(*spread([(T + shift, [run["accuracy"] for run in runs]) for T, runs in lengths]), **style)
        solved = [
            (T, [run["solved_at"] for run in runs]) for T, runs in lengths if all(run["solved_at"] for run in runs)
        ]
        right.errorbar(*spread(solved), **style)
    left.axhline(0.1, **CHANCE)
    left.set(xlabel="T", ylabel="validation accuracy", ylim=(0, 1.04), xticks=experiments.LENGTHS)
    right.set(xlabel="T", ylabel="updates until 99.9%", xscale="log", yscale="log")
    right.set_xticks(experiments.LENGTHS, experiments.LENGTHS)
    right.minorticks_off()
    left.legend(fontsize=7)
    return fig


def spread(points):
    """[(x, values), ...] -> (xs, means, distances from the means down to the least and up to the greatest values)."""
    xs, means = [x for x, _ in points], [np.mean(values) for _, values in points]
    low = [mean - min(values) for mean, (_, values) in zip(means, points, strict=True)]
    high = [max(values) - mean for mean, (_, values) in zip(means, points, strict=True)]
    return xs, means, [low, high]


def table():
    """Rows (model, recipe, {T: (accuracies, updates until 99.9%, None where never)}), one value a seed."""
    rows = {}
    for (model, recipe, T), runs in grouped("lengths", "model", "recipe", "T").items():
        cell = [run["accuracy"] for run in runs], [run["solved_at"] for run in runs]
        rows.setdefault((NAMES[model], recipe), {})[T] = cell
    return [(*key, cells) for key, cells in rows.items()]


def longest(cells):
    """The longest T of a row of `table` up to which every seed solved every length; None if not even the first."""
    solved = [T for T, (_, updates) in cells.items() if None not in updates]
    return max((T for T in solved if all(shorter in solved for shorter in cells if shorter < T)), default=None)
