"""The GAN's widgets: each control changes the picture, and what cannot be drawn gets a message."""

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

import classifier
import gan_figures
import gan_widgets
import my_gan


@pytest.fixture
def shown(monkeypatch):
    """The figures that widgets have shown so far."""
    figures = []
    monkeypatch.setattr(gan_widgets, "display", figures.append)
    return figures


def pixels(fig):
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def test_the_slider_goes_from_one_digit_to_the_other(shown, capsys):
    generator, judge = my_gan.load_generator(), classifier.load_classifier()
    box = gan_widgets.interpolation(generator, judge)
    (start, _, end, way), alpha = box.children[0].children, box.children[1]
    titles = []
    for value in (0.0, 1.0):
        alpha.value = value
        titles.append(shown[-1].axes[1].get_title())
    assert ": 3 (" in titles[0] and ": 8 (" in titles[1]
    alpha.value = 0.5
    straight = pixels(shown[-1])
    way.value = "spherical"
    assert pixels(shown[-1]) != straight
    count = len(shown)
    end.value = 3
    assert len(shown) == count and "choose two different digits" in capsys.readouterr().out
    start.value = 7
    assert len(shown) == count + 1


def test_the_ends_are_the_paths_own():
    generator, judge = my_gan.load_generator(), classifier.load_classifier()
    z = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ends = (generator(z)[:, 0] + 1) / 2
    for way in ("linear", "spherical"):
        for alpha, expected in zip((0.0, 1.0), ends, strict=True):
            image, _, _ = gan_widgets.between(generator, judge, z, alpha, way)
            torch.testing.assert_close(image, expected, atol=1e-4, rtol=0)


def test_the_scrubber_shows_each_moment(shown):
    box = gan_widgets.training()
    slider, moments = box.children[0].children[1], gan_figures.moments()
    assert list(slider.options) == moments and slider.value == moments[-1]
    slider.value = moments[0]
    first = pixels(shown[-1])
    slider.value = moments[len(moments) // 2]
    assert pixels(shown[-1]) != first and f"{moments[len(moments) // 2]:,}" in shown[-1].axes[0].get_title()
