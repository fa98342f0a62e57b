"""The experiments of Part I, by name; each run leaves one artifact in results/ and is skipped while that is up to date.

python experiments.py --list                              what there is, and what is done
python experiments.py B1                                  all runs of one experiment, in sequence
python experiments.py B1 --lengths 5 10 --seeds 0         a part of it
OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 experiments.py all      every run there is, on two processes

grid.py says what the experiments are.
"""

import argparse
import io
import math
import sys
from pathlib import Path
from statistics import median_low

import torch

import artifacts
import dataset
import fast_lstm
import grid
import inside
import lstm
import solve
import train as template
import utils
import vanilla_rnn

HERE = Path(__file__).parent


def median_run(experiment, model, recipe, T):
    """The configuration of the run whose seed has the median of updates until solved (the lower of two)."""
    keys = {"model": model, "recipe": recipe, "T": T}
    runs = [r for r in load(experiment) if keys.items() <= r["config"].items()]
    updates = {r["config"]["seed"]: r["solved_at"] or math.inf for r in runs}
    middle = median_low(updates.values())
    return next(r["config"] for r in runs if updates[r["config"]["seed"]] == middle)


def shipped():
    """The median seeds' networks, trained again and kept: the record's, and chrono LSTM and identity RNN at T = 30."""
    record = median_run("records", "lstm", "bistable", 20 if artifacts.SMOKE else 100)
    yield "lstm_bistable", record | {"tests": [], "prefix": 2 if artifacts.SMOKE else 5}
    yield "lstm_chrono", median_run("efficiency", "lstm", "chrono", 30)
    yield "rnn_identity", median_run("efficiency", "rnn", "identity", 30)


def far():
    """The record's median seed, trained again: 256 palindromes of T = 1,000,000, 1,000 of 100,000, 10,000 of 10,000."""
    config = median_run("records", "lstm", "bistable", 20 if artifacts.SMOKE else 100)
    for T, n in [(300, 10)] if artifacts.SMOKE else [(1_000_000, 256), (100_000, 1000), (10_000, 10_000)]:
        yield f"T{T}", config | {"T": T, "tests": [[T, n]], "prefix": None}


def run_defaults(config):
    return template.main(argparse.Namespace(**config))


def run_baselines(config):
    x, labels = dataset.PalindromeDataset(config["T"] - 1, config["total_len"], seed=config["seed"]).tensors()
    counts = torch.nn.functional.one_hot(x.long(), 10).sum(1)
    constant = labels.bincount(minlength=10).max().item() / len(labels)
    answers = {"counting": counts, "parity": counts % 2}  # of several with an odd count, the least
    return {"constant": constant} | {name: utils.accuracy(scores, labels) for name, scores in answers.items()}


def run_solve(config):
    return solve.solve(config)[1]


def run_trap(config):
    """Beside its own held-back palindromes, accuracy on honest ones, and of always giving the commonest label."""
    model, results = solve.solve(config)
    T, seed, total_len = config["T"], config["seed"], config["total_len"]
    (_, y), (_, y_held) = solve.palindromes(T, seed, total_len, config["leaking"])
    _, (x, labels) = solve.palindromes(T, seed, total_len)
    places = 10.0 ** torch.arange(math.ceil(T / 2) - 1, -1, -1, dtype=torch.float64)
    unseen = x[:, : len(places)].double() @ places >= total_len  # the leaking ones are those below
    _, honest = solve.validate(model, x[unseen], labels[unseen], config)
    constant = (y_held == y.mode().values).float().mean().item()
    zeros = torch.cat([y, y_held]).eq(0).float().mean().item()
    return results | {"honest_accuracy": honest, "n_honest": unseen.sum().item(), "constant": constant, "zeros": zeros}


def run_records(config):
    """Accuracy on fresh palindromes of other lengths, [T, n] of config["tests"], and what can be proven."""
    model, results = solve.solve(config)
    tests = []
    for T, n in config["tests"]:
        right = solve.streamed(model, T, n, seed=1000 + config["seed"], progress=T > 10_000)
        tests.append({"T": T, "n": n, "accuracy": right})
    proof = {"proof": inside.certified(model, config["prefix"])} if config.get("prefix") else {}
    return results | {"tests": tests} | proof


def run_shipped(config):
    """The same, and the weights, as the artifact's file."""
    model, results = solve.solve(config)
    if config.get("prefix"):
        results["proof"] = inside.certified(model, config["prefix"])
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    return results | {"weights": weights.getvalue()}


NETWORKS = (dataset, lstm, vanilla_rnn, utils)
SOLVE = artifacts.code(solve, fast_lstm, *NETWORKS)
EXPERIMENTS = {  # name: (its runs, what performs one, the code that determines its result)
    "B1": (grid.B1, run_solve, SOLVE),
    "efficiency": (grid.efficiency, run_solve, SOLVE),
    "optimisers": (grid.optimisers, run_solve, SOLVE),
    "records": (grid.records, run_records, artifacts.code(run_records, inside) + SOLVE),
    "wall": (grid.wall, run_records, artifacts.code(run_records, inside) + SOLVE),
    "A1": (grid.A1, run_solve, SOLVE),
    "C1": (grid.C1, run_solve, SOLVE),
    "C2": (grid.C2, run_solve, SOLVE),
    "D1": (grid.D1, run_solve, SOLVE),
    "trap": (grid.trap, run_trap, artifacts.code(run_trap) + SOLVE),
    "defaults": (grid.defaults, run_defaults, artifacts.code(run_defaults, template, *NETWORKS)),
    "baselines": (grid.baselines, run_baselines, artifacts.code(run_baselines, dataset, utils)),
    "shipped": (shipped, run_shipped, artifacts.code(run_shipped, inside) + SOLVE),
    "far": (far, run_records, artifacts.code(run_records, inside) + SOLVE),
}
LATER = {"shipped", "far"}  # of the median seeds: after the others


def path(experiment, name):
    return HERE / "results" / experiment / f"{name}.json"


def load(experiment):
    """The artifacts of all runs of `experiment`, in order; ArtifactError if one is missing or stale."""
    runs, _, code = EXPERIMENTS[experiment]
    return [
        artifacts.read(path(experiment, name), config, code, f"python experiments.py {experiment}")
        for name, config in runs()
    ]


def network(name):
    """(network, artifact) of the shipped run `name`; ArtifactError if its weights are missing, damaged or foreign."""
    _, _, code = EXPERIMENTS["shipped"]
    config = dict(shipped())[name]
    artifact = artifacts.read(path("shipped", name), config, code, "python experiments.py shipped")
    model = solve.build(config)
    model.load_state_dict(torch.load(path("shipped", name).with_suffix(".pt"), weights_only=True, map_location="cpu"))
    return model.eval(), artifact


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("experiments", nargs="*", metavar="experiment", help=f"which to run, of {', '.join(EXPERIMENTS)}; or all")
    flag("--list", action="store_true", help="list the experiments and how many of their runs are done")
    flag("--seeds", type=int, nargs="+", help="only the runs of these seeds")
    flag("--lengths", type=int, nargs="+", help="only the runs of these T")
    flag("--retrain", action="store_true", help="run again what is up to date")
    args = parser.parse_args(argv)
    if unknown := set(args.experiments) - {*EXPERIMENTS, "all"}:
        parser.error(f"there is no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}, or all")
    if not args.list and not args.experiments:
        parser.error(f"say which experiment, of {', '.join(EXPERIMENTS)} or all; --list describes them")
    return args


def show():
    for name, (runs, _, code) in EXPERIMENTS.items():
        try:
            every = list(runs())
            done = (
                f"{sum(artifacts.is_current(path(name, run), config, code) for run, config in every)} of {len(every)}"
            )
        except artifacts.ArtifactError:
            done = "waits"
        print(f"{name:11} {done:>9}   {runs.__doc__.splitlines()[0]}")


def main(argv=None):
    args = parse(argv)
    if args.list:
        return show()
    wanted = {*args.experiments} | (EXPERIMENTS.keys() - LATER if "all" in args.experiments else set())
    names = [name for name in EXPERIMENTS if name in wanted]
    chosen = [(name, *run) for name in names for run in EXPERIMENTS[name][0]()]
    for key, wanted in (("seed", args.seeds), ("T", args.lengths)):
        known = sorted({config[key] for _, _, config in chosen})
        if unknown := set(wanted or ()) - set(known):
            raise ValueError(f"no run has {key} = {sorted(unknown)}; there are {known}")
        chosen = [run for run in chosen if wanted is None or run[2][key] in wanted]
    artifacts.perform(
        [
            (path(experiment, name), config, EXPERIMENTS[experiment][2], EXPERIMENTS[experiment][1])
            for experiment, name, config in chosen
        ],
        args.retrain,
    )


if __name__ == "__main__":
    try:
        main()
    except (artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"experiments.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nexperiments.py: interrupted; the runs that ended are kept, the same command continues")
