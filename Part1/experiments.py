"""The experiments of Part I, by name; each run leaves one artifact in results/ and is skipped while that is up to date.

python experiments.py --list                              what there is, and what is done
python experiments.py B1                                  all runs of one experiment, in sequence
python experiments.py B1 --lengths 5 10 --seeds 0         a part of it
OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 experiments.py all      every run there is, on two processes

A1, B1, C1, C2 and D1 are the experiments of published solutions of this assignment, by their recipes; the rest is ours.
"""

import argparse
import io
import json
import math
import os
import sys
import time
from pathlib import Path
from statistics import mean, median_low

import torch

import artifacts
import dataset
import fast_lstm
import inside
import lstm
import solve
import train as template
import utils
import vanilla_rnn

HERE = Path(__file__).parent
SMOKE = artifacts.SMOKE
SEEDS = (0,) if SMOKE else (0, 1, 2, 3, 4)
FEW = SEEDS[:3]  # where a run takes more than a minute
TEN = (0,) if SMOKE else tuple(range(10))

COMMON = {"input_dim": 10, "hidden_dim": 128, "batch_size": 128, "max_norm": 10.0}
RMSPROP, ADAM = {"optimizer": "RMSprop", "lr": 1e-3}, {"optimizer": "Adam", "lr": 1e-3}
RECIPES = {  # model, recipe: what it adds to COMMON
    ("lstm", "forget bias 1"): {**RMSPROP, "initialisation": {"forget_bias": 1.0}},
    ("lstm", "torch's default"): {**RMSPROP, "initialisation": {"torch_default": True}},
    ("lstm", "chrono"): {"optimizer": "Adam", "lr": 3e-3, "initialisation": {}},
    ("lstm", "carousel"): {
        "optimizer": "Adam",
        "lr": 3e-3,
        "initialisation": {"forget_bias": 20.0, "input_bias": -3.0},
    },
    ("lstm", "bistable"): {**ADAM, "initialisation": {"bistable": 8.0}},
    ("rnn", "torch's default"): {**RMSPROP, "initialisation": {}},
    ("rnn", "identity"): {**ADAM, "initialisation": {"recurrent": "identity"}},
    ("rnn", "orthogonal"): {**ADAM, "initialisation": {"recurrent": "orthogonal"}},
    ("rnn", "bistable"): {**ADAM, "initialisation": {"recurrent": "identity", "gain": 4.0}},
}


def run(model, recipe, stages, seed, max_updates, check_every, extra_updates, **others):
    """(name, configuration) of a run of `solve`; others win over the recipe's settings."""
    config = {"model": model, "recipe": recipe, "T": stages[-1], "seed": seed, "stages": list(stages)}
    config |= {**COMMON, **RECIPES[model, recipe], **others}
    if SMOKE:
        max_updates, check_every = min(max_updates, 20), min(check_every, 10)
        extra_updates = min(extra_updates, 10)
        config = {"total_len": 1000} | config
    config |= {"max_updates": max_updates, "check_every": check_every, "extra_updates": extra_updates}
    word = "".join(letter for letter in recipe.replace(" ", "_") if letter != "'")
    return f"{model}_{word}_T{config['T']}_seed{seed}", config


def some(lengths):
    return lengths[:1] if SMOKE else lengths


def defaults():
    """The template's own training, all flags at their defaults: T = 5, digits as numbers, 100 epochs."""
    for model in ("lstm", "rnn"):
        for seed in SEEDS:
            config = vars(template.parse(["--model", model, "--seed", str(seed)]))
            yield f"{model}_seed{seed}", config | {"T": 5, "max_epoch": 2 if SMOKE else 100}


def baselines():
    """What needs no memory: always the commonest label, and the digit that was read most often."""
    for T in some((5, 10, 15, 20, 25, 30)):
        yield f"T{T}", {"T": T, "seed": 0, "total_len": min(10 ** math.ceil(T / 2), 10_000)}


def trap():
    """One handed-out dataset.py beside honest data: LSTM, 2,048 palindromes of 10 digits and 100,000 of 20."""
    for T, total_len in some(((10, 2048), (20, 100_000))):
        for leaking in (True, False):
            for seed in SEEDS:
                sizes = {"max_updates": 300, "check_every": 10, "extra_updates": 0}
                data = {"total_len": total_len, "leaking": leaking}
                _, config = run("lstm", "torch's default", [T], seed, **sizes, **data)
                yield f"{'leaking' if leaking else 'honest'}_T{T}_seed{seed}", config


def A1():
    """LSTM and RNN at the defaults, digits as numbers, T from short to long: four epochs of 625 updates."""
    for T in some((5, 10, 15, 20)):
        for model in ("lstm", "rnn"):
            for seed in FEW:
                epochs = {"max_updates": 2500, "min_updates": 2500, "check_every": 625, "extra_updates": 0}
                yield run(model, "torch's default", [T], seed, **epochs, input_dim=1)


def B1():
    """One-hot digits, RMSProp 1e-3, LSTM with forget bias 1 beside the RNN, T = 5 to 30, at most 5,000 updates."""
    for T in reversed(some((5, 10, 15, 20, 25, 30))):
        for model, recipe in (("lstm", "forget bias 1"), ("rnn", "torch's default")):
            for seed in FEW if (model, T) == ("lstm", 25) else SEEDS:
                yield run(model, recipe, [T], seed, 5000, 50, 200)


def C1():
    """The defaults for 1,000 updates at T = 5; then T = 20 with Adam at three learning rates, at most 2,000 updates."""
    for model in ("lstm", "rnn"):
        for seed in SEEDS:
            yield run(model, "torch's default", [5], seed, 1000, 10, 0, min_updates=1000, input_dim=1)
        for lr in some((1e-3, 3e-3, 1e-2)):
            for seed in FEW:
                settings = {"optimizer": "Adam", "lr": lr, "input_dim": 1}
                name, config = run(model, "torch's default", some((20,)), seed, 2000, 50, 200, **settings)
                yield f"{name}_lr{lr:g}", config


def C2():
    """Curriculum T = 10, 20, ..., 150 with B1's recipes, at most 2,000 updates a length, and with bistable cells."""
    lengths = range(10, 30 if SMOKE else 160, 10)
    for model, recipe in (("lstm", "forget bias 1"), ("rnn", "torch's default"), ("lstm", "bistable")):
        for seed in FEW:
            yield run(model, recipe, lengths, seed, 2000, 10, 0)


def D1():
    """2,048 palindromes, 80 to 20, RMSProp 1e-3, T = 5 to 20: 100 epochs as published, up to 200; ours beside."""
    epoch = 1639 // 128
    for T in some((5, 10, 15, 20)):
        for model, recipe in (("lstm", "forget bias 1"), ("rnn", "torch's default"), ("lstm", "bistable")):
            for seed in SEEDS if T < 20 else FEW:
                sizes = {"max_updates": 200 * epoch, "min_updates": 100 * epoch, "check_every": epoch}
                if recipe == "bistable":
                    sizes |= {"max_updates": 100 * epoch, "min_updates": 0}
                yield run(model, recipe, [T], seed, **sizes, extra_updates=0, total_len=2048)


def efficiency():
    """Updates until solved, without curriculum: torch's default, chrono, bistable; forget bias 1 is B1's."""
    for recipe, lengths in (("torch's default", (30, 20, 10)), ("chrono", (30, 20, 10))):
        for T in some(lengths):
            for seed in SEEDS:
                yield run("lstm", recipe, [T], seed, 5000, 50, 200)
    for T in some((5, 10, 15, 20, 25, 30, 50, 100)):
        for seed in TEN if T >= 50 else SEEDS:
            yield run("lstm", "bistable", [T], seed, 5000, 5, 100)
    for recipe in ("identity", "bistable"):
        for T in some((30, 25, 20, 15, 10, 5)):
            for seed in SEEDS:
                yield run("rnn", recipe, [T], seed, 5000, 10, 200)


def wall():
    """How far the RNN gets: T = 10, 20, ..., 150, 200, ..., 1000 from identity, orthogonal or bistable units."""
    lengths = [10, 20] if SMOKE else [*range(10, 160, 10), *range(200, 1001, 100)]
    for recipe in ("identity", "orthogonal", "bistable"):
        for seed in FEW:
            yield run("rnn", recipe, lengths, seed, 1000, 10, 0)


def records():
    """Trained at T <= 320, measured at 1,000 and 10,000: bistable cells, and two latches that have to be learned."""
    for seed in TEN:
        tests = [[100, 100]] if SMOKE else [[1000, 10_000], [10_000, 1000]]
        yield run("lstm", "bistable", [20 if SMOKE else 100], seed, 5000, 5, 100, tests=tests, prefix=2 if SMOKE else 4)
    for recipe in ("chrono", "carousel"):
        for seed in FEW:
            tests = [[100, 100]] if SMOKE else [[1000, 1000], [10_000, 1000]]
            settings = {"lr_later": 1e-3} if recipe == "chrono" else {}
            lengths = [10, 20] if SMOKE else [10, 20, 40, 80, 160, 320]
            yield run("lstm", recipe, lengths, seed, 4000, 10, 50, tests=tests, **settings)


def median_run(experiment, model, recipe, T):
    """The configuration of the run whose seed has the median of updates until solved (the lower of two)."""
    keys = {"model": model, "recipe": recipe, "T": T}
    runs = [r for r in load(experiment) if keys.items() <= r["config"].items()]
    updates = {r["config"]["seed"]: r["solved_at"] or math.inf for r in runs}
    middle = median_low(updates.values())
    return next(r["config"] for r in runs if updates[r["config"]["seed"]] == middle)


def shipped():
    """The median seeds' networks, trained again and kept: the record's, and chrono LSTM and identity RNN at T = 30."""
    record = median_run("records", "lstm", "bistable", 20 if SMOKE else 100)
    yield "lstm_bistable", record | {"tests": [], "prefix": 2 if SMOKE else 5}
    yield "lstm_chrono", median_run("efficiency", "lstm", "chrono", 30)
    yield "rnn_identity", median_run("efficiency", "rnn", "identity", 30)


def far():
    """The record's median seed, trained again: 256 palindromes of T = 1,000,000, 1,000 of 100,000, 10,000 of 10,000."""
    config = median_run("records", "lstm", "bistable", 20 if SMOKE else 100)
    for T, n in [(300, 10)] if SMOKE else [(1_000_000, 256), (100_000, 1000), (10_000, 10_000)]:
        yield f"T{T}", config | {"T": T, "tests": [[T, n]], "prefix": None}


def run_defaults(config):
    return template.main(argparse.Namespace(**config))


def run_baselines(config):
    x, labels = dataset.PalindromeDataset(config["T"] - 1, config["total_len"], seed=config["seed"]).tensors()
    counts = torch.nn.functional.one_hot(x.long(), 10).sum(1)
    constant = labels.bincount(minlength=10).max().item() / len(labels)
    return {"constant": constant, "counting": utils.accuracy(counts, labels)}


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
    "B1": (B1, run_solve, SOLVE),
    "efficiency": (efficiency, run_solve, SOLVE),
    "records": (records, run_records, artifacts.code(run_records, inside) + SOLVE),
    "wall": (wall, run_solve, SOLVE),
    "A1": (A1, run_solve, SOLVE),
    "C1": (C1, run_solve, SOLVE),
    "C2": (C2, run_solve, SOLVE),
    "D1": (D1, run_solve, SOLVE),
    "trap": (trap, run_trap, artifacts.code(run_trap) + SOLVE),
    "defaults": (defaults, run_defaults, artifacts.code(run_defaults, template, *NETWORKS)),
    "baselines": (baselines, run_baselines, artifacts.code(run_baselines, dataset, utils)),
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
            grid = list(runs())
            done = f"{sum(artifacts.is_current(path(name, run), config, code) for run, config in grid)} of {len(grid)}"
        except artifacts.ArtifactError:
            done = "waits"
        print(f"{name:11} {done:>9}   {runs.__doc__.splitlines()[0]}")


def seconds_before(experiment, name):
    """What the run took when it was last done, even if that is stale by now; None if it never was."""
    try:
        return json.loads(path(experiment, name).read_text())["seconds"]
    except (OSError, ValueError, KeyError):
        return None


def perform(grid, retrain):
    """Runs what is not up to date of [(experiment, name, config), ...], with an estimate of what remains."""

    def is_done(experiment, name, config):
        return not retrain and artifacts.is_current(path(experiment, name), config, EXPERIMENTS[experiment][2])

    todo = [number for number, each in enumerate(grid) if not is_done(*each)]
    print(f"{len(grid) - len(todo)} of {len(grid)} run(s) are up to date", flush=True)
    started, took = time.perf_counter(), []
    # shared are all, not those of todo: another process may have come later and found fewer of them undone
    for number, (experiment, name, config) in artifacts.shared(grid):
        if is_done(experiment, name, config):
            continue
        artifact, (_, performs, code) = path(experiment, name), EXPERIMENTS[experiment]
        artifacts.prepare(artifact)
        began = time.perf_counter()
        results = performs(config)
        took.append(time.perf_counter() - began)
        files = []
        if weights := results.pop("weights", None):
            files = [artifact.with_suffix(".pt")]
            with artifacts.atomic(files[0]) as temporary:
                temporary.write_bytes(weights)
        artifacts.write(artifact, config, code, took[-1], files=files, **results)
        ahead = [seconds_before(*grid[other][:2]) or mean(took) for other in todo if other > number]
        minutes = sum(ahead) / int(os.environ.get("WORLD_SIZE", 1)) / 60
        label = f"[{number + 1}/{len(grid)}] {experiment}/{name}"
        print(f"{label} {took[-1]:.0f} s; about {minutes:.0f} min remain", flush=True)
    print(f"{len(took)} run(s) in {time.perf_counter() - started:.0f} s", flush=True)


def main(argv=None):
    args = parse(argv)
    if args.list:
        return show()
    wanted = {*args.experiments} | (EXPERIMENTS.keys() - LATER if "all" in args.experiments else set())
    names = [name for name in EXPERIMENTS if name in wanted]
    grid = [(name, *run) for name in names for run in EXPERIMENTS[name][0]()]
    for key, wanted in (("seed", args.seeds), ("T", args.lengths)):
        known = sorted({config[key] for _, _, config in grid})
        if unknown := set(wanted or ()) - set(known):
            raise ValueError(f"no run has {key} = {sorted(unknown)}; there are {known}")
        grid = [run for run in grid if wanted is None or run[2][key] in wanted]
    perform(grid, args.retrain)


if __name__ == "__main__":
    try:
        main()
    except (artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"experiments.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nexperiments.py: interrupted; the runs that ended are kept, the same command continues")
