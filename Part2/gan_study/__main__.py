"""The experiments of Part II and what is made from them.

python -m gan_study list                                what there is, and what is up to date
python -m gan_study all                                 every run that is missing or outdated, on all cores
python -m gan_study trainings --names "no EMA" --seeds 0     some of the trainings
python -m gan_study claims                              the claims of published solutions, with verdicts
python -m gan_study report                              numbers, tables and figures of the report
python -m gan_study interpolate --pair "3 -> 8"         nine images from one digit to another, runs/3_to_8.png
"""

from pathlib import Path

import torch

import artifacts
import command
import recipes
from dataset import mnist
from gan_study import experiments, quality


def parse(argv=None):
    parser = command.parser("gan_study", __doc__)
    flag = parser.add_argument
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(each.name for each in experiments.planned()))
    flag("--names", nargs="+", help=f"only the trainings of these names: {names}")
    flag("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw (%(default)s)")
    flag(
        "--device",
        type=recipes.device,
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="where trainings run: cpu, cuda or mps (%(default)s)",
    )
    flag("--pair", help='the digits at the ends of an interpolation, as in "3 -> 8"')
    args = command.parse(parser, argv, experiments.EXPERIMENTS, (*command.COMMANDS, "interpolate"))
    if (args.pair is None) != (args.what != ["interpolate"]):
        parser.error('interpolate and --pair go together, as in: interpolate --pair "3 -> 8"')
    if not args.data_root.is_dir():
        parser.error(f"--data_root is {args.data_root}; expected a folder that holds MNIST/raw, or is to hold it")
    return args


def interpolate(pair):
    """Draws the asked for path, and prints what the classifier says of it."""
    said, images = quality.interpolate(quality.load_generator(), experiments.judge(), pair)
    target = experiments.HERE / "runs" / f"{pair[0]}_to_{pair[1]}.png"
    with artifacts.atomic(target) as temporary:
        temporary.write_bytes(quality.png(images, quality.STEPS))
    for way in ("linear", "spherical"):
        verdicts = zip(said[way]["digits"], said[way]["confidence"], strict=True)
        print(f"{way:10}" + "".join(f"{digit} ({p:4.0%}) " for digit, p in verdicts))
    print(f"wrote {target}")


def main(argv=None):
    args = parse(argv)
    if args.what == ["interpolate"]:
        interpolate(quality.parse_pair(args.pair))
        return
    planned = {each.key(): each for each in experiments.planned()}
    flags = {
        "--seeds": lambda run: planned[run.name].recipe.seed if run.name in planned else None,
        "--names": lambda run: planned[run.name].name if run.name in planned else None,
    }
    settings = {"data_root": args.data_root, "device": args.device, "retrain": args.retrain}
    command.run("gan_study", experiments.RESULTS, args, flags, ["trainings"], settings)


if __name__ == "__main__":
    artifacts.script(main, "gan_study")
