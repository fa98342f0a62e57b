"""Four classifiers' opinions: the plain ones learn; the distances are those of the images that are named."""

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
    assert 0.5 < results["test_accuracy"] < 1 and results["training_variance"] > 0
    images, labels = mnist.load("digits")
    again = plain(images, labels, few["seed"])
    torch.testing.assert_close(again.state_dict(), used[0].state_dict(), rtol=0, atol=0)
    assert (classify(again, mnist.normalise(images))[0] == labels).float().mean() > 0.7
    assert not again.training


def test_distances_are_of_all_images_and_of_those_the_reporting_classifier_is_sure_of(few):
    found = opinions.perform(few | {"use": "tuning"})["distances"]
    assert set(found) == {"training images", "test images"}
    by, reporting = load_classifier("tuning"), load_classifier("reporting")
    training, test = (mnist.normalise(mnist.load("digits", split)[0]) for split in ("train", "test"))
    real, seen = (measures.features(by, images)[0] for images in (training, test))
    sure_real, sure_seen = (classify(reporting, images)[1] >= quality.CONFIDENCE for images in (training, test))
    rest = measures.frechet_to(real[300:])
    assert found["training images"]["all"] == pytest.approx(measures.frechet(rest, real[:300]))
    assert found["test images"]["all"] == pytest.approx(measures.frechet(measures.frechet_to(real), seen))
    kept = measures.frechet(measures.frechet_to(real[sure_real]), seen[sure_seen])
    assert found["test images"]["sure"] == pytest.approx(kept)
    assert found["test images"]["share"] == pytest.approx(sure_seen.float().mean().item())
    assert found["test images"]["variance"] == pytest.approx(test.flatten(1).var(0).sum().item())


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
