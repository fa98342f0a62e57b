"""Artifacts and sample grids -> the figures of Part II. Each function draws one and returns it."""

import matplotlib.pyplot as plt
import numpy as np

import evaluate
import my_gan

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"  # of Okabe and Ito's palette, safe for colour-blind readers


def show(ax, image, title):
    """A grey-scale picture without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()


def grid(batches_done):
    """The 25 samples after that many batches, one array of grey values in [0, 1]."""
    return plt.imread(my_gan.HERE / "images" / f"{batches_done}.png")[..., 0]


def milestones():
    """25 images from one fixed noise after the first batch, exactly halfway and at the end."""
    fig, axes = plt.subplots(1, 3, figsize=(6.3, 2.3), layout="constrained")
    for ax, (name, batches_done) in zip(axes, my_gan.record()["grids"].items(), strict=True):
        show(ax, grid(batches_done), f"{name}: batch {batches_done}")
    return fig


def series(n=10):
    """Up to `n` of the sample grids, from the first batch to the last, at geometric steps."""
    saved = sorted(int(path.stem) for path in (my_gan.HERE / "images").glob("*.png"))
    wanted = [saved[0], *np.geomspace(saved[1], saved[-1], n - 1)]
    chosen = sorted({min(saved, key=lambda batch: abs(batch - target)) for target in wanted})
    fig, axes = plt.subplots(2, -(-len(chosen) // 2), figsize=(6.3, 2.9), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, batches_done in zip(axes.flat, chosen, strict=False):
        show(ax, grid(batches_done), f"batch {batches_done}")
    return fig


def losses():
    """The losses, and what D answers to real and to generated images, over training."""
    history = my_gan.record()["history"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.3, 2.4), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.1)
    x = history["batches_done"]
    left.plot(x, history["loss_D"], color=BLUE, lw=0.8, label="D: −log D(x) − log(1 − D(G(z)))")
    left.plot(x, history["loss_G"], color=ORANGE, lw=0.8, label="G: −log D(G(z))")
    left.axhline(2 * np.log(2), color=GREY, lw=0.8, ls=":")
    left.axhline(np.log(2), color=GREY, lw=0.8, ls=":")
    left.set(xlabel="batches", ylabel="loss", ylim=(0, None))
    right.plot(x, history["D_x"], color=BLUE, lw=0.8, label="D(x), real images")
    right.plot(x, history["D_G_z"], color=ORANGE, lw=0.8, label="D(G(z)), generated")
    right.axhline(0.5, color=GREY, lw=0.8, ls=":")
    right.set(xlabel="batches", ylabel="mean probability of “real”", ylim=(0, 1))
    for ax in (left, right):
        ax.legend(fontsize=7, loc="lower right")
    return fig


def shares():
    """The share of each digit among the generator's samples, by the classifier; a tenth is even."""
    quality, _ = evaluate.load()
    fig, ax = plt.subplots(figsize=(6.3, 1.9), layout="constrained")
    ax.bar(range(10), [100 * share for share in quality["shares"]], color=BLUE)
    ax.axhline(10, color=GREY, ls=":")
    ax.set(xlabel="digit", ylabel="% of samples", xticks=range(10))
    return fig


def strip():
    """Nine images from one noise vector to another, and under each what the classifier takes it for."""
    _, path = evaluate.load()
    image = plt.imread(evaluate.RESULTS / "interpolation.png")[..., 0]
    fig, ax = plt.subplots(figsize=(6.3, 1.0), layout="constrained")
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    labels = [f"{digit}\n{p:.0%}" for digit, p in zip(path["digits"], path["confidence"], strict=True)]
    ax.set_xticks([2 + 14 + 30 * i for i in range(9)], labels, fontsize=8)  # torchvision's grid: 28 pixels, 2 between
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return fig
