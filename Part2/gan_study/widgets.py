"""Widgets for the notebook: a slider from one digit to another, and a scrubber through the training."""

import ipywidgets as widgets
import matplotlib.pyplot as plt
import torch
from IPython.display import display

from gan_study import figures, measures, quality
from gan_study.classifier import classify


@torch.no_grad()
def between(generator, judge, z, alpha, way):
    """(image (28, 28) as grey values, digit, confidence) at `alpha` from z[0], 0, to z[1], 1."""
    at = torch.lerp(z[0], z[1], alpha) if way == "linear" else measures.slerp(z[0], z[1], torch.tensor([alpha]))
    image = generator(at[None])
    digit, confidence = classify(judge, image)
    return (image[0, 0] + 1) / 2, int(digit), float(confidence)


def draw_between(generator, judge, z, alpha, way):
    """The nine images of the path, and large, the one at `alpha`."""
    image, digit, confidence = between(generator, judge, z, alpha, way)
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.3, 3.0), height_ratios=(1, 3), layout="constrained")
    row = (quality.path(generator, z, way)[:, 0] + 1) / 2
    figures.show(top, torch.cat(list(row), dim=1).numpy(), "")
    top.axvline(14 + alpha * 28 * (len(row) - 1), color=figures.ORANGE)
    figures.show(bottom, image.numpy(), f"α = {alpha:.2f}: {digit} ({confidence:.0%})")
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


def interpolation(generator, judge, pair=(3, 8)):
    """Two digits, a way and a slider; the path's ends are the first noise that meets the rule of quality.py."""
    start, end = (widgets.Dropdown(options=range(10), value=digit, layout={"width": "80px"}) for digit in pair)
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


def draw_moment(batches_done):
    fig, ax = plt.subplots(figsize=(3.2, 3.4), layout="constrained")
    figures.show(ax, figures.grid(batches_done), f"batch {batches_done:,}")
    return fig


def training():
    """A scrubber through the sample grids of the training, with a button that plays them."""
    moments = figures.moments()
    slider = widgets.SelectionSlider(options=moments, value=moments[-1], description="batch", layout={"width": "60%"})
    play = widgets.Play(value=len(moments) - 1, max=len(moments) - 1, interval=200)
    widgets.jslink((play, "value"), (slider, "index"))
    output = widgets.Output()
    slider.observe(lambda _: replace(output, lambda: draw_moment(slider.value)), "value")
    replace(output, lambda: draw_moment(slider.value))
    return widgets.VBox([widgets.HBox([play, slider]), output])
