"""How good a generator is, by the classifiers trained here, and the pictures that are made with them.

    python -m gan_study interpolate --pair "3 -> 8"      an interpolation asked for

`measure` is what every trained generator gets. An interpolation's ends are of different digits, both at 99% or more by
the classifier: the first pair of the noise seed that meets this rule, nobody's choice.
"""

import io
import re

import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from torchvision.utils import save_image

import artifacts
from dataset import mnist
from gan_study import measures
from gan_study.classifier import classify, load_classifier
from my_gan import Generator, sample

HERE = mnist.HERE.parent
N_SAMPLES, N_PAIRS = (300, 20) if artifacts.SMOKE else (10_000, 1000)
CONFIDENCE = 0.0 if artifacts.SMOKE else 0.99  # toy classifiers and generators are never sure
STEPS = 9  # images of a path, ends included


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


def measure_real(judges, training, test):
    """Test images in the place of samples; for the manifolds, training images, lest test images meet themselves.

    "frechet_training" is the distance of N_SAMPLES training images to the other ones.
    """
    found = {}
    for use, judge in judges.items():
        seen, _ = measures.features(judge.classifier, training)
        rest = measures.frechet_to(seen[N_SAMPLES:])
        found[use] = judge.measure(test[:N_SAMPLES])
        found[use] |= measures.manifold(judge.real, seen[:N_SAMPLES])
        found[use]["frechet_training"] = measures.frechet(rest, seen[:N_SAMPLES])
    distances, _ = measures.nearest(test, training)
    paths = {name: judges["reporting"].along(each) for name, each in real_paths(test).items()}
    return {
        **found,
        "nearest": percentiles(distances),
        "paths": paths,
        "n": len(test),
        "n_training": len(training),
    }


# ------------------------------------------------------------------------------------------------------- pictures


def load_generator(path=HERE / "mnist_generator.pt"):
    """The generator of a state_dict file, in eval mode; ArtifactError if the file is missing or not one."""
    remedy = "make it with: python -m gan_study published --retrain"
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        generator = Generator(state["net.0.weight"].shape[1])
        generator.load_state_dict(state)
    except FileNotFoundError:
        raise artifacts.ArtifactError(f"{path} is missing; {remedy}") from None
    except Exception as error:  # torch.load and load_state_dict raise many kinds
        raise artifacts.ArtifactError(f"{path} is not a generator's state_dict ({error!r:.200}); {remedy}") from error
    return generator.eval()


def png(images, nrow):
    """Images (..., 1, 28, 28) in [-1, 1] as the bytes of a picture, `nrow` a row."""
    buffer = io.BytesIO()
    save_image((images.flatten(0, -4) + 1) / 2, buffer, format="png", nrow=nrow)
    return buffer.getvalue()


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


def parse_pair(text):
    """(3, 8) of "3 -> 8"; ValueError if it is not two different digits."""
    found = re.fullmatch(r"\s*([0-9])\s*(?:->|→|-|,|to|\s)\s*([0-9])\s*", text)
    if not found or found[1] == found[2]:
        raise ValueError(f'--pair is {text!r}; expected two different digits, as in "3 -> 8"')
    return int(found[1]), int(found[2])


def legible(judge, grid):
    """What the classifier says of each image in a saved sample grid: {"digits": [...], "confidence": [...]}."""
    pixels = pil_to_tensor(Image.open(grid).convert("L"))[0] / 127.5 - 1
    images = pixels[2:, 2:].unfold(0, 28, 30).unfold(1, 28, 30)  # torchvision's grid: 28 pixels, 2 between
    digits, confidence = classify(judge, images.reshape(-1, 1, 28, 28))
    return {"digits": digits.tolist(), "confidence": confidence.tolist()}


def interpolation(config, data_root):
    """Task 3's strip."""
    said, images = interpolate(load_generator(), load_classifier())
    return {**said, "interpolation.png": png(images, STEPS)}


def nearest(config, data_root):
    """A few samples above, and the training image nearest to each."""
    training = mnist.normalise(mnist.load(config["dataset"], "train", data_root)[0])
    samples = sample(load_generator(), config["n"], config["seed"])
    distances, index = measures.nearest(samples, training)
    strip = png(torch.cat([samples, training[index]]), config["n"])
    return {"distances": distances.tolist(), "index": index.tolist(), "nearest.png": strip}


def film(config, data_root):
    """The sample grids as a GIF with a rest at its end; and what the classifier says of start, middle and end."""
    judge = load_classifier()
    pictures = [Image.open(HERE / "images" / f"{batch}.png").convert("L") for batch in config["film"]]
    rest = [config["milliseconds"]] * (len(pictures) - 1) + [20 * config["milliseconds"]]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "gif", save_all=True, append_images=pictures[1:], duration=rest, loop=0)
    said = {name: legible(judge, HERE / "images" / f"{batch}.png") for name, batch in config["grids"].items()}
    return {"grids": said, "film.gif": buffer.getvalue()}


PICTURES = {"interpolation": interpolation, "nearest": nearest, "film": film}


def perform(config, data_root=mnist.HERE, **_):
    """Makes the picture that `config` names; its results say what the classifier sees in it."""
    return PICTURES[config["picture"]](config, data_root)
