"""The recipes, as settings of my_gan.py's flags: those of published solutions of this assignment, and ours.

    python my_gan.py --recipe ganpy --n_epochs 15       any of them; further flags change single settings

`template`, `ganpy`, `ganpy-eps` and D2 train the template's networks, C3 wider ones of its own; in ours, D reads black
as 0. What a published recipe leaves open is chosen here: C3's epochs, latent size and learning rate (RMSProp's in
Arjovsky et al. 2017), and Adam's betas for B2, which is `template` for 50 epochs. All run in the same loop: its order
of updates, and its products in bfloat16, but for C3, as a sigmoid in bfloat16 rounds to 1, where it has no gradient.
"""

import argparse
import math
from pathlib import Path

import torch

import artifacts

HERE = Path(__file__).parent
DATASET = "digits" if artifacts.SMOKE else "mnist"
SEED = 0 if artifacts.SMOKE else 1  # of seeds 0, 1, 2, the one with the median Frechet distance: a test checks it
TEMPLATE = {
    "networks": "template",
    "bn_eps": 1e-5,
    "d_outputs": 1,
    "optimizer": "adam",
    "lr": 2e-4,
    "beta1": 0.9,
    "beta2": 0.999,
    "balanced": False,
    "ema": 0.0,
    "r1": 0.0,
    "bf16": True,
    "n_epochs": 200,
}
RECIPES = {
    "ours": TEMPLATE
    | {"networks": "zero-black", "lr": 1e-3, "beta1": 0.0, "beta2": 0.99, "ema": 0.9995, "r1": 0.4}
    | {"n_epochs": 2 if artifacts.SMOKE else 100},
    "template": TEMPLATE,  # the skeleton's own flags, Adam's own betas
    "ganpy": TEMPLATE | {"beta1": 0.5, "bn_eps": 0.8},  # BatchNorm1d(n, 0.8): meant as the momentum, it sets eps
    "ganpy-eps": TEMPLATE | {"beta1": 0.5},
    "C3": TEMPLATE | {"networks": "wide", "optimizer": "rmsprop", "lr": 5e-5, "balanced": True, "bf16": False},
    "D2": TEMPLATE | {"d_outputs": 2},
}


def parse(argv=None):
    """The flags; beside them `config`, what determines the result, and `changed`, what differs from the record's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag, on_off = parser.add_argument, argparse.BooleanOptionalAction
    flag("--recipe", choices=RECIPES, default="ours", help="whose settings the others start from (%(default)s)")
    flag("--n_epochs", type=int, help="passes over the training set (%(default)s)")
    flag("--batch_size", type=int, default=64, help="images in a batch (%(default)s)")
    flag("--optimizer", choices=("adam", "rmsprop"), help="of both networks (%(default)s)")
    flag("--lr", type=float, help="learning rate of both networks (%(default)s)")
    flag("--beta1", type=float, help="Adam's first-moment decay (%(default)s)")
    flag("--beta2", type=float, help="Adam's second-moment decay (%(default)s)")
    flag(
        "--networks",
        choices=("template", "zero-black", "wide"),
        help="of the template, that but D reads black as 0, or C3's wider ones (%(default)s)",
    )
    flag("--latent_dim", type=int, default=100, help="dimensions of the noise z (%(default)s)")
    flag("--bn_eps", type=float, help="eps of G's BatchNorm (%(default)s)")
    flag("--d_outputs", type=int, choices=(1, 2), help="D's logits: of real, or of fake and real (%(default)s)")
    flag("--balanced", action=on_off, help="D steps with probability exp(L_D) / (exp(L_D) + exp(L_G)), as C3's")
    flag("--ema", type=float, help="decay of the average of G's weights, 0: none (%(default)s)")
    flag("--r1", type=float, help="weight gamma of the gradient penalty, 0: none (%(default)s)")
    flag("--r1_interval", type=int, default=16, help="batches between gradient penalties (%(default)s)")
    flag(
        "--save_interval",
        type=int,
        default=10 if artifacts.SMOKE else 500,
        help="batches between sample grids (%(default)s)",
    )
    flag("--log_interval", type=int, default=100, help="batches whose mean is one point of the curves (%(default)s)")
    flag("--bf16", action=on_off, help="matrix products in bfloat16, not float32 (on, but for C3)")
    flag("--seed", type=int, default=SEED, help="of weights, order and noise (%(default)s)")
    flag("--dataset", choices=("mnist", "digits"), default=DATASET, help="digits needs no download (%(default)s)")
    settings = [action.dest for action in parser._actions if action.dest not in ("help", "recipe")]
    flag("--data_root", type=Path, default=HERE / "dataset", help="folder that holds MNIST/raw (%(default)s)")
    flag("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda or mps (%(default)s)")
    flag("--resume", action="store_true", help="continue an unfinished training")
    flag("--retrain", action="store_true", help="train anew what is up to date or unfinished")
    parser.set_defaults(**RECIPES["ours"])
    first, _ = parser.parse_known_args(argv)
    parser.set_defaults(**RECIPES[first.recipe])
    args = parser.parse_args(argv)
    for name in (
        "n_epochs",
        "batch_size",
        "latent_dim",
        "lr",
        "bn_eps",
        "r1_interval",
        "save_interval",
        "log_interval",
    ):
        if not 0 < getattr(args, name) < math.inf:
            parser.error(f"--{name} is {getattr(args, name)}; expected a number above 0")
    for name in ("beta1", "beta2", "ema"):
        if not 0 <= getattr(args, name) < 1:
            parser.error(f"--{name} is {getattr(args, name)}; expected a number from 0 to below 1")
    if args.batch_size < 2:
        parser.error(f"--batch_size is {args.batch_size}; expected at least 2, for BatchNorm")
    if not 0 <= args.r1 < math.inf:
        parser.error(f"--r1 is {args.r1}; expected a number from 0 on")
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        parser.error(f"--device is {args.device}, which cannot be used here: {str(error).splitlines()[0]}")
    args.config = {name: getattr(args, name) for name in settings}
    named = {"recipe": args.recipe} if args.recipe != "ours" else {}
    args.changed = named | {key: value for key, value in args.config.items() if value != parser.get_default(key)}
    args.out = HERE / "runs" / (",".join(f"{key}={value}" for key, value in args.changed.items()) or "record")
    return args
