"""What `python -m lstm_study` and `python -m gan_study` have in common: words, flags, the choice of runs."""

import argparse
import importlib

import runner

COMMANDS = ("list", "all", "claims", "report")


def parser(package, text):
    """An argument parser with the flags that both studies have."""
    found = argparse.ArgumentParser(
        f"python -m {package}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument(
        "what",
        nargs="+",
        help="experiments by their names in `list`, whose results go to results/NAME.jsonl; or a command above",
    )
    found.add_argument("--jobs", type=int, metavar="N", help="processes, one thread each (one per usable core)")
    found.add_argument("--dask", metavar="HOST:PORT", help="use the workers of the Dask scheduler that listens there")
    found.add_argument("--retrain", action="store_true", help="run again what is up to date")
    found.add_argument("--seeds", type=int, nargs="+", help="only the runs with these seeds")
    return found


def parse(parser, argv, experiments, others=COMMANDS):
    """The arguments; a message and exit status 2 if they make no sense."""
    args = parser.parse_args(argv)
    if unknown := [name for name in args.what if name not in (*others, *experiments)]:
        expected = f"expected {', '.join(others)} or some of {', '.join(experiments)}"
        parser.error(f"there is no experiment {', '.join(unknown)}; {expected}")
    if len(args.what) > 1 and (alone := [name for name in others if name in args.what]):
        parser.error(f"{alone[0]} stands alone, without other names")
    if args.jobs is not None and args.jobs < 1:
        parser.error(f"--jobs is {args.jobs}; expected at least 1 process")
    return args


def selection(results, args, flags, names):
    """A function (experiment, run) -> whether the flags ask for the run.

    `flags` is {flag: a function that says which value a run has, or None}. Raises ValueError for a value that no run of
    the experiments `names` has.
    """
    asked = {flag: vars(args)[flag.removeprefix("--")] for flag in flags}
    asked = {flag: values for flag, values in asked.items() if values is not None}
    runs = [run for name in names for run in results.experiments[name].runs()] if asked else []
    for flag, values in asked.items():
        known = sorted({flags[flag](run) for run in runs} - {None})
        if unknown := ", ".join(str(value) for value in values if value not in known):
            raise ValueError(f"{flag} {unknown}: no run of {', '.join(names)} has that; there are {known}")
    return lambda name, run: all(flags[flag](run) in values for flag, values in asked.items())


def run(package, results, args, flags, names=None, settings=None):
    """Does what the arguments say: shows what there is, prints the claims, writes for the report, or performs runs.

    `flags` choose among the runs of the experiments `names`, or of all that the arguments name; see `selection`.
    """
    if args.what == ["list"]:
        results.show()
    elif args.what == ["claims"]:
        print(importlib.import_module(f"{package}.claims").text())
    elif args.what == ["report"]:
        importlib.import_module(f"{package}.report").main()
    else:
        those = [*results.experiments] if args.what == ["all"] else args.what
        select = selection(results, args, flags, names or those)
        runner.perform(results, those, select, args.jobs, args.dask, args.retrain, settings)
