"""The measures: Frechet distance against its formula in float64, the classifier's record, the interpolation's rule."""

import numpy as np
import pytest
import torch

import artifacts
import classifier
import evaluate
import my_gan


def formula(a, b):
    """|mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances (Heusel et al. 2017), in float64."""
    A, B = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(A @ B).real.clip(0))  # their sum is the trace of the square root
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(A + B) - 2 * roots.sum()


def test_frechet_distance_is_the_formula():
    judge = classifier.load_classifier()
    images = my_gan.sample(my_gan.load_generator(), 1500, seed=5)
    a, b = images[:700], (images[700:] * 0.8).roll(1, dims=-1)
    with torch.no_grad():
        expected = formula(*(judge.features(x).double().numpy() for x in (a, b)))
    assert evaluate.frechet_distance(judge, a, b) == pytest.approx(expected, rel=1e-3)
    assert evaluate.frechet_distance(judge, a, a) == pytest.approx(0, abs=1e-2)
    assert next(judge.parameters()).dtype == torch.float32  # measuring leaves the classifier as it was


def test_the_classifier_of_record_is_above_99_percent():
    artifact = artifacts.read(classifier.ARTIFACT, classifier.CONFIG, classifier.CODE, classifier.COMMAND)
    assert artifact["config"]["dataset"] == "mnist" and artifact["test_accuracy"][-1] > 0.99
    assert artifact["files"]["classifier.pt"] == artifacts.sha256(classifier.WEIGHTS)


def test_the_strip_is_the_first_pair_that_meets_the_rule():
    config = evaluate.configs()[1]
    generator, judge = my_gan.load_generator(), classifier.load_classifier()
    found, images = evaluate.interpolation(config, generator, judge)
    assert images.shape == (9, 1, 28, 28)
    assert found["digits"][0] != found["digits"][-1]
    assert min(found["confidence"][0], found["confidence"][-1]) >= 0.99
    _, recorded = evaluate.load()
    assert (found["pair"], found["digits"]) == (recorded["pair"], recorded["digits"])
    z = torch.randn(1000, 2, 100, generator=torch.Generator().manual_seed(config["seed"]))
    with torch.no_grad():
        digits, confidence = classifier.classify(judge, generator(z[: found["pair"]].flatten(0, 1)))
        torch.testing.assert_close(images[[0, -1]], generator(z[found["pair"]]))
    before = zip(digits.view(-1, 2).tolist(), confidence.view(-1, 2).tolist(), strict=True)
    assert not [pair for pair, sure in before if pair[0] != pair[1] and min(sure) >= 0.99]


def test_no_pair_that_meets_the_rule_is_an_error():
    with pytest.raises(ValueError, match="none of 5 pairs"):
        evaluate.interpolation(
            {"pairs": 5, "seed": 2, "confidence": 1.1}, my_gan.load_generator(), classifier.load_classifier()
        )


def test_a_broken_classifier_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(classifier, "WEIGHTS", tmp_path / "classifier.pt")
    (tmp_path / "classifier.pt").write_bytes(b"half")
    with pytest.raises(artifacts.ArtifactError, match=r"classifier.pt cannot be read .*classifier.py"):
        classifier.load_classifier()
