"""The classifiers' record, the interpolation's rule, pairs asked for, the nearest images, the film."""

import pytest
import torch
from conftest import ROOT
from PIL import Image

import artifacts
import classifier
import evaluate
import my_gan


@pytest.fixture(scope="module")
def shipped():
    """(generator, reporting classifier)."""
    return my_gan.load_generator(), classifier.load_classifier()


def test_both_classifiers_of_record_are_above_99_3_percent():
    for use in ("tuning", "reporting"):
        artifact = classifier.record(use)
        assert artifact["config"]["dataset"] == "mnist" and artifact["test_accuracy"][-1] >= 0.993
        assert artifact["files"][f"classifier_{use}.pt"] == artifacts.sha256(classifier.path(use, ".pt"))
    assert classifier.CONFIGS["tuning"]["seed"] != classifier.CONFIGS["reporting"]["seed"]


@pytest.mark.parametrize("use", ["tuning", "reporting"])
def test_a_classifier_has_features_and_a_head(use):
    judge, images = classifier.load_classifier(use), torch.rand(3, 1, 28, 28) * 2 - 1
    features = judge.features(images)
    assert features.shape == (3, judge.num_features)
    torch.testing.assert_close(judge.head(features), judge(images))


def test_the_strip_is_the_first_pair_that_meets_the_rule(shipped):
    said, images = evaluate.interpolate(*shipped)
    assert images.shape == (2, 9, 1, 28, 28)
    for way in ("linear", "spherical"):
        assert said[way]["digits"][0] != said[way]["digits"][-1]
        assert min(said[way]["confidence"][0], said[way]["confidence"][-1]) >= 0.99
    torch.testing.assert_close(images[0][[0, -1]], images[1][[0, -1]], atol=1e-5, rtol=0)  # the same ends
    recorded, _ = evaluate.load()
    assert said["pair"] == recorded["pair"] and said["linear"]["digits"] == recorded["linear"]["digits"]
    z, digits, confidence = evaluate.noise_pairs(*shipped, 1000)
    with torch.no_grad():
        torch.testing.assert_close(images[0][[0, -1]], shipped[0](z[said["pair"]]))
    before = zip(digits[: said["pair"]].tolist(), confidence[: said["pair"]].tolist(), strict=True)
    assert not [pair for pair, sure in before if pair[0] != pair[1] and min(sure) >= 0.99]


@pytest.mark.parametrize(("text", "pair"), [("3 -> 8", (3, 8)), ("3→8", (3, 8)), ("0 to 9", (0, 9)), (" 7,1 ", (7, 1))])
def test_a_pair_can_be_asked_for(shipped, text, pair):
    assert evaluate.parse_pair(text) == pair
    said, _ = evaluate.interpolate(*shipped, pair)
    assert (said["linear"]["digits"][0], said["linear"]["digits"][-1]) == pair


@pytest.mark.parametrize("text", ["3 -> 3", "3", "3 -> 10", "a -> b", ""])
def test_a_pair_that_is_none_is_an_error(refusal, text):
    with pytest.raises(ValueError, match="expected two different digits"):
        evaluate.parse_pair(text)
    if text:
        assert "expected two different digits" in refusal(ROOT / "Part2" / "evaluate.py", "--pair", text)


def test_no_pair_that_meets_the_rule_is_an_error(shipped, monkeypatch):
    monkeypatch.setattr(evaluate, "CONFIDENCE", 1.1)
    with pytest.raises(ValueError, match="none of 20,000 pairs"):
        evaluate.choose(*shipped)


def test_paths_have_the_ways_they_are_named_for(shipped):
    z = torch.randn(2, 2, 100)
    for way in ("linear", "spherical"):
        assert evaluate.path(shipped[0], z, way).shape == (2, 9, 1, 28, 28)
    with torch.no_grad():
        middle = shipped[0](z.mean(1))
    torch.testing.assert_close(evaluate.path(shipped[0], z)[:, 4], middle, atol=1e-4, rtol=0)
    torch.testing.assert_close(evaluate.path(shipped[0], z[0]), evaluate.path(shipped[0], z)[0], atol=1e-4, rtol=0)


def test_the_film_has_the_trainings_grids_in_order():
    film = Image.open(evaluate.RESULTS / "film.gif")
    assert film.n_frames >= 30 and film.size == Image.open(ROOT / "Part2" / "images" / "1.png").size
    last = max(int(path.stem) for path in (ROOT / "Part2" / "images").glob("*.png"))
    film.seek(film.n_frames - 1)
    expected = Image.open(ROOT / "Part2" / "images" / f"{last}.png").convert("L")
    difference = [abs(a - b) for a, b in zip(film.convert("L").tobytes(), expected.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 3  # a GIF has fewer grey values


@pytest.mark.parametrize("content", [None, b"half"])
def test_a_broken_classifier_is_an_error(monkeypatch, tmp_path, content):
    path = classifier.path
    monkeypatch.setattr(classifier, "record", lambda use: None)
    monkeypatch.setattr(classifier, "path", lambda use, suffix=".json": tmp_path / path(use, suffix).name)
    if content:
        (tmp_path / "classifier_reporting.pt").write_bytes(content)
    with pytest.raises(artifacts.ArtifactError, match=r"classifier_reporting.pt cannot be read .*classifier.py"):
        classifier.load_classifier()


def test_a_saved_grid_is_read_image_by_image(shipped, tmp_path):
    generator, judge = shipped
    my_gan.save_grid(generator, tmp_path / "25.png")
    said = evaluate.legible(judge, tmp_path / "25.png")
    digits, confidence = classifier.classify(judge, my_gan.sample(generator))
    assert said["digits"] == digits.tolist() and len(said["digits"]) == 25
    assert said["confidence"] == pytest.approx(confidence.tolist(), abs=0.05)  # a PNG has 256 grey values
    record, _ = evaluate.load()
    assert said == record["grids"]["end"] and record["grids"].keys() == my_gan.record()["grids"].keys()
