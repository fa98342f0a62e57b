"""The measures against their definitions: by formula in float64, by brute force, and on sets whose answer is known."""

import numpy as np
import pytest
import torch

from dataset import mnist
from gan_study import classifier, measures


def formula(a, b):
    """|mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances (Heusel et al. 2017), in float64."""
    A, B = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(A @ B).real.clip(0))  # their sum is the trace of the square root
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(A + B) - 2 * roots.sum()


def test_frechet_distance_is_the_formula():
    rng = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(n, 20, generator=rng) * scale + 1 for n, scale in ((500, 1), (700, 2), (300, 3)))
    metric = measures.frechet_to(a)
    for other in (b, c, a):  # one after the other: each is asked afresh
        expected = formula(other.double().numpy(), a.double().numpy())
        assert measures.frechet(metric, other) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def brute_force(real, fake, k):
    """Definitions of Kynkäänniemi et al. (2019) and Naeem et al. (2020), point by point."""
    real, fake = real.double().numpy(), fake.double().numpy()

    def radius(points, i):
        return sorted(np.linalg.norm(points - points[i], axis=1))[k]  # [0] is the point itself

    R, F = [radius(real, i) for i in range(len(real))], [radius(fake, i) for i in range(len(fake))]
    within = [[np.linalg.norm(x - y) <= r for y, r in zip(real, R, strict=True)] for x in fake]
    recalled = [any(np.linalg.norm(x - y) <= f for y, f in zip(fake, F, strict=True)) for x in real]
    return {
        "precision": np.mean([any(row) for row in within]),
        "recall": np.mean(recalled),
        "density": np.sum(within) / k / len(fake),
        "coverage": np.mean(np.any(within, axis=0)),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_precision_recall_density_coverage_are_the_definitions(k):
    rng = torch.Generator().manual_seed(k)
    real, fake = torch.randn(60, 3, generator=rng), torch.randn(45, 3, generator=rng) * 0.7 + 0.5
    assert measures.manifold(real, fake, k) == pytest.approx(brute_force(real, fake, k), abs=1e-6)


def test_a_collapsed_set_is_precise_and_recalls_nothing():
    real = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0))
    found = measures.manifold(real, real[:1] + 1e-3 * torch.randn(1000, 4))
    assert found["precision"] > 0.99 and found["recall"] < 0.05 and found["coverage"] < 0.1
    same = measures.manifold(real, torch.randn(1000, 4, generator=torch.Generator().manual_seed(1)))
    assert min(same["recall"], same["coverage"], same["precision"]) > 0.85


def test_classifier_score_is_1_for_one_class_and_10_for_ten():
    assert measures.classifier_score(torch.eye(10)) == pytest.approx(10)
    assert measures.classifier_score(torch.eye(10)[[3, 3, 3]]) == pytest.approx(1)
    assert measures.classifier_score(torch.full((5, 10), 0.1)) == pytest.approx(1)


def test_the_nearest_image_is_the_nearest():
    rng = torch.Generator().manual_seed(0)
    images, training = torch.rand(700, 1, 4, 4, generator=rng), torch.rand(90, 1, 4, 4, generator=rng)
    distances, index = measures.nearest(images, training)
    every = torch.cdist(images.flatten(1), training.flatten(1))
    torch.testing.assert_close(distances, every.amin(1), atol=1e-5, rtol=1e-4)
    assert torch.equal(index, every.argmin(1))
    copied, where = measures.nearest(training[[5, 7]], training)
    assert copied.max() < 1e-2 and where.tolist() == [5, 7]


def test_slerp_keeps_to_the_sphere_and_has_the_ends():
    a, b = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0])
    path = measures.slerp(a, b, torch.linspace(0, 1, 5)[:, None])
    torch.testing.assert_close(path[[0, -1]], torch.stack([a, b]), atol=1e-6, rtol=0)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(path[2], (a + b) / 2**0.5)


def test_a_jump_and_a_cross_fade_are_told_from_a_smooth_path():
    """Digits shifted step by step stay digits; a cross-fade between two does not; a jump does not move evenly."""
    judge = classifier.load_classifier("reporting")
    images, _ = mnist.load("digits")
    digits = mnist.normalise(images[:200])
    moved = torch.stack([digits.roll(s, -1) for s in range(-4, 5)], dim=1)
    real, _ = measures.features(judge, moved.flatten(0, 1))
    alpha = torch.linspace(0, 1, 9)[:, None, None, None]
    a, b = digits[:, None], digits.flip(0)[:, None]
    ways = {"moved": moved, "fade": torch.lerp(a, b, alpha), "jump": torch.where(alpha < 0.5, a, b)}
    found = {name: measures.along(way, judge, real, measures.radii(real, 5)) for name, way in ways.items()}
    assert found["fade"]["realism"] < found["moved"]["realism"] == found["jump"]["realism"] == 1
    assert found["jump"]["jump"] == 1 and found["moved"]["jump"] < 0.2
    assert found["fade"]["jump"] == pytest.approx(1 / 8, abs=1e-4)
