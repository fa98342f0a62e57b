"""How good a generator is, by the classifiers trained here, and the pictures that need MNIST or a search.

    python evaluate.py                      the shipped generator's: results/interpolation.json, nearest.json, film.gif
    python evaluate.py --pair "3 -> 8"      an interpolation asked for: runs/3_to_8.png, and the verdicts

`measure` is what gan_experiments.py asks of every trained generator. An interpolation's ends are of different digits,
both at 99% or more by the classifier: the first pair of the noise seed that meets this rule, nobody's choice.
"""

import argparse
import re
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from torchvision.utils import save_image

import artifacts
import classifier
import measures
import my_gan
from classifier import classify, load_classifier
from my_gan import DATASET, HERE, load_generator, mnist, sample

RESULTS = HERE / "results"
N_SAMPLES, N_PAIRS = (300, 20) if artifacts.SMOKE else (10_000, 1000)
CONFIDENCE = 0.0 if artifacts.SMOKE else 0.99  # toy classifiers and generators are never sure
STEPS = 9  # images of a path, ends included
COMMAND = "python evaluate.py"


class Judge:
    """A classifier, and what of real images it needs to judge others by: all training and N_SAMPLES test images."""

    def __init__(self, use, training, test):
        self.classifier = load_classifier(use)
        self.metric = measures.frechet_to(measures.features(self.classifier, training)[0])
        self.real, _ = measures.features(self.classifier, test[:N_SAMPLES])
        self.radii = measures.radii(self.real, k=5)

    def measure(self, images):
        """Frechet distance, classifier score, class shares, precision, recall, density, coverage of `images`."""
        features, probabilities = measures.features(self.classifier, images)
        return {
            "frechet": measures.frechet(self.metric, features),
            "score": measures.classifier_score(probabilities),
            "shares": probabilities.argmax(1).bincount(minlength=10).div(len(images)).tolist(),
            "confidence": probabilities.amax(1).mean().item(),
            **measures.manifold(self.real, features),
        }

    def along(self, paths):
        return measures.along(paths, self.classifier, self.real, self.radii)


def percentiles(distances):
    """Median and first percentile of distances (n,)."""
    return {"median": distances.median().item(), "first": distances.quantile(0.01).item()}


def noise_pairs(generator, judge, n, seed=2):
    """(z (n, 2, latent_dim), digits (n, 2), confidence (n, 2)) of pairs of noise vectors."""
    z = torch.randn(n, 2, generator.latent_dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        digits, confidence = classify(judge, torch.cat([generator(part) for part in z.flatten(0, 1).split(1000)]))
    return z, digits.view(-1, 2), confidence.view(-1, 2)


@torch.no_grad()
def path(generator, z, way="linear", steps=STEPS):
    """Images (..., steps, 1, 28, 28) from noise z[..., 0, :] to z[..., 1, :], way "linear" or "spherical"."""
    a, b = z[..., None, 0, :], z[..., None, 1, :]
    alpha = torch.linspace(0, 1, steps)[:, None]
    between = torch.lerp(a, b, alpha) if way == "linear" else measures.slerp(a, b, alpha)
    images = torch.cat([generator(part) for part in between.flatten(0, -2).split(1000)])
    return images.view(*between.shape[:-1], 1, 28, 28)


def real_paths(images, n=N_PAIRS, steps=STEPS):
    """What is no interpolation: n cross-fades between pairs of `images`, and n sudden changes, for comparison."""
    a, b = images[:n, None], images[n : 2 * n, None]
    alpha = torch.linspace(0, 1, steps)[:, None, None, None]
    return {"cross-fade": torch.lerp(a, b, alpha), "jump": torch.where(alpha < 0.5, a, b)}


def measure(generator, judges, training=None):
    """What is measured of a generator in eval mode, `judges` being {use: Judge}.

    With `training`, all images it was trained on, also how close samples come to them, and its interpolations.
    """
    samples = sample(generator, N_SAMPLES, seed=1)
    found = {use: judge.measure(samples) for use, judge in judges.items()}
    if training is not None:
        z, _, _ = noise_pairs(generator, judges["reporting"].classifier, N_PAIRS)
        ways = {way: judges["reporting"].along(path(generator, z, way)) for way in ("linear", "spherical")}
        found |= {"nearest": percentiles(measures.nearest(samples, training)[0]), "paths": ways}
    return found


MEASURE_CODE = artifacts.code(
    *(measures, Judge, percentiles, noise_pairs, path, real_paths, measure, sample),
    *(classifier.Classifier, classifier.Convolutional, classifier.Residual, classify),
)


def choose(generator, judge, pair=None):
    """(number, z (2, latent_dim)) of the first noise pair whose ends meet the rule, and are of the digits in `pair`.

    Raises ValueError if none of the first 20,000 does.
    """
    for block in range(20):  # by thousands, since most need not be looked at
        z, digits, confidence = noise_pairs(generator, judge, 1000, seed=2 + block)
        meets = (digits[:, 0] != digits[:, 1]) & (confidence.amin(1) >= CONFIDENCE)
        if pair:
            meets &= (digits == torch.tensor(pair)).all(1)
        if meets.any():
            number = int(meets.nonzero()[0])
            return 1000 * block + number, z[number]
    raise ValueError(f"none of 20,000 pairs of noise has ends that are {pair or 'different'} at {CONFIDENCE:.0%} each")


def interpolate(generator, judge, pair=None):
    """(what the classifier says of each image of the path, by way; images (2, STEPS, 1, 28, 28)) for a chosen pair."""
    number, z = choose(generator, judge, pair)
    said, images = {"pair": number}, []
    for way in ("linear", "spherical"):
        images.append(path(generator, z, way))
        digits, confidence = classify(judge, images[-1])
        said[way] = {"digits": digits.tolist(), "confidence": confidence.tolist()}
    return said, torch.stack(images)


def save_strip(images, target, nrow):
    with artifacts.atomic(target) as temporary:
        save_image((images.flatten(0, -4) + 1) / 2, temporary, nrow=nrow)


def film(source, target, frames=80, milliseconds=120):
    """The sample grids in folder `source` as a GIF, at even steps, with a rest at the end."""
    grids = sorted(source.glob("*.png"), key=lambda grid: int(grid.stem))
    chosen = [grids[round(i * (len(grids) - 1) / (frames - 1))] for i in range(frames)]
    pictures = [Image.open(grid).convert("L") for grid in dict.fromkeys(chosen)]
    rest = [milliseconds] * (len(pictures) - 1) + [20 * milliseconds]
    with artifacts.atomic(target) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=rest, loop=0)


def legible(judge, grid):
    """What the classifier says of each image in a saved sample grid: {"digits": [...], "confidence": [...]}."""
    pixels = pil_to_tensor(Image.open(grid).convert("L"))[0] / 127.5 - 1
    images = pixels[2:, 2:].unfold(0, 28, 30).unfold(1, 28, 30)  # torchvision's grid: 28 pixels, 2 between
    digits, confidence = classify(judge, images.reshape(-1, 1, 28, 28))
    return {"digits": digits.tolist(), "confidence": confidence.tolist()}


def config(**settings):
    """A configuration; what it looks at is part of it, by its hash."""
    generator, judge = HERE / "mnist_generator.pt", classifier.path("reporting", ".pt")
    return {"generator": artifacts.sha256(generator), "classifier": artifacts.sha256(judge), **settings}


INTERPOLATION = {"steps": STEPS, "confidence": CONFIDENCE, "seed": 2}
NEAREST = {"dataset": DATASET, "n": 12, "seed": 3}
NETWORKS = (my_gan.Generator, classifier.Classifier, classifier.Residual, classify, sample)
INTERPOLATION_CODE = artifacts.code(choose, interpolate, film, legible, noise_pairs, path, measures.slerp, *NETWORKS)
NEAREST_CODE = artifacts.code(measures.nearest, save_strip, *NETWORKS)


def load():
    """The artifacts (interpolation, nearest); ArtifactError if one is missing or stale."""
    return (
        artifacts.read(RESULTS / "interpolation.json", config(**INTERPOLATION), INTERPOLATION_CODE, COMMAND),
        artifacts.read(RESULTS / "nearest.json", config(**NEAREST), NEAREST_CODE, COMMAND),
    )


def parse_pair(text):
    """(3, 8) of "3 -> 8"; ValueError if it is not two different digits."""
    found = re.fullmatch(r"\s*(\d)\s*(?:->|→|-|,|to|\s)\s*(\d)\s*", text)
    if not found or found[1] == found[2]:
        raise ValueError(f'--pair is {text!r}; expected two different digits, as in "3 -> 8"')
    return int(found[1]), int(found[2])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", help='the digits at the ends of an interpolation, as in "3 -> 8"')
    parser.add_argument("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw")
    parser.add_argument("--retrain", action="store_true", help="make anew even what is up to date")
    args = parser.parse_args(argv)
    pair = parse_pair(args.pair) if args.pair else None
    generator, judge = load_generator(), load_classifier()
    if pair:
        said, images = interpolate(generator, judge, pair)
        target = HERE / "runs" / f"{pair[0]}_to_{pair[1]}.png"
        save_strip(images, target, STEPS)
        for way in ("linear", "spherical"):
            verdicts = zip(said[way]["digits"], said[way]["confidence"], strict=True)
            print(f"{way:10}" + "".join(f"{digit} ({p:4.0%}) " for digit, p in verdicts))
        print(f"wrote {target}")
        return
    record = my_gan.record()  # ArtifactError if the generator is not the record's
    if not args.retrain:
        try:
            load()
        except artifacts.ArtifactError as reason:
            print(reason)
        else:
            print(f"{RESULTS / 'interpolation.json'} and nearest.json are up to date (--retrain makes them anew)")
            return

    started, target = time.perf_counter(), RESULTS / "interpolation"
    artifacts.prepare(target.with_suffix(".json"))
    said, images = interpolate(generator, judge)
    save_strip(images, target.with_suffix(".png"), STEPS)
    film(HERE / "images", RESULTS / "film.gif")
    said["grids"] = {name: legible(judge, HERE / "images" / f"{batch}.png") for name, batch in record["grids"].items()}
    seconds, files = time.perf_counter() - started, [target.with_suffix(".png"), RESULTS / "film.gif"]
    artifacts.write(target.with_suffix(".json"), config(**INTERPOLATION), INTERPOLATION_CODE, seconds, files, **said)

    started, target = time.perf_counter(), RESULTS / "nearest"
    training = mnist.normalise(mnist.load(DATASET, "train", args.data_root)[0])
    samples = sample(generator, NEAREST["n"], NEAREST["seed"])
    distances, index = measures.nearest(samples, training)
    save_strip(torch.cat([samples, training[index]]), target.with_suffix(".png"), NEAREST["n"])
    seconds, files = time.perf_counter() - started, [target.with_suffix(".png")]
    found = {"distances": distances.tolist(), "index": index.tolist()}
    artifacts.write(target.with_suffix(".json"), config(**NEAREST), NEAREST_CODE, seconds, files, **found)
    print(f"wrote {RESULTS / 'interpolation.json'} and nearest.json, and their pictures")


if __name__ == "__main__":
    try:
        main()
    except (mnist.DataError, artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"evaluate.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nevaluate.py: interrupted; what was not measured to its end is not written")
