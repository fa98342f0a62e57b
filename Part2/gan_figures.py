"""Artifacts and sample grids -> the figures of Part II. Each function draws one and returns it."""

from statistics import median

import matplotlib.pyplot as plt
import numpy as np

import evaluate
import gan_benchmark
import gan_experiments
import my_gan
from gan_summaries import over_epochs, shipped

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


def moments():
    """The batches after which sample grids were saved, in order."""
    return sorted(int(path.stem) for path in (my_gan.HERE / "images").glob("*.png"))


def series(n=10):
    """The film as a strip of stills: up to `n` sample grids, from the first batch to the last, at geometric steps."""
    saved = moments()
    wanted = [saved[0], *np.geomspace(saved[1], saved[-1], n - 1)]
    chosen = sorted({min(saved, key=lambda batch: abs(batch - target)) for target in wanted})
    fig, axes = plt.subplots(2, -(-len(chosen) // 2), figsize=(6.3, 2.35), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, batches_done in zip(axes.flat, chosen, strict=False):
        show(ax, grid(batches_done), f"batch {batches_done}")
    return fig


def losses():
    """The losses, and what D answers to real and to generated images, over training."""
    history = my_gan.record()["history"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.3, 1.8), layout="constrained")
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
    right.set(xlabel="batches", ylabel="mean answer of D", ylim=(0, 1))
    for ax in (left, right):
        ax.legend(fontsize=7, loc="lower right")
    return fig


def shares(width=6.3):
    """The share of each digit among samples, by the reporting classifier; a tenth is even."""
    real = gan_experiments.load("real")["test_images"]
    fig, ax = plt.subplots(figsize=(width, 1.9), layout="constrained")
    for offset, (name, run, colour) in enumerate((("generated", shipped(), BLUE), ("real test images", real, GREY))):
        values = [100 * share for share in run["reporting"]["shares"]]
        ax.bar(np.arange(10) + 0.4 * offset - 0.2, values, 0.38, color=colour, label=name)
    ax.axhline(10, color="black", lw=0.6, ls=":")
    ax.set(xlabel="digit", ylabel="% of images", xticks=range(10))
    fig.legend(fontsize=7, loc="outside upper center", ncols=2)
    return fig


def picture(experiment, name):
    """The 25 samples of a run of the grid."""
    return plt.imread(gan_experiments.path(experiment, name).with_suffix(".png"))[..., 0]


def by_recipe():
    """25 samples of every recipe after 15 epochs, first seed, and its Fréchet distance, median over seeds."""
    runs = gan_experiments.by_recipe("compared")
    rows = -(-len(runs) // 3)
    fig, axes = plt.subplots(rows, 3, figsize=(6.3, 1.85 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, found) in zip(axes.flat, runs.items(), strict=False):
        distance = median([run["reporting"]["frechet"] for run in found])
        show(ax, picture("compared", f"{name}_seed0"), f"{name}: {distance:.3g}")
    return fig


def distances():
    """Fréchet distance against epochs: ours and ganpy-eps, one dot a seed, beside the floor of real test images."""
    found = over_epochs()
    fig, ax = plt.subplots(figsize=(6.3, 1.8), layout="constrained")
    for (recipe, points), colour in zip(found.items(), (BLUE, ORANGE), strict=True):
        epochs = sorted({epoch for epoch, _ in points})
        medians = [median([distance for epoch, distance in points if epoch == at]) for at in epochs]
        ax.plot(epochs, medians, color=colour, lw=1, label=recipe)
        ax.plot(*zip(*points, strict=True), ".", color=colour, ms=4)
    floor = gan_experiments.load("real")["test_images"]["reporting"]["frechet"]
    ax.axhline(floor, color=GREY, ls=":", lw=0.8, label="real test images")
    ax.set(xscale="log", yscale="log", xlabel="epochs", ylabel="Fréchet distance")
    every = sorted({epoch for points in found.values() for epoch, _ in points})
    ax.set_xticks(every, every)
    ax.minorticks_off()
    ax.legend(fontsize=7)
    return fig


def ablation(width=6.3):
    """Our recipe after 15 epochs without one of its parts: Fréchet distance, a dot a seed, a bar the median."""
    found = gan_experiments.by_recipe("ablation")
    fig, ax = plt.subplots(figsize=(width, 1.9), layout="constrained")
    for row, (word, runs) in enumerate(reversed(found.items())):
        values = [run["reporting"]["frechet"] for run in runs]
        ax.barh(row, median(values), color=BLUE if word == "ours" else GREY, height=0.6)
        ax.plot(values, [row] * len(values), ".", color="black", ms=4)
    names = {word: name for name, word in gan_experiments.ABLATION_NAMES.items()}
    ax.set_yticks(range(len(found)), [names[word] for word in reversed(found)])
    ax.set(xlabel="Fréchet distance")
    return fig


def speed(width=6.3):
    """Seconds an epoch takes, each of the rounds a dot."""
    found = gan_benchmark.load()["epoch_seconds"]
    fig, ax = plt.subplots(figsize=(width, 1.9 if width < 4 else 1.3), layout="constrained")
    for row, (way, seconds) in enumerate(reversed(found.items())):
        ax.barh(row, median(seconds), color=GREY if "public" in way else BLUE, height=0.6)
        ax.plot(seconds, [row] * len(seconds), ".", color="black", ms=4)
    ax.set_yticks(range(len(found)), list(reversed(found)))
    ax.set(xlabel="seconds an epoch")
    return fig


def strip():
    """Nine images from one noise vector to another, straight and along the sphere, and what the classifier says."""
    said, _ = evaluate.load()
    image = plt.imread(evaluate.RESULTS / "interpolation.png")[..., 0]
    return strips(np.split(image[: len(image) // 2 * 2], 2), said)


def strips(images, said):
    """Two rows of nine images as grey values, and under each image the verdicts in `said`."""
    fig, axes = plt.subplots(2, 1, figsize=(6.3, 2.0), layout="constrained")
    for ax, image, way in zip(axes, images, ("linear", "spherical"), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        verdicts = zip(said[way]["digits"], said[way]["confidence"], strict=True)
        labels = [f"{digit}\n{p:.0%}" for digit, p in verdicts]
        centres = [2 + 14 + 30 * i for i in range(len(labels))]  # torchvision's grid: 28 pixels, 2 between
        ax.set_xticks(centres, labels, fontsize=8)
        ax.set_yticks([])
        ax.set_ylabel(way, fontsize=8)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return fig


def nearest():
    """Samples above, the training image nearest to each below, and their distance in pixels."""
    _, found = evaluate.load()
    fig, ax = plt.subplots(figsize=(6.3, 1.3), layout="constrained")
    image = plt.imread(evaluate.RESULTS / "nearest.png")[..., 0]
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    centres = [2 + 14 + 30 * i for i in range(len(found["distances"]))]
    ax.set_xticks(centres, [f"{distance:.1f}" for distance in found["distances"]], fontsize=8)
    ax.set_yticks([16, 46], ["sample", "nearest"], fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return fig


def paths(width=6.3):
    """How evenly paths move and how real their images look: ours, cross-fades and jumps between real images."""
    real = gan_experiments.load("real")["test_images"]["paths"]
    points = {f"ours, {way}": value for way, value in shipped()["paths"].items()} | real
    fig, ax = plt.subplots(figsize=(width, 1.9), layout="constrained")
    for (name, value), marker, colour in zip(points.items(), "o^sD", (BLUE, BLUE, ORANGE, GREY), strict=True):
        ax.plot(100 * value["jump"], 100 * value["realism"], marker, color=colour, label=name)
    ax.set(xlabel="longest step, % (even: 12.5)", ylabel="images between that\nlook real, %")
    ax.legend(fontsize=7)
    return fig
