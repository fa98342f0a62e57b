"""Artifacts of Part II -> what figures, tables and prose show of them."""

from statistics import median

import gan_experiments
import my_gan
import recipes

QUALITY = ("frechet", "score", "precision", "recall", "density", "coverage")


def shipped():
    """The run of `quality` whose generator is the record's."""
    return gan_experiments.load("quality")[f"ours_seed{recipes.SEED}"]


def epochs(run):
    """The epochs after which a run was measured."""
    return run["config"]["after"] or run["config"]["n_epochs"]


def quality():
    """{name: {measure: median over seeds}} by the reporting classifier: recipes by epochs, and real images."""
    found = {}
    for experiment in ("compared", "lengths", "quality"):
        for name, runs in gan_experiments.by_recipe(experiment).items():
            values = {key: median(run["reporting"][key] for run in runs) for key in QUALITY}
            values["tuning"] = median(run["tuning"]["frechet"] for run in runs)
            for key, choose in (("least", min), ("most", max)):
                values[key] = median(choose(run["reporting"]["shares"]) for run in runs)
            values["epoch_seconds"] = median(median(run["training"]["history"]["epoch_seconds"]) for run in runs)
            found[f"{name}, {epochs(runs[0])} epochs"] = values | {"seeds": len(runs)}
    real = gan_experiments.load("real")["test_images"]
    values = {key: real["reporting"][key] for key in QUALITY} | {"tuning": real["tuning"]["frechet"]}
    shares = real["reporting"]["shares"]
    return found | {"real images": values | {"least": min(shares), "most": max(shares)}}


def quality_table():
    """The same in Markdown."""
    head = "| | Fréchet | score | digits, % | precision | recall | density | coverage |"
    lines = [head, "| --- |" + " ---: |" * 7]
    for name, v in quality().items():
        rest = " | ".join(f"{v[key]:.2f}" for key in ("precision", "recall", "density", "coverage"))
        digits = f"{100 * v['least']:.1f} to {100 * v['most']:.1f}"
        lines.append(f"| {name} | {v['frechet']:.3f} | {v['score']:.2f} | {digits} | {rest} |")
    return "\n".join(lines)


def over_epochs():
    """{recipe: [(epochs, Fréchet distance) of every run]} of ours and ganpy-eps."""
    found = {"ours": [], "ganpy-eps": []}
    for experiment in ("early", "compared", "lengths", "quality"):
        for name, runs in gan_experiments.by_recipe(experiment).items():
            recipe = name.partition("_")[0]
            if recipe in found:
                found[recipe] += [(epochs(run), run["reporting"]["frechet"]) for run in runs]
    return found


def overtaken():
    """(the first measured epoch after which our median distance is no more than ganpy-eps's at its last, how many times
    as long that one trained in the same loop); (None, nan) if there is none."""
    found = over_epochs()
    length, last = max(found["ganpy-eps"])
    for at in sorted({epoch for epoch, _ in found["ours"]}):
        if median(distance for epoch, distance in found["ours"] if epoch == at) <= last:
            seconds = sum(my_gan.record()["history"]["epoch_seconds"][:at])
            (run,) = (run for run in gan_experiments.by_recipe("lengths")["ganpy-eps"] if epochs(run) == length)
            return at, sum(run["training"]["history"]["epoch_seconds"]) / seconds
    return None, float("nan")
