"""What is measured of images and of paths between them, on the features of a classifier that was trained here.

frechet             distance of two Gaussians fitted to the features (Heusel et al. 2017)
classifier_score    exp of the mean KL(p(y|x) || p(y)), from 1 to 10 (Salimans et al. 2016, there of the Inception net)
manifold            precision, recall (Kynkäänniemi et al. 2019), density, coverage (Naeem et al. 2020)
nearest             pixel distance to the nearest training image, against memorisation
along               how evenly a path of images moves, and whether what lies between still looks real

Images are float32 (n, 1, 28, 28) in [-1, 1], features float32 (n, d).
"""

import torch
from torch import nn


class Given(nn.Module):
    """For torchmetrics, which wants a network that computes features: they are given already."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        return features


def frechet_to(features):
    """A torchmetrics metric that knows the real `features` (n, d) and can be asked often by `frechet`."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=Given(features.shape[1]), reset_real_features=False)
    metric.update(features, real=True)
    return metric


def frechet(metric, features):
    metric.reset()
    metric.update(features, real=False)
    return metric.compute().item()


@torch.no_grad()
def features(classifier, images):
    """(features (n, d), class probabilities (n, 10)) of `images`."""
    found = [classifier.features(part) for part in images.split(250)]  # small parts stay in the cache
    return torch.cat(found), torch.cat([classifier.head(part).softmax(1) for part in found])


def classifier_score(probabilities):
    """Of class probabilities (n, 10): 1 if all images are alike to the classifier, 10 if it is sure and even."""
    p, marginal = probabilities, probabilities.mean(0)
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, marginal)).sum(1).mean().exp().item()


def radii(points, k):
    """Distance (n,) of each point to its k-th nearest other one: the points' manifold is the union of these balls."""
    return torch.cat([torch.cdist(part, points).kthvalue(k + 1, dim=1).values for part in points.split(1000)])


def manifold(real, fake, k=5):
    """Precision, recall, density and coverage of the features `fake` (n, d) against `real` (m, d).

    precision  share of fakes within some real point's ball          recall    share of reals within some fake one's
    density    how many real balls a fake lies in, over k, on average    coverage  share of real balls that hold a fake
    """
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    within, covered, recalled = [], [], []
    for part in fake.split(1000):
        within.append((torch.cdist(part, real) <= real_radii).sum(1))
    for part, radius in zip(real.split(1000), real_radii.split(1000), strict=True):
        distances = torch.cdist(part, fake)
        covered.append(distances.amin(1) <= radius)
        recalled.append((distances <= fake_radii).any(1))
    within = torch.cat(within).float()
    return {
        "precision": (within > 0).float().mean().item(),
        "recall": torch.cat(recalled).float().mean().item(),
        "density": (within.mean() / k).item(),
        "coverage": torch.cat(covered).float().mean().item(),
    }


def nearest(images, training):
    """(pixel distance (n,), index (n,)) of the image in `training` that is nearest to each of `images`, both in L2."""
    images, training = images.flatten(1), training.flatten(1)
    squares = training.square().sum(1)
    best, index = [], []
    for part in images.split(500):
        distances = torch.addmm(squares, part, training.T, alpha=-2)  # + the part's own squares, the same for all
        closest = distances.min(1)
        best.append((closest.values + part.square().sum(1)).clamp(min=0).sqrt())
        index.append(closest.indices)
    return torch.cat(best), torch.cat(index)


def slerp(a, b, alpha):
    """Spherical interpolation (Shoemake 1985) from `a` (..., d), alpha 0, to `b`, alpha 1; alpha broadcasts."""
    cosine = nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)[..., None]
    omega = cosine.acos()
    return (torch.sin((1 - alpha) * omega) * a + torch.sin(alpha * omega) * b) / omega.sin()


def along(paths, classifier, real, real_radii):
    """How smooth and how real `paths` (p, steps, 1, 28, 28) are; two numbers, since each alone can be had cheaply.

    jump      the longest step's share of the path's length, in pixels: 1 / (steps - 1) if even, 1 for a sudden change
    realism   share of the images between the ends whose features lie in the manifold of `real` (m, d) with its radii
    """
    steps = (paths[:, 1:] - paths[:, :-1]).flatten(2).norm(dim=2)
    inside = paths[:, 1:-1].flatten(0, 1)
    found, _ = features(classifier, inside)
    real_ones = torch.cat([(torch.cdist(part, real) <= real_radii).any(1) for part in found.split(1000)])
    return {
        "jump": (steps.amax(1) / steps.sum(1)).mean().item(),
        "realism": real_ones.float().mean().item(),
    }
