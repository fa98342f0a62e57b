"""What is trained and measured: every recipe at 15 epochs and at its own length, ours at several, the ablation.

    python -m gan_study list                       what there is, and what is up to date
    python -m gan_study trainings --seeds 0        a part of it

A training is one line of results/trainings.jsonl, with what was `measured` at its end; those of `tuning` are lines of
results/tuning.jsonl. Tables and figures select from these lines (summaries.py). Each training works in runs/study/,
where an interrupted one continues.
"""

import functools
import time
from dataclasses import replace
from typing import NamedTuple

import artifacts
from dataset import mnist
from gan_study import benchmark, classifier, opinions, quality, trainings, tuning
from my_gan import sample
from recipes import DATASET, HERE, OURS, RECIPES, Recipe, asdict

SEEDS = (0,) if artifacts.SMOKE else (0, 1, 2)
EPOCHS = 1 if artifacts.SMOKE else 15  # at which recipes and ablations are compared
SHORTER = (EPOCHS,) if artifacts.SMOKE else (3, 5, EPOCHS, 50)  # lengths that our recipe is trained to beside its own
ABLATIONS = {  # our recipe without one of its parts
    "no annealing": {"anneal": 1.0},
    "no EMA": {"ema": 0.0},
    "no R1": {"r1": 0.0},
    "betas 0.5, 0.999": {"beta1": 0.5, "beta2": 0.999},
    "black as -1": {"networks": "template"},
    "float32": {"anneal": 1.0, "bf16": False},  # beside "no annealing"
}
ANNEALED = ("ganpy", "ganpy-eps")  # published recipes that are trained with our schedule, too
LENGTHS = {  # the recipe, its length as published, the longest that ours is compared to, or ours, and the seeds
    "D2": (RECIPES["D2"], 200, (0,)),
    "B2": (RECIPES["template"], 50, (0,)),
    "ganpy-eps": (RECIPES["ganpy-eps"], 50, (0,)),
    "faster average": (replace(OURS, ema=0.9995), OURS.n_epochs, SEEDS),
    "faster average, no annealing": (replace(OURS, ema=0.9995, anneal=1.0), OURS.n_epochs, SEEDS),
}
TRIED = {  # other settings than ours, each trained in full
    "ours": {},
    "rates fall from the start": {"anneal": 0.0},
    "rates fall after a quarter": {"anneal": 0.25},
    "rates fall after three quarters": {"anneal": 0.75},
    "half the rates": {"lr": OURS.lr / 2},
    "twice the rates": {"lr": OURS.lr * 2},
    "R1 with weight 0.1": {"r1": 0.1},
    "R1 with weight 1": {"r1": 1.0},
    "R1 falls to a tenth": {},
    "twice as long": {"n_epochs": OURS.n_epochs * 2},
}
R1_LEFT = {"R1 falls to a tenth": 0.1}  # the share of R1's weight that is left when the rates are 0; else all of it
DECAYS = (0.0, 0.999, 0.9995, 0.9998)  # of the moving average; 0: none


class Training(NamedTuple):
    """A training called `name`, of a `group`.

    Groups: "ours", "lengths", "recipes", "annealed" (published ones, with our schedule), "ablation".
    """

    group: str
    name: str
    recipe: Recipe

    def key(self):
        return trainings.key(self.name, self.recipe)


def planned():
    """Every training, in the order of its line. Each length of ours is a training of its own, annealed to its end."""
    for n_epochs in (*SHORTER, OURS.n_epochs):
        for seed in SEEDS:
            yield Training("ours", "ours", replace(OURS, n_epochs=n_epochs, seed=seed))
    for name, (recipe, n_epochs, seeds) in LENGTHS.items():
        n_epochs = 2 if artifacts.SMOKE else n_epochs
        for seed in seeds:
            yield Training("lengths", name, replace(recipe, n_epochs=n_epochs, seed=seed))
    for name, recipe in reversed(RECIPES.items()):
        for seed in SEEDS if name != "ours" else ():
            yield Training("recipes", name, replace(recipe, n_epochs=EPOCHS, seed=seed))
    for name in ANNEALED:
        for seed in SEEDS:
            recipe = replace(RECIPES[name], n_epochs=EPOCHS, seed=seed, anneal=OURS.anneal)
            yield Training("annealed", f"{name} annealed", recipe)
    for name, changes in list(ABLATIONS.items())[: 1 if artifacts.SMOKE else None]:
        for seed in SEEDS:
            yield Training("ablation", name, replace(OURS, n_epochs=EPOCHS, seed=seed, **changes))


def measuring():
    """The part of every configuration that says what is measured, and by which classifiers."""
    records = RESULTS.load("classifiers")
    known = {record["config"]["use"]: record["files"][f"classifier_{record['name']}.pt"] for record in records}
    return {"classifiers": known, "n_samples": quality.N_SAMPLES, "n_pairs": quality.N_PAIRS}


def configuration(training, by):
    """What determines the line of a training; `by` is what `measuring` returned."""
    shown = training.name in RECIPES and training.recipe.n_epochs == EPOCHS and training.recipe.seed == SEEDS[0]
    return {
        "recipe": asdict(training.recipe),
        "folder": training.key(),
        "closely": training.group == "lengths" or training.recipe.n_epochs == OURS.n_epochs,  # also memorisation, paths
        "picture": f"samples_{training.name}.png" if shown else None,
        **by,
    }


def training_runs():
    """Every recipe at 15 epochs and at its own length; ours in full, with a faster average, without each part"""
    by = measuring()
    for training in planned():
        yield artifacts.Run(training.key(), configuration(training, by))


def classifier_runs():
    """The classifiers that measure: recipes are chosen by the first, results are reported by the second"""
    settings = {"dataset": DATASET, "n_epochs": 3 if artifacts.SMOKE else 6, "batch_size": 128, "lr": 3e-3}
    for seed, use in enumerate(classifier.ARCHITECTURES):
        yield artifacts.Run(use, settings | {"use": use, "seed": seed})


def real_runs():
    """What real test images get, cross-fades and sudden changes between them, as reference values"""
    yield artifacts.Run("test_images", {"dataset": DATASET, **measuring()})


def opinion_runs():
    """Four classifiers on our recipe with and without annealing: how far the Fréchet distance depends on them"""
    by = measuring()
    groups = {"ours": (EPOCHS, OURS.n_epochs), "no annealing": (EPOCHS,)}
    those = [each for each in planned() if each.recipe.n_epochs in groups.get(each.name, ())]
    config = {"dataset": DATASET, "trainings": [configuration(each, by) for each in those], **by}
    for seed, use in enumerate((*classifier.ARCHITECTURES, "plain 1", "plain 2")):
        yield artifacts.Run(use.replace(" ", "_"), {"use": use, "seed": seed, **config})


def tuning_runs():
    """Our recipe and others near it, in full, each with several moving averages, by the tuning classifier"""
    known = measuring()["classifiers"]["tuning"]
    for name, changes in list(TRIED.items())[: 1 if artifacts.SMOKE else None]:
        recipe = replace(OURS, seed=SEEDS[0], bf16=False, **changes)
        key = name.replace(" ", "_")
        config = {"recipe": asdict(recipe), "r1_left": R1_LEFT.get(name, 1.0), "decays": DECAYS}
        config |= {"folder": f"tuning_{key}", "classifier": known, "n_samples": quality.N_SAMPLES}
        yield artifacts.Run(key, config)


def picture_runs():
    """The strip from one digit to another, samples beside the nearest training images, the film of training"""
    shown, known = trainings.published(), measuring()["classifiers"]["reporting"]
    files = dict(sorted(shown["files"].items()))
    made_by = {"generator": files.pop("../mnist_generator.pt"), "classifier": known}
    rule = {"steps": quality.STEPS, "confidence": quality.CONFIDENCE, "seed": 2}
    yield artifacts.Run("interpolation", {"picture": "interpolation", **made_by, **rule})
    few = {"dataset": DATASET, "n": 12, "seed": 3}
    yield artifacts.Run("nearest", {"picture": "nearest", **made_by, **few})
    images = artifacts.sha256("".join(files.values()).encode())
    grids = {"film": shown["film"], "grids": shown["grids"], "milliseconds": 120, "images": images}
    yield artifacts.Run("film", {"picture": "film", "classifier": known, **grids})


@functools.cache
def judges(dataset, data_root):
    """({use: Judge}, training images, test images)."""
    training, test = (mnist.normalise(mnist.load(dataset, split, data_root)[0]) for split in ("train", "test"))
    return {use: quality.Judge(use, training, test) for use in classifier.ARCHITECTURES}, training, test


def train_and_measure(config, data_root=mnist.HERE, device="cpu", retrain=False):
    """Trains, unless runs/ holds it, and measures: the line of a training."""
    work = trainings.trained(config, data_root, device, retrain)
    record, began = work.finished(), time.perf_counter()
    those, training, _ = judges(config["recipe"]["dataset"], data_root)
    generator = trainings.generator_of(work)
    measured = quality.measure(generator, those, training if config["closely"] else None)
    picture = {config["picture"]: quality.png(sample(generator), nrow=5)} if config["picture"] else {}
    return {
        "measured": measured,
        "history": record["history"],
        "grids": record["grids"],
        "generator": record["files"]["mnist_generator.pt"],
        "training_seconds": record["seconds"],
        "seconds": round(record["seconds"] + time.perf_counter() - began, 1),  # also of what an earlier call trained
        **picture,
    }


def measure_real(config, data_root=mnist.HERE, **_):
    """Real images in the place of samples."""
    return quality.measure_real(*judges(config["dataset"], data_root))


EXPERIMENTS = {
    "classifiers": artifacts.Experiment(classifier_runs, classifier.perform),
    "real": artifacts.Experiment(real_runs, measure_real, after=("classifiers",)),
    "trainings": artifacts.Experiment(training_runs, train_and_measure, after=("classifiers",)),
    "opinions": artifacts.Experiment(opinion_runs, opinions.perform, after=("classifiers", "trainings")),
    "tuning": artifacts.Experiment(tuning_runs, tuning.perform, after=("classifiers",)),
    "published": trainings.EXPERIMENT,
    "pictures": artifacts.Experiment(picture_runs, quality.perform, after=("classifiers", "published")),
    "benchmark": artifacts.Experiment(benchmark.runs, benchmark.perform, alone=True),
}
RESULTS = artifacts.Results(HERE / "results", EXPERIMENTS, "python -m gan_study {}")


def record(recipe):
    """The line of the training by `recipe`; ArtifactError if missing or stale."""
    for each in RESULTS.load("trainings"):
        if each["config"]["recipe"] == asdict(recipe):
            return each
    raise artifacts.ArtifactError(f"no training of the study is by {recipe}")


def judge():
    """The reporting classifier; ArtifactError if it is missing or stale."""
    RESULTS.load("classifiers")
    return classifier.load_classifier()
