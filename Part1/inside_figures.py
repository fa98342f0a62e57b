"""What happens inside the shipped networks, drawn: gates over time, what is left of the first digit, gradients."""

import numpy as np
import torch

import experiments
import inside
import solve
from dataset import PalindromeDataset
from figures import NAMES, RECIPE_COLOURS, label, panels

SHIPPED = ("lstm_bistable", "lstm_chrono", "rnn_identity")


def key(name):
    _, artifact = experiments.network(name)
    return artifact["config"]["model"], artifact["config"]["recipe"]


def some(T, n, seed=0):
    """n palindromes of T digits: (x (n, T - 1), labels)."""
    return PalindromeDataset(T - 1, n, seed=seed).tensors()


def heatmap(ax, data, signed):
    """Values (steps, cells) from -1 or 0 to 1, a row a cell."""
    options = {"vmin": -1 if signed else 0, "vmax": 1, "cmap": "RdBu" if signed else "viridis"}
    return ax.imshow(data.T.numpy(), aspect="auto", interpolation="nearest", rasterized=True, **options)


def gates(name="lstm_bistable", T=30, seed=0):
    """Input, forget and output gate and the cell of a shipped LSTM while it reads one palindrome, a row a cell."""
    network, _ = experiments.network(name)
    x, _ = some(T, 1, seed)
    values = inside.traces(network, x[0])
    order = values["c"][-1].argsort()
    fig, axes = panels(1, 4, 2.4, sharey=True)
    for ax, letter, title in zip(axes, "ifoc", ("i, writes", "f, keeps", "o, shows", "tanh(c)"), strict=True):
        data = torch.tanh(values["c"]) if letter == "c" else values[letter]
        image = heatmap(ax, data[:, order], signed=letter == "c")
        positions = range(0, T - 1, max(1, (T - 1) // 8))
        ax.set(title=title, xlabel="digit that is read")
        ax.set_xticks(positions, [x[0, p].item() for p in positions], fontsize=7)
        fig.colorbar(image, ax=ax, orientation="horizontal", location="top", shrink=0.8, pad=0.02)
    axes[0].set_ylabel("cell, sorted by the last c")
    return fig


@torch.no_grad()
def fading(T=100, n=64):
    """How far two states lie apart, relative to their size, that saw all the same digits but the first."""
    fig, ax = panels(1, 1, 2.4)
    x, _ = some(T, n)
    other = x.clone()
    other[:, 0] = (other[:, 0] + 1) % 10
    for name in SHIPPED:
        trained, artifact = experiments.network(name)
        for network, style in ((solve.build(artifact["config"]), ":"), (trained, "-")):
            one, two = ([step[-1] for step in network.steps(digits)] for digits in (x, other))
            apart = [((a - b).norm(dim=0) / a.norm(dim=0)).mean().item() for a, b in zip(one, two, strict=True)]
            model, recipe = key(name)
            words = f"{label(model, recipe)}, {'trained' if style == '-' else 'at the start'}"
            ax.plot(range(1, T), np.maximum(apart, 1e-9), style, color=RECIPE_COLOURS[model, recipe], lw=1, label=words)
    ax.set(yscale="log", ylim=(1e-4, 10), xlabel="digits read", ylabel="difference of h, relative")
    ax.legend(fontsize=6, ncols=3, loc="lower left")
    return fig


def gradients(T=100, n=64):
    """Norm of the loss's gradient with respect to h(t) against the distance to the end, at the start and trained."""
    fig, axes = panels(1, 2, 2.5, sharey=True)
    x, y = some(T, n)
    for name in SHIPPED:
        trained, artifact = experiments.network(name)
        model, recipe = key(name)
        for ax, network in zip(axes, (solve.build(artifact["config"]), trained), strict=True):
            for letter, values in inside.gradient_norms(network, x, y).items():
                ax.plot(
                    range(T - 2, -1, -1),
                    np.maximum(values, 1e-30),
                    "--" if letter == "c" else "-",
                    color=RECIPE_COLOURS[model, recipe],
                    lw=1,
                    label=f"{label(model, recipe)}: {letter}(t)",
                )
    axes[0].set(yscale="log", ylabel="gradient norm", title="at the start", ylim=(1e-14, 10))
    axes[1].set(title="trained")
    for ax in axes:
        ax.set(xlabel="steps from t to the end")
    axes[1].legend(fontsize=6)
    return fig


@torch.no_grad()
def answer(digits, names=("lstm_bistable", "rnn_identity")):
    """What the shipped LSTM and RNN answer to `digits` (the first T - 1 of a palindrome), and the LSTM's gates."""
    fig, axes = panels(1, 4, 2.3, width_ratios=(1.2, 1.2, 1, 1))
    for ax, name in zip(axes, names, strict=False):
        network, artifact = experiments.network(name)
        p = torch.softmax(network(torch.tensor(digits)[None])[0], dim=0)
        said = p.argmax().item()
        colours = ["#0072B2" if k == said == digits[0] else "#D55E00" if k == said else "#BBBBBB" for k in range(10)]
        ax.bar(range(10), p.tolist(), color=colours)
        ax.set(title=f"{NAMES[artifact['config']['model']]} says {said}", ylim=(0, 1), xticks=range(10), xlabel="digit")
    axes[0].set_ylabel("probability")
    values = inside.traces(experiments.network(names[0])[0], torch.tensor(digits))
    order = values["c"][-1].argsort()
    for ax, letter, title in zip(axes[2:], ("i", "c"), ("i, writes", "tanh(c), keeps"), strict=True):
        data = torch.tanh(values["c"]) if letter == "c" else values["i"]
        heatmap(ax, data[:, order], signed=letter == "c")
        ax.set(title=title, xlabel="step", yticks=[])
    return fig
