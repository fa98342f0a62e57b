"""What happens inside the shipped networks, drawn: gates over time, what is left of the first digit, gradients."""

import numpy as np
import torch

import experiments
import inside
import solve
from dataset import PalindromeDataset
from figures import RECIPE_COLOURS, panels
from summaries import NAMES, label

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


def gates(names=("lstm_bistable", "lstm_chrono"), T=30, seed=0):
    """Input, forget and output gate and the cell of shipped LSTMs while they read one palindrome, a row a cell."""
    x, _ = some(T, 1, seed)
    positions = range(0, T - 1, max(1, (T - 1) // 8))
    fig, axes = panels(len(names), 4, 0.6 + 1.5 * len(names), sharex=True, sharey=True, squeeze=False)
    for row, name in zip(axes, names, strict=True):
        values = inside.traces(experiments.network(name)[0], x[0])
        order = values["c"][-1].argsort()
        row[0].set_ylabel(f"cells of the\n{key(name)[1]} LSTM", fontsize=8)
        images = []
        for ax, letter in zip(row, "ifoc", strict=True):
            data = torch.tanh(values["c"]) if letter == "c" else values[letter]
            images.append(heatmap(ax, data[:, order], signed=letter == "c"))
            ax.set_xticks(positions, [x[0, p].item() for p in positions], fontsize=7)
            ax.set_yticks([])
    for column, image, title in zip(axes.T, images, ("i, writes", "f, keeps", "o, shows", "tanh(c)"), strict=True):
        column[0].set_title(title, fontsize=9)
        column[-1].set_xlabel("digit that is read", fontsize=8)
        fig.colorbar(image, ax=column, orientation="horizontal", shrink=0.8).ax.tick_params(labelsize=7)
    return fig


def memory(T=100, n=64):
    """The first digit's way forward, and the gradient's way back, in the shipped networks at the start and trained.

    Left: how far two states lie apart, relative to their size, that saw all the same digits but the first. Middle and
    right: norm of the loss's gradient with respect to h(t), and of LSTMs to c(t), against the distance to the end.
    """
    fig, (left, *others) = panels(1, 3, 2.3)
    x, y = some(T, n)
    other = x.clone()
    other[:, 0] = (other[:, 0] + 1) % 10
    for name in SHIPPED:
        trained, artifact = experiments.network(name)
        model, recipe = key(name)
        colour = RECIPE_COLOURS[model, recipe]
        for network, style, ax in zip((solve.build(artifact["config"]), trained), (":", "-"), others, strict=True):
            with torch.no_grad():
                one, two = ([step[-1] for step in network.steps(digits)] for digits in (x, other))
            apart = [((a - b).norm(dim=0) / a.norm(dim=0)).mean().item() for a, b in zip(one, two, strict=True)]
            words = label(model, recipe) if style == "-" else None
            left.plot(range(1, T), np.maximum(apart, 1e-9), style, color=colour, lw=1, label=words)
            for letter, values in inside.gradient_norms(network, x, y).items():
                style = "--" if letter == "c" else "-"
                ax.plot(range(T - 2, -1, -1), np.maximum(values, 1e-30), style, color=colour, lw=1)
    left.set(yscale="log", ylim=(1e-4, 10), xlabel="digits read", ylabel="difference of h, relative")
    for ax, title in zip(others, ("gradient, at the start", "gradient, trained"), strict=True):
        ax.set(yscale="log", ylim=(1e-14, 10), xlabel="steps from t to the end")
        ax.set_title(title, fontsize=9)
    left.set_title("what is left of the first digit", fontsize=9)
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=7)
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
