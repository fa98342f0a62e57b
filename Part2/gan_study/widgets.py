"""For the notebook: a slider from one digit to another, and films that also play without a kernel."""

import base64
import io
import re

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.animation import FuncAnimation

from gan_study import figures, measures, quality, trainings
from gan_study.classifier import classify


@torch.no_grad()
def between(generator, judge, z, alpha, way):
    """The image (28, 28), as grey values, at `alpha` from z[0], 0, to z[1], 1; and its title."""
    at = torch.lerp(z[0], z[1], alpha) if way == "linear" else measures.slerp(z[0], z[1], torch.tensor([alpha]))
    image = generator(at[None])
    digit, confidence = classify(judge, image)
    return ((image[0, 0] + 1) / 2).numpy(), f"α = {alpha:.2f}: {digit.item()} ({confidence.item():.0%})"


def draw_between(generator, judge, z, alpha, way, height=3.0):
    """The nine images of the path, and large, the one at `alpha`; `height` in inches."""
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.3, height), height_ratios=(1, height), layout="constrained")
    row = (quality.path(generator, z, way)[:, 0] + 1) / 2
    figures.show(top, torch.hstack([*row]).numpy(), "")
    top.axvline(14 + alpha * 28 * (len(row) - 1), color=figures.ORANGE)
    figures.show(bottom, *between(generator, judge, z, alpha, way))
    return fig


def replace(output, draw):
    """Shows the figure that `draw` makes in the Output widget, or the message of its ValueError."""
    output.clear_output(wait=True)
    with output:
        try:
            fig = draw()
        except ValueError as error:
            print(error)
            return
        display(fig)
        plt.close(fig)


def interpolation(generator, judge):
    """Two digits, a way and a slider; the path's ends are the first noise that meets the rule of quality.py."""
    start, end = (widgets.Dropdown(options=range(10), value=digit, layout={"width": "80px"}) for digit in (3, 8))
    way = widgets.Dropdown(options=("linear", "spherical"), layout={"width": "120px"})
    alpha = widgets.FloatSlider(0.5, min=0, max=1, step=0.01, description="α", layout={"width": "60%"})
    output, found = widgets.Output(), {}

    def draw():
        digits = (start.value, end.value)
        if digits[0] == digits[1]:
            raise ValueError(f"both ends are {digits[0]}; choose two different digits")
        if digits not in found:
            found[digits] = quality.choose(generator, judge, digits)[1]
        return draw_between(generator, judge, found[digits], alpha.value, way.value)

    for each in (start, end, way, alpha):
        each.observe(lambda _: replace(output, draw), "value")
    replace(output, draw)
    return widgets.VBox([widgets.HBox([start, widgets.Label("→"), end, way]), alpha, output])


# --------------------------------------------------------------------------- films, which need no running notebook

SYMBOLS = {  # for matplotlib's icons, which a browser would have to download
    "minus": "−",
    "fast-backward": "|◀",
    "step-backward": "◁",
    "play fa-flip-horizontal": "◀",
    "pause": "‖",
    "play": "▶",
    "step-forward": "▷",
    "fast-forward": "▶|",
    "plus": "+",
}


class Film:
    """A film that a browser plays; where there is no HTML, as in a PDF, the figure `stills`.

    `draw(frame)` draws one of `frames` on `fig`; no other film of the page has this `name`.
    """

    def __init__(self, name, fig, draw, frames, stills, dpi=60):
        film = FuncAnimation(fig, draw, frames, init_func=lambda: None)
        with plt.rc_context({"savefig.dpi": dpi}):
            html = film.to_jshtml(fps=5, default_mode="reflect")
        html = html.replace(re.search(r'"_anim_img(\w+)"', html)[1], name)  # its name is random
        html = re.sub(r"<link[^>]*>", "", html)
        html = re.sub(r'<i class="fa fa-([^"]+)"></i>', lambda icon: SYMBOLS[icon[1]], html)
        png = io.BytesIO()
        stills.savefig(png, format="png", dpi=150)
        self.shown = {"text/html": html, "image/png": base64.b64encode(png.getvalue()).decode()}
        for each in (fig, stills):
            plt.close(each)

    def __repr__(self):  # the same each time, as a saved notebook should be
        return "Film()"

    def _repr_mimebundle_(self, **_):
        return self.shown


def training(n=24):
    """The film of training: up to n sample grids, from the first batch to the last; its stills are figures.series."""
    moments = trainings.published()["images"]
    fig, ax = plt.subplots(figsize=(2.8, 3.0), layout="constrained")

    def draw(batches_done):
        ax.clear()
        figures.show(ax, figures.read(f"images/{batches_done}.png"), f"batch {batches_done:,}")

    frames = [moments[round(at)] for at in np.linspace(0, len(moments) - 1, min(n, len(moments)))]
    return Film("training", fig, draw, frames, figures.series())


def walk(generator, judge, pair):
    """The film of the straight path between two digits; its stills are the nine images and the middle one."""
    _, z = quality.choose(generator, judge, pair)
    fig, ax = plt.subplots(figsize=(2.2, 2.4), layout="constrained")

    def draw(alpha):
        ax.clear()
        figures.show(ax, *between(generator, judge, z, alpha, "linear"))

    stills = draw_between(generator, judge, z, 0.5, "linear", height=1.7)
    return Film("walk", fig, draw, np.linspace(0, 1, 25).tolist(), stills, dpi=90)
