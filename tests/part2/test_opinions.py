"""Four classifiers' opinions: the plain ones learn; the distances are those of the images that are named."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from dataset import mnist
from gan_study import measures, opinions, quality, trainings
from gan_study.classifier import classify, load_classifier


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(quality, "N_SAMPLES", 300)
    monkeypatch.setattr(opinions, "N_EPOCHS", 2)
    return {"dataset": "digits", "trainings": [], "seed": 2}


def test_a_plain_classifier_learns_and_is_fixed_by_its_seed(few, monkeypatch):
    plain, used = opinions.plain, []
    monkeypatch.setattr(opinions, "plain", lambda *arguments: used.append(plain(*arguments)) or used[-1])
    results = opinions.perform(few | {"use": "plain 1"})
    assert 0.5 < results["test_accuracy"] < 1
    images, labels = mnist.load("digits")
    again = plain(images, labels, few["seed"])
    torch.testing.assert_close(again.state_dict(), used[0].state_dict(), rtol=0, atol=0)
    assert (classify(again, mnist.normalise(images))[0] == labels).float().mean() > 0.7
    assert not again.training


def test_distances_are_of_all_images_of_sure_ones_and_of_blurred_ones(few):
    found = opinions.perform(few | {"use": "tuning"})["distances"]
    assert set(found) == {"training images", "test images"}
    by, reporting = load_classifier("tuning"), load_classifier("reporting")
    training, test = (mnist.normalise(mnist.load("digits", split)[0]) for split in ("train", "test"))
    sure_real, sure_test = (classify(reporting, images)[1] >= quality.CONFIDENCE for images in (training, test))
    every, soft = (
        [measures.features(by, change(images))[0] for images in (training, test)]
        for change in (torch.clone, opinions.blurred)
    )
    sets = {"all": every, "sure": (every[0][sure_real], every[1][sure_test]), "blurred": soft}
    for what, (real, seen) in sets.items():
        assert found["test images"][what] == pytest.approx(measures.frechet(measures.frechet_to(real), seen))
        if what != "sure":
            rest = measures.frechet(measures.frechet_to(real[300:]), real[:300])
            assert found["training images"][what] == pytest.approx(rest)
    assert found["test images"]["share"] == pytest.approx(sure_test.float().mean().item())
    for name, images in {"test images": test, "training images": training}.items():
        assert found[name]["variance"] == pytest.approx(images.flatten(1).var(0).sum().item())
        assert found[name]["roughness"] == opinions.roughness(images)


def test_blurring_spreads_a_dot_and_keeps_its_sum_and_place():
    dot = torch.zeros(1, 1, 28, 28)
    dot[..., 10, 14] = 1
    soft = opinions.blurred(dot)
    assert soft.sum().item() == pytest.approx(1) and soft.argmax() == dot.argmax()
    assert soft[0, 0, 10, 15] / soft[0, 0, 10, 14] == pytest.approx(math.exp(-0.5))


def test_roughness_is_none_of_an_even_slope_and_falls_with_blurring():
    slope = torch.arange(28.0).expand(2, 1, 28, 28)
    dot = torch.zeros(2, 1, 28, 28)
    dot[..., 10, 14] = 1
    assert opinions.roughness(slope) == 0 and opinions.roughness(dot) == 16 + 4
    assert opinions.roughness(opinions.blurred(dot)) < 1


def test_of_runs_that_need_the_same_training_one_has_it_and_the_others_wait(monkeypatch, tmp_path):
    inside, seen = [], []

    def training(config, data_root):
        inside.append(config["folder"])
        seen.append([*inside])
        time.sleep(0.2)
        inside.pop()

    monkeypatch.setattr(trainings, "HERE", tmp_path)
    monkeypatch.setattr(trainings, "trained", training)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: opinions.trained({"folder": "ours"}, tmp_path), range(3)))
    assert seen == [["ours"]] * 3
