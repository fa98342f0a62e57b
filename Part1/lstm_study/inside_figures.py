"""What happens inside the shipped networks, drawn: gates over time, what is left of the first digit, gradients."""

import functools

import numpy as np
import torch

from dataset import PalindromeDataset
from lstm_study import experiments, training
from lstm_study.figures import SERIES_COLOURS, legend_above, panels
from lstm_study.inside import gradient_norms, steps, traces
from lstm_study.perform import NETWORKS
from lstm_study.summaries import NAMES, label

SHIPPED = ("lstm_bistable", "lstm_chrono", "rnn_identity")
UNTRAINED = (  # whose gradients are shown
    ("lstm", "pytorch"),
    ("lstm", "forget bias 1"),
    ("lstm", "chrono"),
    ("rnn", "pytorch"),
    ("rnn", "identity"),
)
LENGTH, ITEMS = 100, 64  # digits and number of the palindromes whose gradients are shown
LOWEST = 1e-30  # a gradient that underflowed is drawn here, below the axis
FLOOR = 1e-14  # lower end of the axes of gradients


def palindromes(T, n):
    """n palindromes of T digits: (x (n, T - 1), labels)."""
    return PalindromeDataset(T - 1, n).tensors()


def heatmap(ax, data, signed):
    """Values (steps, cells) from -1 or 0 to 1, a row per cell."""
    options = {"vmin": -1 if signed else 0, "vmax": 1, "cmap": "RdBu" if signed else "viridis"}
    ax.grid(False)
    return ax.imshow(data.T.numpy(), aspect="auto", interpolation="nearest", rasterized=True, **options)


def gates():
    """Input, forget and output gate and the cell of shipped LSTMs while they read one palindrome, a row per cell."""
    x, _ = palindromes(30, 1)
    names = ("lstm_bistable", "lstm_chrono")
    titles = {"i": "i, writes", "f": "f, keeps", "o": "o, shows", "c": "tanh(c)"}
    fig, axes = panels(len(names), 4, 0.9 + 0.9 * len(names), sharex=True, sharey=True, squeeze=False)
    for row, name in zip(axes, names, strict=True):
        network, record = experiments.network(name)
        values = traces(network, x[0])
        order = values["c"][-1].argsort()
        row[0].set_ylabel(f"cells of the\n{record['config']['initialisation']} LSTM")
        for ax, letter in zip(row, titles, strict=True):
            data = torch.tanh(values["c"]) if letter == "c" else values[letter]
            image = heatmap(ax, data[:, order], signed=letter == "c")
            ax.set_xticks(range(0, len(x[0]), 3), x[0, ::3].tolist())
            ax.set_yticks([])
            if name == names[-1]:
                ax.set_xlabel("digit that is read")
                fig.colorbar(image, ax=axes[:, [*titles].index(letter)], orientation="horizontal", shrink=0.8)
    for ax, title in zip(axes[0], titles.values(), strict=True):
        ax.set_title(title)
    return fig


def memory():
    """The first digit's way forward and the gradient's way back in the shipped networks, untrained and trained.

    Left: how far two states lie apart, relative to their size, that saw all the same digits but the first. Middle and
    right: norm of the loss's gradient with respect to h(t), and of LSTMs to c(t), against the distance to the end.
    """
    fig, axes = panels(2, 3, 2.6, sharex=True, sharey="col")
    x, y = palindromes(LENGTH, ITEMS)
    other = x.clone()
    other[:, 0] = (other[:, 0] + 1) % 10
    for name in SHIPPED:
        trained, record = experiments.network(name)
        model, initialisation = record["config"]["model"], record["config"]["initialisation"]
        style = {"color": SERIES_COLOURS[model, initialisation], "label": label(model, initialisation)}
        untrained = training.build(record["config"], NETWORKS)
        for network, (left, *others) in zip((untrained, trained), axes, strict=True):
            with torch.no_grad():
                one, two = ([step[-1] for step in steps(network, digits)] for digits in (x, other))
            apart = [((a - b).norm(dim=1) / a.norm(dim=1)).mean().item() for a, b in zip(one, two, strict=True)]
            left.plot(range(1, LENGTH), np.maximum(apart, 1e-9), **style)
            norms = gradient_norms(network, x, y)
            for ax, letter in zip(others, "hc", strict=True):
                if letter in norms:
                    ax.plot(range(LENGTH - 2, -1, -1), np.maximum(norms[letter], LOWEST), **style)
    for row, when in zip(axes, ("untrained", "trained"), strict=True):
        row[0].set(yscale="log", ylim=(1e-4, 10), ylabel=when)
        for ax in row[1:]:
            ax.set(yscale="log", ylim=(FLOOR, 10))
    for ax, title in zip(axes[0], ("difference of h, relative", "gradient at h", "gradient at c"), strict=True):
        ax.set_title(title)
    for ax, words in zip(axes[1], ("digits read", "steps before the end", "steps before the end"), strict=True):
        ax.set_xlabel(words)
    legend_above(fig, axes[0, 0])
    return fig


def memory_norms(network):
    """Norm of the loss's gradient at every step with respect to the memory: c of an LSTM, h of an RNN."""
    norms = gradient_norms(network, *palindromes(LENGTH, ITEMS))
    return np.array(norms.get("c", norms["h"]))


@functools.cache
def untrained_norms():
    """{(network, initialisation): memory_norms} before training."""
    found = {}
    for model, initialisation in UNTRAINED:
        torch.manual_seed(0)
        network = NETWORKS[model](LENGTH - 1, 10, 128, 10, initialisation=initialisation)
        found[model, initialisation] = memory_norms(network)
    return found


def fading(model, initialisation):
    """The factor by which the gradient shrinks per step, before training, over the last 28 steps."""
    norms, steps = untrained_norms()[model, initialisation], 28
    return (norms[-1 - steps] / norms[-1]) ** (1 / steps)


def gradient():
    """The gradient's way back to the memory of each step: before training, by initialisation, and after training."""
    fig, (left, right) = panels(1, 2, 2.1, sharey=True)
    trained = {}
    for name in SHIPPED:
        network, record = experiments.network(name)
        trained[record["config"]["model"], record["config"]["initialisation"]] = memory_norms(network)
    for ax, when, lines in ((left, "before", untrained_norms()), (right, "after", trained)):
        for (model, initialisation), norms in lines.items():
            style = {"color": SERIES_COLOURS[model, initialisation], "ls": "--" if model == "rnn" else "-"}
            distance, name = range(len(norms) - 1, -1, -1), label(model, initialisation)
            if max(norms) < FLOOR:
                place = {"transform": ax.transAxes, "ha": "center", "fontsize": 7, "color": style["color"]}
                ax.text(0.5, 0.05, f"{name}: below the axis", **place)
                continue
            ax.plot(distance, np.maximum(norms, LOWEST), label=name, **style)
        ax.set(yscale="log", ylim=(FLOOR, 10), title=f"{when} training", xlabel="steps before the end")
    left.set_ylabel("gradient norm")
    legend_above(fig, left, right, ncols=3)
    return fig


@torch.no_grad()
def answer(digits):
    """What the shipped LSTM and RNN answer to `digits` (the first T - 1 of a palindrome), and the LSTM's gates."""
    fig, axes = panels(1, 4, 1.9, width_ratios=(1.2, 1.2, 1, 1))
    for ax, name in zip(axes[:2], ("lstm_bistable", "rnn_identity"), strict=True):
        network, record = experiments.network(name)
        p = torch.softmax(network(torch.tensor(digits)[None])[0], dim=0)
        said = p.argmax().item()
        colours = ["#BBBBBB"] * 10
        colours[said] = "#0072B2" if said == digits[0] else "#D55E00"
        ax.bar(range(10), p.tolist(), color=colours)
        model = NAMES[record["config"]["model"]]
        ax.set(title=f"{model} says {said}", ylim=(0, 1), xticks=range(10), xlabel="digit")
    axes[0].set_ylabel("probability")
    values = traces(experiments.network("lstm_bistable")[0], torch.tensor(digits))
    order = values["c"][-1].argsort()
    heatmap(axes[2], values["i"][:, order], signed=False)
    heatmap(axes[3], torch.tanh(values["c"])[:, order], signed=True)
    for ax, title in zip(axes[2:], ("i, writes", "tanh(c), keeps"), strict=True):
        ax.set(title=title, xlabel="step", yticks=[])
    return fig
