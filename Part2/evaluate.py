"""How good the shipped generator is, measured with a classifier that was trained on MNIST here.

    python evaluate.py            results/quality.json, interpolation.json and interpolation.png, unless up to date

Quality: the Frechet distance (Heusel et al. 2017) between 10,000 samples and the training images on the classifier's
128 features, beside its floor, the same for real test images; the shares of the digits among the samples.
Interpolation: 9 images on a straight line between two noise vectors whose images are of different digits, both at
99% or more by the classifier; the first pair of the noise seed that meets this rule.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchvision.utils import save_image

import artifacts
import my_gan
from classifier import WEIGHTS, Classifier, classify, load_classifier
from my_gan import DATASET, HERE, Generator, load_generator, mnist, sample

RESULTS = HERE / "results"
N_SAMPLES = 500 if artifacts.SMOKE else 10_000
CONFIDENCE = 0.0 if artifacts.SMOKE else 0.99  # toy classifiers and generators are never sure
PAIRS = 1000  # pairs of the noise seed that are looked at
COMMAND = "python evaluate.py"


class Features(nn.Module):
    """images (n, 1, 28, 28) in [-1, 1] -> the classifier's features (n, num_features), for torchmetrics."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier, self.num_features = classifier, classifier.num_features

    def forward(self, images):
        return self.classifier.features(images)


@torch.no_grad()
def frechet_distance(classifier, images, reference):
    """Frechet distance between two sets of images (n, 1, 28, 28) in [-1, 1] on the classifier's features."""
    metric = FrechetInceptionDistance(feature=Features(classifier))
    for real, batch in ((True, reference), (False, images)):
        for part in batch.split(1000):
            metric.update(part, real=real)
    return metric.compute().item()


def quality(config, generator, classifier, train_images, test_images):
    """Frechet distance of samples and of real test images to the training images; what the classifier says of both."""
    samples, reference = sample(generator, config["n_samples"], config["seed"]), mnist.normalise(train_images)
    digits, confidence = classify(classifier, samples)
    return {
        "frechet": frechet_distance(classifier, samples, reference),
        "frechet_floor": frechet_distance(classifier, mnist.normalise(test_images), reference),
        "n_reference": len(train_images),
        "n_floor": len(test_images),
        "shares": [(digits == digit).float().mean().item() for digit in range(10)],
        "mean_confidence": confidence.mean().item(),
    }


@torch.no_grad()
def interpolation(config, generator, classifier):
    """(what interpolation.json says, the 9 images) for the first pair of the seed whose ends meet the rule.

    Raises ValueError if none of the pairs does.
    """
    z = torch.randn(config["pairs"], 2, generator.latent_dim, generator=torch.Generator().manual_seed(config["seed"]))
    digits, confidence = classify(classifier, generator(z.flatten(0, 1)))
    digits, confidence = digits.view(-1, 2), confidence.view(-1, 2)
    meets = (digits[:, 0] != digits[:, 1]) & (confidence.amin(1) >= config["confidence"])
    if not meets.any():
        raise ValueError(f"none of {len(z)} pairs has ends of different digits at {config['confidence']:.0%} each")
    pair = int(meets.nonzero()[0])
    images = generator(torch.lerp(z[pair, 0], z[pair, 1], torch.linspace(0, 1, 9)[:, None]))
    digits, confidence = classify(classifier, images)
    return {"pair": pair, "digits": digits.tolist(), "confidence": confidence.tolist()}, images


def configs():
    """The two configurations; what they measure is part of them, by its hash."""
    shared = {"generator": artifacts.sha256(HERE / "mnist_generator.pt"), "classifier": artifacts.sha256(WEIGHTS)}
    return (
        shared | {"dataset": DATASET, "n_samples": N_SAMPLES, "seed": 1},
        shared | {"pairs": PAIRS, "confidence": CONFIDENCE, "seed": 2},
    )


NETWORKS = (Generator, Classifier, classify)
QUALITY_CODE = artifacts.code(quality, frechet_distance, Features, sample, mnist.normalise, mnist.load, *NETWORKS)
INTERPOLATION_CODE = artifacts.code(interpolation, *NETWORKS)


def load():
    """The artifacts (quality, interpolation); ArtifactError if one is missing or stale."""
    quality_config, interpolation_config = configs()
    return (
        artifacts.read(RESULTS / "quality.json", quality_config, QUALITY_CODE, COMMAND),
        artifacts.read(RESULTS / "interpolation.json", interpolation_config, INTERPOLATION_CODE, COMMAND),
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw")
    parser.add_argument("--retrain", action="store_true", help="measure anew even if up to date")
    args = parser.parse_args(argv)
    generator, classifier = load_generator(), load_classifier()
    my_gan.record()  # ArtifactError if the generator is not the record's
    if not args.retrain:
        try:
            load()
        except artifacts.ArtifactError as reason:
            print(reason)
        else:
            print(f"{RESULTS / 'quality.json'} and interpolation.json are up to date (--retrain makes them anew)")
            return
    quality_config, interpolation_config = configs()
    started = time.perf_counter()
    strip, images = interpolation(interpolation_config, generator, classifier)
    with artifacts.atomic(RESULTS / "interpolation.png") as temporary:
        save_image((images + 1) / 2, temporary, nrow=9)
    seconds = time.perf_counter() - started
    files = [RESULTS / "interpolation.png"]
    artifacts.write(RESULTS / "interpolation.json", interpolation_config, INTERPOLATION_CODE, seconds, files, **strip)

    started = time.perf_counter()
    sets = (mnist.load(DATASET, split, args.data_root)[0] for split in ("train", "test"))
    measured = quality(quality_config, generator, classifier, *sets)
    seconds = time.perf_counter() - started
    artifacts.write(RESULTS / "quality.json", quality_config, QUALITY_CODE, seconds, **measured)
    print(f"Frechet distance {measured['frechet']:.2f} (real test images: {measured['frechet_floor']:.2f})")


if __name__ == "__main__":
    try:
        main()
    except (mnist.DataError, artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"evaluate.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nevaluate.py: interrupted; what was not measured to its end is not written")
