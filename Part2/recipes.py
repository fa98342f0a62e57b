"""The settings of a training, and the recipes: those of published solutions of this assignment, and ours.

    python my_gan.py --recipe ganpy --n_epochs 15       any of them; further flags change single settings

`template`, `ganpy` and `ganpy-eps` train the template's networks, D2 a discriminator of two outputs, C3 wider networks
of its own; in ours, D reads black as 0. What a published recipe leaves open is chosen here: C3's epochs, latent size
and learning rate (RMSProp's in Arjovsky et al. 2017), and Adam's betas for B2, which is `template` for 50 epochs. All
run in the same loop, with the same order of updates, and all but C3 with bfloat16 products: in bfloat16 C3's
sigmoid rounds to 1, where the gradient vanishes.
"""

import argparse
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from torch.nn.functional import softplus
from torch.optim.lr_scheduler import LambdaLR

import bfloat16  # noqa: F401 (it makes bfloat16 products fast on every processor)
from checkpoint import artifacts

HERE = Path(__file__).parent
DATASET = "digits" if artifacts.SMOKE else "mnist"
CHOICES = {
    "optimizer": ("adam", "rmsprop"),
    "networks": ("template", "zero-black", "two-output", "wide"),
    "dataset": ("mnist", "digits"),
}
RANGES = {  # of whole numbers: from, to
    "n_epochs": (1, 100_000),
    "batch_size": (2, 60_000),  # BatchNorm needs two
    "latent_dim": (1, 65_536),
    "r1_interval": (1, 10**9),
    "save_interval": (1, 10**9),
    "log_interval": (1, 10**9),
    "seed": (0, 2**63 - 1),
}
BELOW_1 = ("beta1", "beta2", "ema")


@dataclass(frozen=True)
class Recipe:
    """What determines a training. The defaults are the template's but for bf16; HELP says what each setting is."""

    n_epochs: int = 200
    batch_size: int = 64
    optimizer: str = "adam"
    lr: float = 2e-4
    anneal: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    networks: str = "template"
    latent_dim: int = 100
    bn_eps: float = 1e-5
    balanced: bool = False
    ema: float = 0.0
    r1: float = 0.0
    r1_interval: int = 16
    save_interval: int = 500
    log_interval: int = 100
    bf16: bool = True
    seed: int = 0
    dataset: str = DATASET

    def __post_init__(self):
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in CHOICES:
                holds, expected = value in CHOICES[name], f"one of {', '.join(CHOICES[name])}"
            elif name in RANGES:
                low, high = RANGES[name]
                holds = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
                expected = f"a whole number from {low:,} to {high:,}"
            elif isinstance(field.default, bool):
                holds, expected = isinstance(value, bool), "True or False"
            elif not isinstance(value, (int, float)) or isinstance(value, bool):
                holds, expected = False, "a number"
            elif name in BELOW_1:
                holds, expected = 0 <= value < 1, "a number from 0 to below 1"
            elif name == "anneal":
                holds, expected = 0 <= value <= 1, "a number from 0 to 1"
            elif name == "r1":
                holds, expected = 0 <= value < math.inf, "a finite number from 0 on"
            else:
                holds, expected = 0 < value < math.inf, "a finite number above 0"
            if not holds:
                raise ValueError(f"{name} is {value}; expected {expected}")
            if isinstance(field.default, float):
                object.__setattr__(self, name, float(value))  # 0 and 0.0 are the same recipe


def optimizer(recipe, network):
    """The optimiser of a network."""
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), recipe.lr, (recipe.beta1, recipe.beta2), fused=True)
    return torch.optim.RMSprop(network.parameters(), recipe.lr)


def device(name):
    """`name`, if it is a device that can be used here; of an argument parser, its error in one line if not."""
    try:
        torch.ones(1, device=name).item()
    except Exception:  # RuntimeError, AssertionError, NotImplementedError: whatever the device is not
        raise argparse.ArgumentTypeError(
            f"{name} cannot be used here; expected cpu, or cuda or mps if there is one"
        ) from None
    return name


def annealing(recipe, total, **optimizers):
    """{name: its optimiser's schedule}; none if the rates stay constant.

    The rates are constant for the first `anneal` of the `total` batches and then fall linearly to 0.
    """
    if recipe.anneal == 1:
        return {}

    def share(batches_done):
        return min(1.0, (total - batches_done) / (total * (1 - recipe.anneal)))

    return {name: LambdaLR(each, share) for name, each in optimizers.items()}


def share_of_D(loss_D, l_fake):
    """C3's probability that D takes a step, exp(L_D) / (exp(L_D) + exp(L_G)), from the losses before it."""
    with torch.no_grad():
        return torch.sigmoid(loss_D - softplus(-l_fake).mean()).cpu()


HELP = {
    "n_epochs": "passes over the training set",
    "batch_size": "images in a batch",
    "optimizer": "of both networks",
    "lr": "learning rate of both networks",
    "anneal": "part of training after which both learning rates fall linearly to 0; 1: they stay constant",
    "beta1": "Adam's first-moment decay",
    "beta2": "Adam's second-moment decay",
    "networks": "the template's; with a D that reads black as 0; with a D of two outputs; or C3's wider ones",
    "latent_dim": "dimensions of the noise z",
    "bn_eps": "eps of G's BatchNorm",
    "balanced": "D takes a step with probability exp(L_D) / (exp(L_D) + exp(L_G)) of the two losses, as in C3",
    "ema": "decay of the exponential moving average of G's weights; 0: none",
    "r1": "weight gamma of the R1 gradient penalty; 0: none",
    "r1_interval": "batches between gradient penalties",
    "save_interval": "batches between sample grids",
    "log_interval": "batches whose mean is one point of the curves",
    "bf16": "matrix products in bfloat16 instead of float32",
    "seed": "of weights, order of the data, and noise",
    "dataset": "mnist: 60,000 images, a download of 12 MB; digits: 1,797 of scikit-learn's, without a download",
}

SMOKE = {"n_epochs": 2, "save_interval": 10} if artifacts.SMOKE else {}  # toy sizes
TEMPLATE = replace(Recipe(), **SMOKE)
OURS = replace(TEMPLATE, networks="zero-black", lr=1e-3, anneal=0.5, beta1=0.0, beta2=0.99, ema=0.9998, r1=0.4)
OURS = OURS if artifacts.SMOKE else replace(OURS, n_epochs=100, seed=1)  # the seed of median distance: a test checks it
RECIPES = {
    "ours": OURS,
    "template": TEMPLATE,  # the template's own flags, Adam's own betas
    "ganpy": replace(TEMPLATE, beta1=0.5, bn_eps=0.8),  # BatchNorm1d(n, 0.8): meant as the momentum, it sets eps
    "ganpy-eps": replace(TEMPLATE, beta1=0.5),
    "C3": replace(TEMPLATE, networks="wide", optimizer="rmsprop", lr=5e-5, balanced=True, bf16=False),
    "D2": replace(TEMPLATE, networks="two-output"),
}


def changed(recipe, base):
    """{setting: value} of what `recipe` has other than `base`."""
    return {name: value for name, value in asdict(recipe).items() if value != getattr(base, name)}


def folder(recipe):
    """Where a training by `recipe` works: runs/NAME, named after the nearest recipe and what differs from it."""
    nearest = min(RECIPES, key=lambda name: len(changed(recipe, RECIPES[name])))
    name = ",".join([nearest, *(f"{key}={value}" for key, value in changed(recipe, RECIPES[nearest]).items())])
    if len(name) > 120:  # a file's name may have 255 characters
        name = f"{name[:100]}...{artifacts.sha256(name.encode())[:12]}"
    return HERE / "runs" / name


def parse(argv=None, description=__doc__):
    """The flags: `recipe`, a Recipe, and `data_root`, `device`, `resume`, `retrain`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = (
        "named settings to start from, which the flags below change one by one (%(default)s); ganpy: the popular "
        "PyTorch-GAN script, ganpy-eps: with its BatchNorm fixed; C3, D2: experiments of published solutions"
    )
    parser.add_argument("--recipe", choices=RECIPES, default="ours", help=words)
    for field in fields(Recipe):
        kind = type(field.default)
        more = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        more |= {"choices": CHOICES[field.name]} if field.name in CHOICES else {}
        words = f"{HELP[field.name]} (in ours: {getattr(OURS, field.name)})"
        parser.add_argument(f"--{field.name}", help=words, **more)
    parser.add_argument("--data_root", type=Path, default=HERE / "dataset", help="folder that holds MNIST/raw")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", type=device, default=default, help="cpu, cuda or mps (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="continue the unfinished training of exactly these flags")
    parser.add_argument("--retrain", action="store_true", help="train again what is up to date or unfinished")
    flags = parser.parse_args(argv)
    given = {field.name: getattr(flags, field.name) for field in fields(Recipe)}
    try:
        recipe = replace(RECIPES[flags.recipe], **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        parser.error(f"--{error}")
    rest = {name: getattr(flags, name) for name in ("data_root", "device", "resume", "retrain")}
    return argparse.Namespace(recipe=recipe, **rest)
