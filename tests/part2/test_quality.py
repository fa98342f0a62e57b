"""The interpolation's rule, pairs asked for, paths, sample grids read back; both ways of the benchmark; widgets."""

import re
from dataclasses import replace

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

import my_gan
from checkpoint import save_grid
from gan_study import benchmark, classifier, quality, trainings, widgets
from recipes import RECIPES


@pytest.mark.parametrize("use", ["tuning", "reporting"])
def test_a_classifier_has_features_and_a_head(use):
    judge, images = classifier.load_classifier(use), torch.rand(3, 1, 28, 28) * 2 - 1
    features = judge.features(images)
    assert features.shape == (3, judge.num_features)
    torch.testing.assert_close(judge.head(features), judge(images))


def test_the_strip_is_the_first_pair_that_meets_the_rule(generator, judge):
    said, images = quality.interpolate(generator, judge)
    assert images.shape == (2, 9, 1, 28, 28)
    for way in ("linear", "spherical"):
        assert said[way]["digits"][0] != said[way]["digits"][-1]
        assert min(said[way]["confidence"][0], said[way]["confidence"][-1]) >= 0.99
    torch.testing.assert_close(images[0][[0, -1]], images[1][[0, -1]], atol=1e-5, rtol=0)  # the same ends
    z, digits, confidence = quality.noise_pairs(generator, judge, 1000)
    with torch.no_grad():
        torch.testing.assert_close(images[0][[0, -1]], generator(z[said["pair"]]))
    before = zip(digits[: said["pair"]].tolist(), confidence[: said["pair"]].tolist(), strict=True)
    assert not [pair for pair, sure in before if pair[0] != pair[1] and min(sure) >= 0.99]


def test_a_pair_can_be_asked_for(generator, judge):
    said, _ = quality.interpolate(generator, judge, (3, 8))
    assert (said["linear"]["digits"][0], said["linear"]["digits"][-1]) == (3, 8)


def test_no_pair_that_meets_the_rule_is_an_error(generator, judge, monkeypatch):
    monkeypatch.setattr(quality, "CONFIDENCE", 1.1)
    small = quality.noise_pairs(generator, judge, 20)
    monkeypatch.setattr(quality, "noise_pairs", lambda *_, **__: small)
    with pytest.raises(ValueError, match="none of 20,000 pairs"):
        quality.choose(generator, judge)


def test_paths_have_the_ways_they_are_named_for(generator):
    z = torch.randn(2, 2, 100)
    for way in ("linear", "spherical"):
        assert quality.path(generator, z, way).shape == (2, 9, 1, 28, 28)
    with torch.no_grad():
        middle = generator(z.mean(1))
    torch.testing.assert_close(quality.path(generator, z)[:, 4], middle, atol=1e-4, rtol=0)
    torch.testing.assert_close(quality.path(generator, z[0]), quality.path(generator, z)[0], atol=1e-4, rtol=0)


def test_a_saved_grid_is_read_image_by_image(generator, judge, tmp_path):
    save_grid(my_gan.sample(generator), tmp_path / "25.png")
    said = quality.legible(judge, tmp_path / "25.png")
    digits, confidence = classifier.classify(judge, my_gan.sample(generator))
    assert said["digits"] == digits.tolist() and len(said["digits"]) == 25
    assert said["confidence"] == pytest.approx(confidence.tolist(), abs=0.05)  # a PNG has 256 grey values
    assert (tmp_path / "25.png").read_bytes() == quality.png(my_gan.sample(generator), nrow=5)


def test_both_ways_make_the_same_updates(tmp_path):
    """Twenty batches of the same images and noise, float32: the same weights and BatchNorm statistics.

    By gradient descent, since Adam's steps blow rounding errors of gradients near 0 up to its learning rate.
    """
    rng = torch.Generator().manual_seed(7)  # with some seeds, rounding moves an activation over LeakyReLU's kink
    images = [(image, 0) for image in (torch.rand(20, 32, 1, 28, 28, generator=rng) * 2 - 1)]
    recipe = replace(RECIPES["ganpy-eps"], n_epochs=1, bf16=False)
    made = []
    for way in ("ours", "public"):
        (discriminator, generator, *_), rng = my_gan.build(recipe)
        before = generator.net[0].weight.detach().clone()
        optimizers = [torch.optim.SGD(network.parameters(), 0.1) for network in (generator, discriminator)]
        if way == "ours":
            my_gan.train(images, discriminator, generator, *optimizers, recipe, rng, tmp_path)
        else:
            benchmark.public_epoch(images, discriminator, generator, *optimizers, rng)
        made.append(discriminator.state_dict() | {f"G.{k}": v for k, v in generator.state_dict().items()})
        assert (generator.net[0].weight - before).abs().max() > 1e-3
    for name in made[0]:
        torch.testing.assert_close(made[0][name], made[1][name], atol=1e-5, rtol=1e-4)


def test_the_film_and_the_stills_are_among_what_is_published():
    saved = sorted([1, *range(500, 93_501, 500), 46_850, 93_700])
    film, shown = trainings.chosen(saved, {"start": 1, "middle": 46_850, "end": 93_700})
    assert len(film) == 80 and film[0] == 1 and film[-1] == 93_700
    assert {*film, 46_850, *trainings.stills(saved)} == set(shown) and len(shown) <= 100
    assert trainings.stills(shown) == trainings.stills(saved)
    few, every = trainings.chosen([1, 2, 4], {"start": 1, "middle": 2, "end": 4})
    assert few == every == [1, 2, 4]


@pytest.fixture
def shown(monkeypatch):
    """The figures that widgets have shown so far."""
    found = []
    monkeypatch.setattr(widgets, "display", found.append)
    return found


def pixels(fig):
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def test_the_slider_goes_from_one_digit_to_the_other(generator, judge, shown, capsys):
    box = widgets.interpolation(generator, judge)
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


def test_the_ends_are_the_paths_own(generator, judge):
    z = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ends = (generator(z)[:, 0] + 1) / 2
    for way in ("linear", "spherical"):
        for alpha, expected in zip((0.0, 1.0), ends, strict=True):
            image, _ = widgets.between(generator, judge, z, alpha, way)
            torch.testing.assert_close(torch.from_numpy(image), expected, atol=1e-4, rtol=0)


@pytest.mark.results
def test_a_film_needs_nothing_outside_the_page_and_is_the_same_each_time():
    film = widgets.training(n=3)._repr_mimebundle_()
    assert film == widgets.training(n=3)._repr_mimebundle_()
    frames = re.findall(r'frames\[\d+\] = "data:image/png;base64,([^"]+)"', film["text/html"])
    assert len(frames) == len(set(frames)) == min(3, len(trainings.published()["images"]))
    assert "http" not in film["text/html"] and "fa-" not in film["text/html"] and film["image/png"]
