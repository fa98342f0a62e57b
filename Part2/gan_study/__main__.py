"""The experiments of Part II and what is made from them.

python -m gan_study list                                what there is, and what is up to date
python -m gan_study all                                 every run that is missing or outdated, on all cores
python -m gan_study trainings --names "no EMA" --seeds 0     some of the trainings
python -m gan_study claims                              the claims of published solutions, with verdicts
python -m gan_study report                              numbers, tables and figures of the report
python -m gan_study interpolate --pair "3 -> 8"         nine images from one digit to another, runs/3_to_8.png
"""

import argparse
from pathlib import Path

import torch

import artifacts
from dataset import mnist
from gan_study import experiments, quality

OTHERS = ("list", "all", "claims", "report", "interpolate")


def parse(argv=None):
    parser = argparse.ArgumentParser(
        "python -m gan_study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(experiments.EXPERIMENTS)
    flag = parser.add_argument
    flag("what", nargs="+", help=f"{', '.join(OTHERS)}, or experiments: {names}")
    flag("--jobs", type=int, metavar="N", help="processes, one thread each (as many as there are cores)")
    flag("--dask", metavar="HOST:PORT", help="use the workers of the Dask scheduler that listens there")
    flag("--retrain", action="store_true", help="run again what is up to date")
    flag("--seeds", type=int, nargs="+", help="only the trainings with these seeds")
    flag("--names", nargs="+", help='only the trainings of these names: ours, ganpy, "no EMA"')
    flag("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw (%(default)s)")
    flag("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="of trainings (%(default)s)")
    flag("--pair", help='the digits at the ends of an interpolation, as in "3 -> 8"')
    args = parser.parse_args(argv)
    if unknown := [name for name in args.what if name not in (*OTHERS, *experiments.EXPERIMENTS)]:
        parser.error(f"there is no experiment {', '.join(unknown)}; expected {', '.join(OTHERS)} or some of {names}")
    if len(args.what) > 1 and (alone := [name for name in OTHERS if name in args.what]):
        parser.error(f"{alone[0]} stands alone, without other names")
    if args.jobs is not None and args.jobs < 1:
        parser.error(f"--jobs is {args.jobs}; expected at least 1 process")
    if (args.pair is None) != (args.what != ["interpolate"]):
        parser.error('interpolate and --pair go together, as in: interpolate --pair "3 -> 8"')
    if not args.data_root.is_dir():
        parser.error(f"--data_root is {args.data_root}; expected a folder that holds MNIST/raw, or is to hold it")
    return args


def selected(args):
    """A function (experiment, run) -> whether it is wanted; ValueError for a seed or name that no training has."""
    planned = {each.key(): each for each in experiments.planned()}
    for flag, wanted, known in (
        ("--seeds", args.seeds, {each.recipe.seed for each in planned.values()}),
        ("--names", args.names, {each.name for each in planned.values()}),
    ):
        if unknown := [str(value) for value in wanted or () if value not in known]:
            raise ValueError(f"{flag} {', '.join(unknown)}: no training has that; there are {sorted(known)}")

    def select(name, run):
        each = planned.get(run.name) if name == "trainings" else None
        if each is None:
            return not (args.seeds or args.names)
        return (not args.seeds or each.recipe.seed in args.seeds) and (not args.names or each.name in args.names)

    return select


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
    if args.what == ["list"]:
        experiments.RESULTS.show()
    elif args.what == ["claims"]:
        from gan_study import claims

        print(claims.text())
    elif args.what == ["report"]:
        from gan_study import report

        report.main()
    elif args.what == ["interpolate"]:
        interpolate(quality.parse_pair(args.pair))
    else:
        names = [*experiments.EXPERIMENTS] if args.what == ["all"] else args.what
        settings = {"data_root": args.data_root, "device": args.device, "retrain": args.retrain}
        experiments.RESULTS.perform(names, selected(args), args.jobs, args.dask, args.retrain, settings)


if __name__ == "__main__":
    artifacts.script(main, "gan_study")
