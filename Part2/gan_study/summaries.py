"""Results of Part II -> what figures, tables and prose show of them."""

from math import factorial
from statistics import median
from typing import NamedTuple

import numpy as np

from gan_study import benchmark, experiments
from recipes import OURS

WORDS = {  # what tables and figures call the recipes and what ours is without
    "ours": "our recipe",
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
    "faster average, no annealing": "faster, not annealed",
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


def grouped(pairs):
    """{key: [its values]} of (key, value) pairs, in order."""
    found = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def selected(*groups, epochs=None):
    """{name: [Measured of each seed]} of the trainings of `groups`; with `epochs`, only of those that took as many."""
    return grouped((row.name, row) for row in measured() if row.group in groups and epochs in (None, row.epochs))


def compared():
    """{recipe: its seeds} after the epochs at which all recipes are compared."""
    return selected("recipes", "ours", epochs=experiments.EPOCHS)


def lengths():
    """{name: its seeds} of the published recipes at lengths of their own, and of ours with a faster average."""
    return selected("lengths")


def final():
    """The seeds of our recipe at its end."""
    return selected("ours", epochs=OURS.n_epochs)["ours"]


def ablation():
    """{what our recipe is without: its seeds}; "ours" is without nothing."""
    return selected("ablation", "ours", epochs=experiments.EPOCHS)


def shipped():
    """The measurement of the generator that is published."""
    (row,) = (row for row in final() if row.seed == OURS.seed)
    return row


def real():
    """What real images get."""
    return experiments.RESULTS.load("real")[0]


def picture(name):
    """The record of the picture `name`: "interpolation", "nearest" or "film"."""
    return next(record for record in experiments.RESULTS.load("pictures") if record["name"] == name)


def classifiers():
    """{use: the record of the classifier}."""
    return {record["name"]: record for record in experiments.RESULTS.load("classifiers")}


def opinions():
    """{classifier: {("annealed" or "constant", epochs): what it sees, medians over seeds}}.

    "all", "sure" and "blurred" are Fréchet distances, "share" is of the images that the reporting classifier is sure
    of, "variance" and "roughness" are as in opinions.py. Beside the recipes, ("test images", None), and
    ("training images", None), the first against the rest, which lacks "sure" and "share".
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


def tuning():
    """{recipe, as in experiments.TRIED: {decay of the moving average (0: none): Fréchet distance}}.

    By the tuning classifier; of one seed, in float32.
    """
    return {
        record["name"].replace("_", " "): {float(decay): distance for decay, distance in record["frechet"].items()}
        for record in experiments.RESULTS.load("tuning")
    }


def averages():
    """{decay of the moving average: Fréchet distance of each seed, by the tuning classifier} of ours, in full."""
    rows = (*lengths()["faster average"], *final())
    return grouped((row.record["config"]["recipe"]["ema"], row.found["tuning"]["frechet"]) for row in rows)


def seconds_of_epochs():
    """{way, as tables call it: median seconds of an epoch in the benchmark}, in the order of benchmark.WAYS."""
    (record,) = experiments.RESULTS.load("benchmark")
    return {way.replace("ours", "our loop"): median(record["epoch_seconds"][way]) for way in benchmark.WAYS}


def medians(found):
    """{measure: median} of what was `found` of each seed; by the reporting classifier but for "tuning", a distance."""
    reporting = [each["reporting"] for each in found]
    keys = ("frechet", "precision", "recall", "density", "coverage")
    return {
        **{key: median(each[key] for each in reporting) for key in keys},
        "tuning": median(each["tuning"]["frechet"] for each in found),
        "least": median(min(each["shares"]) for each in reporting),
        "most": median(max(each["shares"]) for each in reporting),
        "seeds": len(found),
    }


def quality():
    """{(recipe, epochs): its medians} but for the ablation, of ours at three lengths; last ("real images", None)."""
    shown = (experiments.EPOCHS, experiments.SHORTER[-1], OURS.n_epochs)
    rows = [row for row in measured() if row.group != "ablation" and (row.group != "ours" or row.epochs in shown)]
    found = grouped(((row.name, row.epochs), row.found) for row in rows) | {("real images", None): [real()]}
    return {key: medians(each) for key, each in found.items()}


def over_epochs():
    """{recipe: {epochs: [Fréchet distance of each seed]}} of ours and ganpy-eps, from the shortest training on."""
    rows = sorted(measured(), key=lambda row: row.epochs)
    return {
        name: grouped((row.epochs, row.found["reporting"]["frechet"]) for row in rows if row.name == name)
        for name in ("ours", "ganpy-eps")
    }


def overtaken():
    """The length of our shortest training whose median distance is at most ganpy-eps's at its last epoch, or None.

    With it, by the benchmark's seconds per epoch, how many times as long ganpy-eps takes: in our loop; in its own.
    """
    (public,) = lengths()["ganpy-eps"]
    slow, _, same, own = seconds_of_epochs().values()
    for epochs, distances in over_epochs()["ours"].items():
        if median(distances) <= public.found["reporting"]["frechet"]:
            times = public.epochs / epochs
            return epochs, times * same / own, times * slow / own
    return None, float("nan"), float("nan")


def seen():
    """{moment: (digits that the classifier sees, of how many of the 25 it is sure)} of start, middle and end."""
    grids = picture("film")["grids"]
    return {
        moment: (said["digits"], sum(p >= experiments.quality.CONFIDENCE for p in said["confidence"]))
        for moment, said in grids.items()
    }


def chances(shares, n, many):
    """Chances that n draws of digits with these shares lack a digit, and that some digit comes `many` times or more."""

    def all_come(times):
        """The chance that each digit comes a number of times that is in `times`."""
        terms = np.ones(1)  # term k: the chance of that in k draws, over k!
        for share in shares:
            terms = np.convolve(terms, [share**k / factorial(k) if k in times else 0 for k in range(n + 1)])
        return factorial(n) * terms[n]

    return 1 - all_come(range(1, n + 1)), 1 - all_come(range(many))
