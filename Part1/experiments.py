"""The experiments of Part I, by name; each run leaves one artifact in results/ and is skipped while that is up to date.

python experiments.py --list                              what there is, and what is done
python experiments.py lengths                             all runs of one experiment, in sequence
python experiments.py lengths --lengths 5 10 --seeds 0    a part of it
OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 experiments.py all      every run there is, on two processes
"""

import argparse
import math
import sys
import time
from pathlib import Path
from statistics import mean

import torch
from torch.nn.functional import cross_entropy

import artifacts
import dataset
import lstm
import train as template
import utils
import vanilla_rnn

HERE = Path(__file__).parent
LENGTHS = (5,) if artifacts.SMOKE else (5, 10, 15, 20, 25, 30)
SEEDS = (0,) if artifacts.SMOKE else (0, 1)

# What a recipe adds to batch 128, 128 hidden units, one-hot digits and clipping at norm 10. "published" is RMSProp at
# 1e-3 with forget bias 1; "tuned" takes Adam and an initialisation that keeps the past: chrono for the LSTM, a scaled
# identity for the RNN.
RECIPES = {
    ("lstm", "published"): {"optimizer": "RMSprop", "lr": 1e-3, "initialisation": {"forget_bias": 1.0}},
    ("rnn", "published"): {"optimizer": "RMSprop", "lr": 1e-3, "initialisation": {}},
    ("lstm", "tuned"): {"optimizer": "Adam", "lr": 3e-3, "initialisation": {}},
    ("rnn", "tuned"): {"optimizer": "Adam", "lr": 1e-3, "initialisation": {"identity": 1.0}},
}


def defaults():
    """The template's own training, all flags at their defaults: T = 5, digits as numbers, 100 epochs."""
    for model in ("lstm", "rnn"):
        for seed in SEEDS:
            config = vars(template.parse(["--model", model, "--seed", str(seed)]))
            yield f"{model}_seed{seed}", config | {"T": 5, "max_epoch": 2 if artifacts.SMOKE else 100}


def lengths():
    """Updates and accuracy as T grows, LSTM beside RNN, a published recipe beside a tuned one."""
    for T in LENGTHS:
        for (model, recipe), settings in RECIPES.items():
            for seed in SEEDS:
                config = {"model": model, "T": T, "recipe": recipe, "seed": seed, **settings}
                config |= {"hidden_dim": 128, "batch_size": 128, "max_norm": 10.0}
                config |= {"max_updates": 20 if artifacts.SMOKE else 5000, "check_every": 50, "extra_updates": 200}
                yield f"{model}_{recipe}_T{T}_seed{seed}", config


def baselines():
    """What needs no memory: always the commonest label, and the digit that was read most often."""
    for T in LENGTHS:
        yield f"T{T}", {"T": T, "seed": 0, "total_len": min(10 ** math.ceil(T / 2), 10_000)}


def run_baselines(config):
    x, labels = dataset.PalindromeDataset(config["T"] - 1, config["total_len"], seed=config["seed"]).tensors()
    counts = torch.nn.functional.one_hot(x.long(), 10).sum(1)
    constant = labels.bincount(minlength=10).max().item() / len(labels)
    return {"constant": constant, "counting": utils.accuracy(counts, labels)}


def run_defaults(config):
    return template.main(argparse.Namespace(**config))


def run_lengths(config):
    """Trains on palindromes held apart from the validation ones; stops `extra_updates` after validation is solved.

    Solved: 99.9% of (at most) 1,000 validation palindromes, looked at every `check_every` updates. The accuracy that
    counts is the last weights', on all (at most) 10,000 validation palindromes.
    """
    distinct = 10 ** math.ceil(config["T"] / 2)
    n_val = min(10_000, distinct // 5)
    data = dataset.PalindromeDataset(config["T"] - 1, min(distinct, 100_000 + n_val), seed=config["seed"])
    (x_val, y_val), (x, y) = data.tensors(slice(None, n_val)), data.tensors(slice(n_val, None))

    torch.manual_seed(config["seed"])
    model = template.MODELS[config["model"]](config["T"] - 1, 10, config["hidden_dim"], 10, **config["initialisation"])
    optimizer = getattr(torch.optim, config["optimizer"])(model.parameters(), lr=config["lr"])
    history = {"update": [], "loss": [], "accuracy": [], "val_accuracy": []}
    solved_at, end, losses, accuracies, order = None, config["max_updates"], [], [], iter(())
    for update in range(1, config["max_updates"] + 1):
        index = next(order, None)
        if index is None or len(index) < config["batch_size"]:  # the next epoch, in a new order
            order = iter(torch.randperm(len(x)).split(config["batch_size"]))
            index = next(order)
        logits = model(x[index])
        loss = cross_entropy(logits, y[index])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["max_norm"])
        optimizer.step()

        losses.append(loss.item())
        accuracies.append(utils.accuracy(logits, y[index]))
        if update % config["check_every"] == 0 or update == config["max_updates"]:
            checked = validate(model, x_val[:1000], y_val[:1000])
            for values, value in zip(history.values(), (update, mean(losses), mean(accuracies), checked), strict=True):
                values.append(round(value, 5))
            losses, accuracies = [], []
            if solved_at is None and checked >= 0.999:
                solved_at, end = update, min(end, update + config["extra_updates"])
        if update >= end:
            break
    accuracy = validate(model, x_val, y_val)
    return {"solved_at": solved_at, "updates": update, "accuracy": accuracy, "n_val": n_val, "history": history}


@torch.no_grad()
def validate(model, x, y):
    """Accuracy on digits x (n, time) with labels y (n,), in batches of 1,000."""
    correct = [(model(a).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000), strict=True)]
    return sum(correct) / len(x)


NETWORKS = (dataset, lstm, vanilla_rnn, utils)
EXPERIMENTS = {  # name: (its runs, what performs one, the code that determines its result)
    "defaults": (defaults, run_defaults, artifacts.code(run_defaults, template, *NETWORKS)),
    "baselines": (baselines, run_baselines, artifacts.code(run_baselines, dataset, utils)),
    "lengths": (lengths, run_lengths, artifacts.code(run_lengths, validate, *NETWORKS)),
}


def path(experiment, name):
    return HERE / "results" / experiment / f"{name}.json"


def load(experiment):
    """The artifacts of all runs of `experiment`, in order; ArtifactError if one is missing or stale."""
    runs, _, code = EXPERIMENTS[experiment]
    return [
        artifacts.read(path(experiment, name), config, code, f"python experiments.py {experiment}")
        for name, config in runs()
    ]


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("experiment", nargs="?", choices=[*EXPERIMENTS, "all"], help="which to run")
    flag("--list", action="store_true", help="list the experiments and how many of their runs are done")
    flag("--seeds", type=int, nargs="+", help="only the runs of these seeds")
    flag("--lengths", type=int, nargs="+", help="only the runs of these T")
    flag("--retrain", action="store_true", help="run again what is up to date")
    args = parser.parse_args(argv)
    if not args.list and args.experiment is None:
        parser.error(f"say which experiment, of {', '.join(EXPERIMENTS)} or all; --list describes them")
    return args


def main(argv=None):
    args = parse(argv)
    names = list(EXPERIMENTS) if args.list or args.experiment == "all" else [args.experiment]
    grid = [(name, *run) for name in names for run in EXPERIMENTS[name][0]()]
    if args.list:
        for name in names:
            done = [
                artifacts.is_current(path(name, run), config, EXPERIMENTS[name][2])
                for n, run, config in grid
                if n == name
            ]
            print(f"{name:10} {sum(done)} of {len(done)} runs done   {EXPERIMENTS[name][0].__doc__}")
        return
    for key, wanted in (("seed", args.seeds), ("T", args.lengths)):
        known = sorted({config[key] for _, _, config in grid})
        if unknown := set(wanted or ()) - set(known):
            raise ValueError(f"no run has {key} = {sorted(unknown)}; there are {known}")
        grid = [run for run in grid if wanted is None or run[2][key] in wanted]
    started, done = time.perf_counter(), 0
    for number, (experiment, name, config) in artifacts.shared(grid):
        artifact, (_, perform, code) = path(experiment, name), EXPERIMENTS[experiment]
        label = f"[{number + 1}/{len(grid)}] {experiment}/{name}"
        if not args.retrain and artifacts.is_current(artifact, config, code):
            print(f"{label} is up to date", flush=True)
            continue
        artifacts.prepare(artifact)
        began = time.perf_counter()
        results = perform(config)
        seconds = time.perf_counter() - began
        artifacts.write(artifact, config, code, seconds, **results)
        done += 1
        print(f"{label} {seconds:.0f} s", flush=True)
    print(f"{done} run(s) in {time.perf_counter() - started:.0f} s, the rest was up to date", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"experiments.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nexperiments.py: interrupted; the runs that ended are kept, the same command continues")
