"""The experiments of Part I and what is made from them.

python -m lstm_study list                           what there is, and what is done
python -m lstm_study all                            every run that is missing or outdated, on all cores
python -m lstm_study B1 --lengths 5 10 --seeds 0    a part of one experiment
python -m lstm_study claims                         the claims of published solutions, with verdicts
python -m lstm_study report                         what the report includes, into report/generated/part1
"""

import argparse

import artifacts
from lstm_study import experiments

OTHERS = ("list", "all", "claims", "report")


def parse(argv=None):
    parser = argparse.ArgumentParser(
        "python -m lstm_study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(experiments.EXPERIMENTS)
    flag = parser.add_argument
    flag("what", nargs="+", help=f"{', '.join(OTHERS)}, or experiments: {names}")
    flag("--jobs", type=int, metavar="N", help="processes, one thread each (as many as there are cores)")
    flag("--dask", metavar="HOST:PORT", help="use the workers of the Dask scheduler that listens there")
    flag("--retrain", action="store_true", help="run again what is up to date")
    flag("--seeds", type=int, nargs="+", help="only the runs with these seeds")
    flag("--lengths", type=int, nargs="+", help="only the runs with these T")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.what if name not in (*OTHERS, *experiments.EXPERIMENTS)]:
        parser.error(f"there is no experiment {', '.join(unknown)}; expected {', '.join(OTHERS)} or some of {names}")
    if len(args.what) > 1 and (alone := [name for name in OTHERS if name in args.what]):
        parser.error(f"{alone[0]} stands alone, without other names")
    if args.jobs is not None and args.jobs < 1:
        parser.error(f"--jobs is {args.jobs}; expected at least 1 process")
    return args


def chosen(args):
    """(names, a function that says whether a run is wanted); ValueError for a seed or length that no run has."""
    names = experiments.PUBLISHED if args.what == ["all"] else args.what
    if args.seeds is None and args.lengths is None:
        return names, lambda name, run: True
    configs = [run.config for name in names for run in experiments.EXPERIMENTS[name].runs()]
    for flag, key, wanted in (("--seeds", "seed", args.seeds), ("--lengths", "T", args.lengths)):
        known = sorted({config[key] for config in configs if key in config})
        if unknown := [value for value in wanted or () if value not in known]:
            words = ", ".join(map(str, unknown))
            raise ValueError(f"{flag} {words}: no run of {', '.join(names)} has that; there are {known}")

    def select(name, run):
        seed, T = run.config.get("seed"), run.config.get("T")
        return (args.seeds is None or seed in args.seeds) and (args.lengths is None or T in args.lengths)

    return names, select


def main(argv=None):
    args = parse(argv)
    if args.what == ["list"]:
        experiments.RESULTS.show()
    elif args.what == ["claims"]:
        from lstm_study import claims

        print(claims.text())
    elif args.what == ["report"]:
        from lstm_study import report

        report.main()
    else:
        names, select = chosen(args)
        experiments.RESULTS.perform(names, select, args.jobs, args.dask, args.retrain)


if __name__ == "__main__":
    artifacts.script(main, "lstm_study")
