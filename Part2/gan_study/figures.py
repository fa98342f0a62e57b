"""Results and sample grids -> the figures of Part II. Each function draws one and returns it."""

import itertools
from statistics import median

import matplotlib.pyplot as plt
import numpy as np

from gan_study import summaries, trainings
from recipes import HERE, RECIPES

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"  # of Okabe and Ito's palette, safe for colour-blind readers


def show(ax, image, title):
    """A grey-scale picture without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()


def read(name):
    """The picture of that name in Part2/, an array of grey values in [0, 1]."""
    return plt.imread(HERE / name)[..., 0]


def milestones(figsize=(6.3, 2.2), title="{}: batch {:,}"):
    """25 images from one fixed noise after the first batch, exactly halfway and at the end."""
    fig, axes = plt.subplots(1, 3, figsize=figsize, layout="constrained")
    for ax, (name, batches_done) in zip(axes, trainings.published()["grids"].items(), strict=True):
        show(ax, read(f"images/{batches_done}.png"), title.format(name, batches_done))
    return fig


def glance_grids():
    """The same three grids, small."""
    return milestones((3.35, 1.3), "{}")


def series():
    """The film as a strip of stills: up to ten sample grids, from the first batch to the last, at geometric steps."""
    stills = trainings.stills(trainings.published()["images"])
    fig, axes = plt.subplots(2, -(-len(stills) // 2), figsize=(6.3, 2.0), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, batches_done in zip(axes.flat, stills, strict=False):
        show(ax, read(f"images/{batches_done}.png"), f"batch {batches_done:,}")
    return fig


def losses():
    """The losses, and what D answers to real and to generated images, over training."""
    history = summaries.shipped().record["history"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.3, 1.4), layout="constrained")
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
    right.set(xlabel="batches", ylabel="answer of D", ylim=(0, 1))
    for ax in (left, right):
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.legend(fontsize=7, loc="lower right")
    return fig


def shares():
    """The share of each digit among samples, by the reporting classifier; a tenth is even."""
    fig, ax = plt.subplots(figsize=(3.2, 1.9), layout="constrained")
    rows = (("generated", summaries.shipped().found, BLUE), ("real test images", summaries.real(), GREY))
    for offset, (name, found, colour) in enumerate(rows):
        values = [100 * share for share in found["reporting"]["shares"]]
        ax.bar(np.arange(10) + 0.4 * offset - 0.2, values, 0.38, color=colour, label=name)
    ax.axhline(10, color="black", lw=0.6, ls=":")
    ax.set(xlabel="digit", ylabel="% of images", xticks=range(10))
    fig.legend(fontsize=7, loc="outside upper center", ncols=2)
    return fig


def by_recipe():
    """25 samples of every recipe after 15 epochs, first seed, and its median Fréchet distance, highest first."""
    table = summaries.quality()
    found = {name: table[name, summaries.experiments.EPOCHS]["frechet"] for name in RECIPES}
    fig, axes = plt.subplots(1, len(found), figsize=(6.85, 1.45), layout="constrained")
    for ax, name in zip(axes, sorted(found, key=found.get, reverse=True), strict=True):
        words = summaries.words(name).replace(", ", ",\n")
        show(ax, read(f"results/samples_{name}.png"), f"{words}\n{found[name]:#.3g}")
        ax.title.set_fontsize(7.5)
    return fig


def distances():
    """Fréchet distance against the length of training: ours and the popular script, fixed, a dot a training; floors."""
    found = summaries.over_epochs()
    fig, ax = plt.subplots(figsize=(3.2, 2.0), layout="constrained")
    for (recipe, lengths), colour in zip(found.items(), (BLUE, ORANGE), strict=True):
        ax.plot([*lengths], [*map(median, lengths.values())], color=colour, lw=1, label=summaries.words(recipe))
        points = [(epochs, distance) for epochs, distances in lengths.items() for distance in distances]
        ax.plot(*zip(*points, strict=True), ".", color=colour, ms=4)
    floor = summaries.real()["reporting"]["frechet"]
    ax.axhline(floor, color=GREY, ls=":", lw=0.8, label="real test images")
    ax.set(xscale="log", yscale="log", xlabel="epochs of the training", ylabel="Fréchet distance")
    every = sorted({*found["ours"], *found["ganpy-eps"]})
    ticks = [at for at, after in itertools.pairwise(every) if after > 1.3 * at] + every[-1:]  # 40 would touch 50
    ax.set_xticks(ticks, ticks)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    fig.legend(fontsize=6.5, loc="outside upper center", ncols=3)
    return fig


def ablation():
    """Our recipe after 15 epochs without one of its parts: Fréchet distance, a dot a seed, a bar the median."""
    found = summaries.ablation()
    fig, ax = plt.subplots(figsize=(2.6, 1.9), layout="constrained")
    for row, (name, seeds) in enumerate(reversed(found.items())):
        values = [each.found["reporting"]["frechet"] for each in seeds]
        ax.barh(row, median(values), color=BLUE if name == "ours" else GREY, height=0.6)
        ax.plot(values, [row] * len(values), ".", color="black", ms=4)
    ax.set_yticks(range(len(found)), [summaries.words(name) for name in reversed(found)])
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("Fréchet distance", loc="right")  # in the middle it would reach beyond the picture
    return fig


def bare(ax, image, labels):
    """A row or two of images as one picture, without axes; `labels` stand below the images."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    centres = [2 + 14 + 30 * i for i in range(len(labels))]  # torchvision's grid: 28 pixels, 2 between
    ax.set_xticks(centres, labels, fontsize=8)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def strips():
    """{way: picture of the nine images from one noise vector to another}."""
    image = read("results/interpolation.png")
    return dict(zip(("linear", "spherical"), np.split(image[: len(image) // 2 * 2], 2), strict=True))


def strip():
    """Nine images from one noise vector to another, straight and along the sphere, and what the classifier says."""
    said = summaries.picture("interpolation")
    fig, axes = plt.subplots(2, 1, figsize=(6.3, 1.85), layout="constrained")
    for ax, (way, image) in zip(axes, strips().items(), strict=True):
        verdicts = zip(said[way]["digits"], said[way]["confidence"], strict=True)
        bare(ax, image, [f"{digit}\n{p:.0%}" for digit, p in verdicts])
        ax.set_ylabel({"linear": "straight", "spherical": "sphere"}[way], fontsize=8)
    return fig


def glance_strip():
    """The straight strip, small, and the digits that the classifier reads."""
    fig, ax = plt.subplots(figsize=(3.35, 0.55), layout="constrained")
    bare(ax, strips()["linear"], summaries.picture("interpolation")["linear"]["digits"])
    return fig


def nearest():
    """Samples above, the training image nearest to each below, and their distance in pixels."""
    distances = summaries.picture("nearest")["distances"]
    fig, ax = plt.subplots(figsize=(6.3, 1.3), layout="constrained")
    bare(ax, read("results/nearest.png"), [f"{distance:.1f}" for distance in distances])
    ax.set_yticks([16, 46], ["sample", "nearest"], fontsize=8)
    return fig
