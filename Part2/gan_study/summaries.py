"""Results of Part II -> what figures, tables and prose show of them."""

from itertools import combinations
from math import factorial
from statistics import median, median_low
from typing import NamedTuple

import numpy as np

from gan_study import benchmark, experiments
from recipes import OURS, RECIPES, asdict

QUALITY = ("frechet", "precision", "recall", "density", "coverage")
WORDS = {  # what tables and figures call the recipes and what ours is without
    "ganpy": "popular script",
    "ganpy-eps": "popular script, fixed",
    "ganpy annealed": "popular script, annealed",
    "ganpy-eps annealed": "fixed and annealed",
    "C3": "author C's, our rate",
    "D2": "author D's",
    "B2": "template (author B)",
    "no EMA": "no moving average",
    "no R1": "no gradient penalty",
    "betas 0.5, 0.999": "Adam's betas 0.5 and 0.999",
    "black as -1": "black as −1",
    "float32": "no annealing, float32",
}


def words(name):
    return WORDS.get(name, name)


class Measured(NamedTuple):
    """What was `found` of one training; `record` is its line."""

    group: str
    name: str
    seed: int
    epochs: int
    found: dict
    record: dict


def measured():
    """Every training, a Measured each."""
    for training, record in zip(experiments.planned(), experiments.RESULTS.load("trainings"), strict=True):
        recipe = training.recipe
        yield Measured(training.group, training.name, recipe.seed, recipe.n_epochs, record["measured"], record)


def grouped(rows):
    """{name: [Measured of each seed]}, in order."""
    found = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    return found


def compared():
    """{recipe: its seeds} after the epochs at which all recipes are compared."""
    rows = [row for row in measured() if row.group in ("recipes", "ours") and row.epochs == experiments.EPOCHS]
    found = grouped(rows)
    return {name: found[name] for name in reversed(RECIPES)}


def annealed():
    """{published recipe with our schedule: its seeds}, after the same epochs."""
    return grouped(row for row in measured() if row.group == "annealed")


def lengths():
    """{name: its seeds} of the published recipes at lengths of their own, and of ours without annealing."""
    return grouped(row for row in measured() if row.group == "lengths")


def final():
    """The seeds of our recipe at its end."""
    return [row for row in measured() if row.group == "ours" and row.epochs == OURS.n_epochs]


def ablation():
    """{what our recipe is without: its seeds}; "ours" is without nothing."""
    rows = (row for row in measured() if row.group in ("ablation", "ours") and row.epochs == experiments.EPOCHS)
    return grouped(rows)


def shipped():
    """The measurement of the generator that is published."""
    (row,) = (row for row in final() if row.record["config"]["recipe"] == asdict(OURS))
    return row


def median_seed():
    """The seed of our recipe with the median Frechet distance by the classifier that recipes were not chosen by."""
    rows = final()
    middle = median_low(row.found["reporting"]["frechet"] for row in rows)
    return next(row.seed for row in rows if row.found["reporting"]["frechet"] == middle)


def real():
    """What real images get."""
    return experiments.RESULTS.load("real")[0]


def picture(name):
    """The record of the picture `name`: "interpolation", "nearest" or "film"."""
    found = {record["name"]: record for record in experiments.RESULTS.load("pictures")}
    return found[name]


def classifiers():
    """{use: the record of the classifier}."""
    return {record["name"]: record for record in experiments.RESULTS.load("classifiers")}


def opinions():
    """{classifier: {("annealed" or "constant", epochs): {"all", "sure", "share", "variance"}, medians over seeds}}.

    Beside these, ("test images", None), and ("training images", None), which has "all" only.
    """
    found = {}
    for record in experiments.RESULTS.load("opinions"):
        seen, seeds = record["distances"], {}
        for each in record["config"]["trainings"]:
            recipe = each["recipe"]
            name = "annealed" if recipe["anneal"] < 1 else "constant"
            seeds.setdefault((name, recipe["n_epochs"]), []).append(seen[each["folder"]])
        by = {key: {what: median(each[what] for each in rows) for what in rows[0]} for key, rows in seeds.items()}
        found[record["config"]["use"]] = by | {(name, None): seen[name] for name in ("test images", "training images")}
    return found


def seconds_of_epochs():
    """{way: median seconds of an epoch in the benchmark}."""
    (record,) = experiments.RESULTS.load("benchmark")
    return {way: median(record["epoch_seconds"][way]) for way in benchmark.WAYS}


def way(name):
    """What tables call a way of the benchmark."""
    return name.replace("ours", "our loop")


def quality():
    """{(recipe, epochs): {measure: median over seeds}} by the reporting classifier; last ("real images", None)."""
    found = {}
    longest = [row for row in measured() if row.group == "ours" and row.epochs == experiments.SHORTER[-1]]
    ours = ("ours", longest), ("ours", final())
    for name, rows in (*compared().items(), *annealed().items(), *lengths().items(), *ours):
        values = {key: median(row.found["reporting"][key] for row in rows) for key in QUALITY}
        values["tuning"] = median(row.found["tuning"]["frechet"] for row in rows)
        for key, choose in (("least", min), ("most", max)):
            values[key] = median(choose(row.found["reporting"]["shares"]) for row in rows)
        found[name, rows[0].epochs] = values | {"seeds": len(rows)}
    values = {key: real()["reporting"][key] for key in QUALITY} | {"tuning": real()["tuning"]["frechet"]}
    shares = real()["reporting"]["shares"]
    return found | {("real images", None): values | {"least": min(shares), "most": max(shares)}}


def over_epochs():
    """{recipe: [(epochs, Fréchet distance) of every measurement]} of ours and ganpy-eps."""
    found = {"ours": [], "ganpy-eps": []}
    for row in measured():
        if row.name in found:
            found[row.name].append((row.epochs, row.found["reporting"]["frechet"]))
    return {name: sorted(points, key=lambda point: point[0]) for name, points in found.items()}


def overtaken():
    """The length of our shortest training whose median distance is at most ganpy-eps's at its last epoch, or None.

    With it, by the benchmark's seconds per epoch, how many times as long ganpy-eps takes: in our loop; in its own.
    """
    (public,) = lengths()["ganpy-eps"]
    slow, _, same, own = seconds_of_epochs().values()
    ours = {}
    for row in measured():
        if row.group == "ours":
            ours.setdefault(row.epochs, []).append(row.found["reporting"]["frechet"])
    for epochs, distances in sorted(ours.items()):
        if median(distances) <= public.found["reporting"]["frechet"]:
            times = public.epochs / epochs
            return epochs, times * same / own, times * slow / own
    return None, float("nan"), float("nan")


def loss_of_D(row):
    """D's mean loss in the last stretch of a training."""
    return row.record["history"]["loss_D"][-1]


def seen():
    """{moment: (digits that the classifier sees, of how many of the 25 it is sure)} of start, middle and end."""
    grids = picture("film")["grids"]
    return {
        moment: (said["digits"], sum(p >= experiments.quality.CONFIDENCE for p in said["confidence"]))
        for moment, said in grids.items()
    }


def chances(shares, n, many):
    """Chances that n draws of digits with these shares lack a digit, and that some digit comes `many` times or more."""
    missing = 0.0
    for size in range(1, len(shares) + 1):  # inclusion and exclusion over the sets of digits that may be missing
        missing -= (-1) ** size * sum((1 - sum(absent)) ** n for absent in combinations(shares, size))
    fewer = np.ones(1)  # coefficient k: the chance of k draws with no digit `many` times, over k!
    for share in shares:
        fewer = np.convolve(fewer, [share**k / factorial(k) for k in range(many)])
    return missing, 1 - (factorial(n) * fewer[n] if n < len(fewer) else 0)
