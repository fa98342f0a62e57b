"""The experiments of Part I: which runs there are (perform.py says what a run does).

`python -m lstm_study NAME` makes the results of one.

A1, B1, C1, C2 and D1 are experiments of published solutions of this assignment, by their recipes; the rest is ours.
"""

import math
from itertools import product
from statistics import mean, median_low

import torch

import artifacts
import train
from artifacts import SMOKE, Experiment, Run
from lstm_study import benchmark, perform, training

SEEDS = (0,) if SMOKE else (0, 1, 2, 3, 4)
FEW = SEEDS[:3]  # of curricula, which take minutes each
TEN = (0,) if SMOKE else tuple(range(10))
TUNING_SEED = 100  # of the race's settings; no result is reported from it

COMMON = {"input_dim": 10, "hidden_dim": 128, "batch_size": 128, "max_norm": 10.0}
RMSPROP, ADAM = {"optimizer": "RMSprop", "lr": 1e-3}, {"optimizer": "Adam", "lr": 1e-3}
RECIPES = {  # (network, initialisation): the optimiser that goes with it, unless an experiment names another
    ("lstm", "forget bias 1"): RMSPROP,
    ("lstm", "pytorch"): RMSPROP,
    ("lstm", "chrono"): {"optimizer": "Adam", "lr": 3e-3},
    ("lstm", "carousel"): {"optimizer": "Adam", "lr": 3e-3},
    ("lstm", "bistable"): ADAM,
    ("rnn", "pytorch"): RMSPROP,
    ("rnn", "glorot"): RMSPROP,
    ("rnn", "identity"): ADAM,
    ("rnn", "orthogonal"): ADAM,
    ("rnn", "bistable"): ADAM,
}
RATES = (3e-4, 1e-3, 3e-3, 1e-2)  # of the race, with RMSProp
PUBLISHED = {"lstm": "forget bias 1", "rnn": "glorot"}  # initialisations of B1, C2 and D1
PUBLISHED_AND_OURS = (*PUBLISHED.items(), ("lstm", "bistable"))  # what C2 and D1 train
CANDIDATES = {"lstm": ("forget bias 1", "chrono", "bistable"), "rnn": ("identity", "orthogonal", "bistable")}


def run(model, initialisation, stages, seed, max_updates, check_every, extra_updates, keep=False, **others):
    """A run of training.solve on the lengths `stages`, one after the other: each until solved, or for `max_updates`.

    It is validated every `check_every` updates, and the last length is trained for `extra_updates` more once solved.
    `others` win over the recipe's settings. `keep` puts the weights beside the results. A toy run has at most two
    lengths and 20 updates for each.
    """
    if SMOKE:
        stages, others = stages[:2], {"total_len": 1000} | others
        max_updates, check_every, extra_updates = min(max_updates, 20), min(check_every, 10), min(extra_updates, 10)
        if "tests" in others:
            others["tests"] = [[100, 100]]
    name = f"{model}_{initialisation.replace(' ', '_')}_T{stages[-1]}_seed{seed}"
    config = {"model": model, "initialisation": initialisation, "T": stages[-1], "seed": seed, "stages": [*stages]}
    config |= COMMON | RECIPES[model, initialisation] | others
    config |= {"max_updates": max_updates, "check_every": check_every, "extra_updates": extra_updates}
    return Run(name, config | ({"weights": f"{name}.pt"} if keep else {}))


def shortened(lengths):
    """All of them, or the first alone in a toy run."""
    return lengths[:1] if SMOKE else lengths


def defaults():
    """The template's own training, all flags at their defaults: T = 5, digits as numbers, 100 epochs."""
    for model, seed in product(("lstm", "rnn"), SEEDS):
        config = vars(train.parse(["--model", model, "--seed", str(seed)]))
        yield Run(f"{model}_seed{seed}", config | {"T": 5, "max_epoch": 2 if SMOKE else 100})


def plain():
    """`python train.py` with other --input_length and --input_dim: the first five epochs, at T = 5 all hundred."""
    for T, input_dim in product(shortened((5, 10, 15, 20, 30)), (1, 10)):
        epochs = 2 if SMOKE else 100 if T == 5 else 5
        flags = [f"--input_length={T - 1}", f"--input_dim={input_dim}", f"--max_epoch={epochs}"]
        yield Run(f"T{T}_{'onehot' if input_dim == 10 else 'number'}", vars(train.parse(flags)) | {"T": T})


def baselines():
    """Answers that need no order: a constant, the digit read most often, a digit read an odd number of times."""
    for T in shortened((5, 10, 15, 20, 25, 30)):
        yield Run(f"T{T}", {"T": T, "seed": 0, "total_len": min(10 ** math.ceil(T / 2), 10_000)})


def trap():
    """One handed-out dataset.py beside random data: LSTM, 2,048 palindromes of 10 digits and 100,000 of 20."""
    for (T, total_len), leaking, seed in product(shortened(((10, 2048), (20, 100_000))), (True, False), SEEDS):
        settings = {"min_updates": 300, "total_len": total_len, "leaking": leaking}
        config = run("lstm", "pytorch", [T], seed, 300, 10, 0, **settings).config
        yield Run(f"{'leaking' if leaking else 'honest'}_T{T}_seed{seed}", config)


def A1():
    """LSTM and RNN at the defaults, digits as numbers, T from short to long: four epochs of 625 updates."""
    for T, model, seed in product(shortened((5, 10, 15, 20)), ("lstm", "rnn"), SEEDS):
        yield run(model, "pytorch", [T], seed, 2500, 625, 0, min_updates=2500, input_dim=1)


def B1():
    """One-hot digits, RMSProp 1e-3, LSTM with forget bias 1 beside the RNN, T = 5 to 30, at most 5,000 updates."""
    lengths = reversed(shortened((5, 10, 15, 20, 25, 30)))
    for T, (model, initialisation), seed in product(lengths, PUBLISHED.items(), SEEDS):
        yield run(model, initialisation, [T], seed, 5000, 50, 200)


def C1():
    """The defaults for 1,000 updates at T = 5; then T = 20 with Adam at three learning rates, at most 2,000 updates."""
    for model in ("lstm", "rnn"):
        for seed in SEEDS:
            yield run(model, "pytorch", [5], seed, 1000, 10, 0, min_updates=1000, input_dim=1)
        for lr, seed in product(shortened((1e-3, 3e-3, 1e-2)), SEEDS):
            name, config = run(model, "pytorch", [20], seed, 2000, 50, 200, optimizer="Adam", lr=lr, input_dim=1)
            yield Run(f"{name}_lr{lr:g}", config)


def C2():
    """Curriculum T = 10, 20, ..., 150 with B1's recipes, at most 2,000 updates a length, and with bistable cells."""
    for (model, initialisation), seed in product(PUBLISHED_AND_OURS, FEW):
        yield run(model, initialisation, range(10, 160, 10), seed, 2000, 10, 0)


def D1():
    """2,048 palindromes, 80 to 20, RMSProp 1e-3, T = 5 to 20: 100 epochs as published, or more; and bistable."""
    epoch = 1639 // 128
    for T, (model, initialisation), seed in product(shortened((5, 10, 15, 20)), PUBLISHED_AND_OURS, SEEDS):
        least, most = (0, 100) if initialisation == "bistable" else (100, 200)  # epochs
        settings = {"min_updates": least * epoch, "total_len": 2048}
        yield run(model, initialisation, [T], seed, most * epoch, epoch, 0, **settings)


def efficiency():
    """Updates until solved, without curriculum, by initialisation (forget bias 1 and the RNN's glorot are B1's)."""
    for initialisation, T, seed in product(("pytorch", "chrono"), shortened((30, 20, 10)), SEEDS):
        yield run("lstm", initialisation, [T], seed, 5000, 50, 200, keep=(initialisation, T) == ("chrono", 30))
    for T in shortened((5, 10, 15, 20, 25, 30, 50)):  # and 100, which is of `records`
        for seed in TEN if T == 50 else SEEDS:
            yield run("lstm", "bistable", [T], seed, 5000, 5, 100)
    for initialisation, T, seed in product(("identity", "bistable"), shortened((30, 25, 20, 15, 10, 5)), SEEDS):
        yield run("rnn", initialisation, [T], seed, 5000, 10, 200, keep=(initialisation, T) == ("identity", 30))


def optimisers():
    """Initialisation or optimiser? T = 30, each with another optimiser than in B1 and `efficiency`."""
    cases = (
        ("lstm", "pytorch", ADAM, 50),
        ("rnn", "glorot", ADAM, 50),
        ("lstm", "bistable", RMSPROP, 5),
        ("rnn", "identity", RMSPROP, 10),
    )
    for (model, initialisation, other, check_every), seed in product(cases, SEEDS):
        yield run(model, initialisation, [30], seed, 5000, check_every, 0, **other)


def wall():
    """How far the RNN gets: curricula up to T = 1,000 from identity, orthogonal and bistable; then tested beyond."""
    lengths = [*range(10, 160, 10), *range(200, 1001, 100)]
    for initialisation, seed in product(("identity", "orthogonal", "bistable"), FEW):
        yield run("rnn", initialisation, lengths, seed, 1000, 10, 0, tests=[[10_000, 1000], [100_000, 256]])


def records():
    """Trained at T <= 320, tested at 1,000 and 10,000: bistable cells; chrono and carousel, which learn to hold."""
    for seed in TEN:
        tests = [[1000, 10_000], [10_000, 1000]]
        yield run("lstm", "bistable", [20 if SMOKE else 100], seed, 5000, 5, 100, keep=True, tests=tests)
    for initialisation, seed in product(("chrono", "carousel"), FEW):
        settings = {"lr_later": 1e-3} if initialisation == "chrono" else {}
        settings["tests"] = [[1000, 1000], [10_000, 1000]]
        yield run("lstm", initialisation, [10, 20, 40, 80, 160, 320], seed, 4000, 10, 50, **settings)


def kept(experiment, model, initialisation):
    """{run: its configuration and the hash of its weights} of an experiment's runs that have kept them."""
    found = {}
    for run in grouped(experiment, "model", "initialisation")[model, initialisation]:
        if file := run["config"].get("weights"):
            found[run["name"]] = run["config"] | {"sha256": run["files"][file]}
    return found


def median_kept(experiment, model, initialisation):
    """That of the run whose seed has the median of updates until solved (the lower of two)."""
    found = kept(experiment, model, initialisation)
    updates = {run["name"]: run["solved_at"] or math.inf for run in load(experiment)}
    middle = median_low(updates[name] for name in found)
    return next(config for name, config in found.items() if updates[name] == middle)


def proofs():
    """Proofs in float64 that the bistable LSTMs of `records` remember at any length."""
    for name, config in kept("records", "lstm", "bistable").items():
        yield Run(name, config | {"prefix": 2 if SMOKE else 5})


def far():
    """The bistable LSTM of `records` with the median seed, tested at T = 10,000, 100,000 and 1,000,000."""
    config = median_kept("records", "lstm", "bistable")
    for T, n in [(300, 10)] if SMOKE else [(1_000_000, 256), (100_000, 1000), (10_000, 10_000)]:
        yield Run(f"T{T}", config | {"T": T, "tests": [[T, n]]})


def shipped():
    """The networks that are shown, copies of median seeds: bistable LSTM at T = 100, two others at T = 30."""
    yield Run("lstm_bistable", median_kept("records", "lstm", "bistable"))
    yield Run("lstm_chrono", median_kept("efficiency", "lstm", "chrono"))
    yield Run("rnn_identity", median_kept("efficiency", "rnn", "identity"))


def race_run(T, model, initialisation, input_dim, seed, lr, max_updates):
    settings = {"optimizer": "RMSprop", "lr": lr, "input_dim": input_dim}
    checks = {"check_early_until": 200, "check_early_every": 10}
    _, config = run(model, initialisation, [T], seed, max_updates, 50, 0, **settings, **checks)
    digits = "onehot" if input_dim == 10 else "number"
    return Run(f"{model}_{initialisation.replace(' ', '_')}_{digits}_T{T}_seed{seed}_lr{lr:g}", config)


def race_initialisations():
    """The race's best initialisation of each network: three of each at T = 20, four rates, one seed, 2,000 updates."""
    for model, input_dim in product(("lstm", "rnn"), (1, 10)):
        for initialisation, lr in product(CANDIDATES[model], shortened(RATES)):
            yield race_run(20, model, initialisation, input_dim, TUNING_SEED, lr, 2000)


def entrants():
    """(T, network, initialisation, input_dim) of the race, those that take longest first."""
    best = chosen_initialisations()
    for T, model, input_dim in product(shortened((30, 25, 20, 15, 10, 5)), ("lstm", "rnn"), (1, 10)):
        for initialisation in ("pytorch", best[model, input_dim]):
            yield T, model, initialisation, input_dim


def race_tuning():
    """The race's learning rates: four for each network, initialisation, input and T, one seed, 2,000 updates."""
    for entrant, lr in product(entrants(), shortened(RATES)):
        yield race_run(*entrant, TUNING_SEED, lr, 2000)


def race():
    """The comparison of LSTM and RNN, T = 5 to 30: equal start and budget of 5,000 updates, tuned rates."""
    rates = chosen_rates()
    for entrant, seed in product(entrants(), SEEDS):
        yield race_run(*entrant, seed, rates[entrant], 5000)


def race_dip():
    """The race's LSTM at T = 25 again, one-hot, PyTorch's initialisation: at the rate that was chosen for T = 30."""
    lr = chosen_rates()[30, "lstm", "pytorch", 10]
    for seed in SEEDS:
        yield race_run(25, "lstm", "pytorch", 10, seed, lr, 5000)


def loss_at_end(run):
    """Mean training loss of a run's last 200 updates; infinite if it diverged."""
    if "diverged" in run:
        return math.inf
    return mean(loss for update, loss in points(run, "loss") if update > run["updates"] - 200)


def best_configs(experiment, *keys):
    """{the values of `keys`: the configuration, among the runs that share them, that did best}.

    Best is the one that was solved in the fewest updates; if none was, the one with the lowest loss_at_end.
    """

    def score(run):
        return run["solved_at"] or math.inf, loss_at_end(run)

    return {group: min(runs, key=score)["config"] for group, runs in grouped(experiment, *keys).items()}


def chosen_initialisations():
    """{(network, input_dim): the initialisation that did best in race_initialisations, with its best rate}."""
    best = best_configs("race_initialisations", "model", "input_dim")
    return {group: config["initialisation"] for group, config in best.items()}


def chosen_rates():
    """{entrant of the race: the learning rate that did best in race_tuning}."""
    best = best_configs("race_tuning", "T", "model", "initialisation", "input_dim")
    return {entrant: config["lr"] for entrant, config in best.items()}


EXPERIMENTS = {
    "B1": Experiment(B1, perform.solve),
    "efficiency": Experiment(efficiency, perform.solve),
    "optimisers": Experiment(optimisers, perform.solve),
    "records": Experiment(records, perform.solve_and_test),
    "proofs": Experiment(proofs, perform.prove, after=("records",)),
    "wall": Experiment(wall, perform.solve_and_test),
    "A1": Experiment(A1, perform.solve),
    "C1": Experiment(C1, perform.solve),
    "C2": Experiment(C2, perform.solve),
    "D1": Experiment(D1, perform.solve),
    "trap": Experiment(trap, perform.trap),
    "defaults": Experiment(defaults, perform.defaults),
    "plain": Experiment(plain, perform.plain),
    "baselines": Experiment(baselines, perform.baselines),
    "race_initialisations": Experiment(race_initialisations, perform.race),
    "race_tuning": Experiment(race_tuning, perform.race, after=("race_initialisations",)),
    "race": Experiment(race, perform.race, after=("race_tuning",)),
    "race_dip": Experiment(race_dip, perform.race, after=("race_tuning",)),
    "shipped": Experiment(shipped, perform.shipped, after=("records", "efficiency")),
    "far": Experiment(far, perform.far, after=("records",)),
    "benchmark": benchmark.EXPERIMENT,
}
RESULTS = artifacts.Results(perform.RESULTS, EXPERIMENTS, "python -m lstm_study {}")


def load(experiment):
    """The results of all runs of `experiment`, in order; ArtifactError if one is missing or stale."""
    return RESULTS.load(experiment)


def grouped(experiment, *keys):
    """The results of an experiment by their configurations' values of `keys`: {(value, ...): [result, ...]}."""
    groups = {}
    for run in load(experiment):
        groups.setdefault(tuple(run["config"][key] for key in keys), []).append(run)
    return groups


def points(run, key):
    """[(update, value), ...] of a run's history."""
    return list(zip(run["history"]["update"], run["history"][key], strict=True))


def network(name):
    """(network, result) of the shipped run `name`; ArtifactError if its weights are missing, damaged or foreign."""
    record = next(each for each in load("shipped") if each["name"] == name)
    model = training.build(record["config"], perform.NETWORKS)
    model.load_state_dict(torch.load(RESULTS.folder / f"{name}.pt", weights_only=True, map_location="cpu"))
    return model.eval(), record
