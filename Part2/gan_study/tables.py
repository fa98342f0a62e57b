"""Results of Part II -> tables, for the report and the notebook alike."""

import numpy as np
import torch

from gan_study import claims, experiments, summaries
from gan_study.quality import CONFIDENCE
from my_gan import Discriminator, Generator
from recipes import OURS, RECIPES, asdict
from tables import Table

UNUSED = {"C3": ("beta1", "beta2", "bn_eps")}  # RMSProp has no betas, C3's generator no BatchNorm
SETTINGS = {
    "optimizer": "optimiser",
    "lr": "learning rate",
    "anneal": "part before rates fall",
    "beta1": r"Adam's $\beta_1$",
    "beta2": r"Adam's $\beta_2$",
    "bn_eps": r"BatchNorm's $\epsilon$",
    "balanced": "$D$ steps at random",
    "ema": "moving average, decay",
    "r1": r"gradient penalty, $\gamma$",
    "bf16": "bfloat16 products",
}
VALUES = {
    "True": "yes",
    "False": "no",
    "adam": "Adam",
    "rmsprop": "RMSProp",
    "zero-black": "black as 0",
    "two-output": "two outputs",
}
MARKS = {"reproduced": r"$\checkmark$", "contradicted": r"$\times$", "not reproduced as tested": r"$\circ$"}


@torch.no_grad()
def layers(network, x):
    """What each layer of `network` makes of the batch `x`, and the parameters it has."""
    rows = []
    for layer in network.net:
        x = layer(x)
        n_parameters = sum(p.numel() for p in layer.parameters())
        rows.append([layer.__class__.__name__, rf"$B \times {x.shape[1]}$", n_parameters])
    rows += [None, ["total", "", sum(p.numel() for p in network.parameters())]]
    return Table(["layer", "output", "parameters"], rows, "lrr")


def generator():
    return layers(Generator(OURS.latent_dim), torch.zeros(2, OURS.latent_dim))


def discriminator():
    return layers(Discriminator(), torch.zeros(2, 784))


def setting(name, key, value):
    """A recipe's value of a setting as the table prints it; a dash where it has none."""
    if key in UNUSED.get(name, ()) or (key in ("ema", "r1") and value == 0):
        return "–"
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return VALUES.get(str(value), value)


def recipes():
    """The recipes: a row a setting that differs between them."""
    settings = {name: asdict(recipe) for name, recipe in RECIPES.items()}
    keys = [key for key in settings["ours"] if len({str(each[key]) for each in settings.values()}) > 1]
    rows = [
        [SETTINGS.get(key, key), *(setting(name, key, each[key]) for name, each in settings.items())]
        for key in keys
        if key not in ("seed", "n_epochs")  # the table of quality says how long each was trained
    ]
    heads = {"ganpy-eps": "same, fixed", "C3": "author C's"}
    return Table(
        ["setting", *(heads.get(name, summaries.words(name)) for name in settings)], rows, "l" + "r" * len(settings)
    )


def significant(value):
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def shipped():
    """How the generator that is published was trained."""
    record = summaries.shipped().record
    rows = [
        ["data", OURS.dataset.upper()],
        ["epochs", OURS.n_epochs],
        ["batch size", OURS.batch_size],
        ["seed", OURS.seed],
        ["optimiser", f"Adam, learning rate {OURS.lr}, betas {OURS.beta1} and {OURS.beta2}"],
        ["part of training after which both rates fall to 0", OURS.anneal],
        ["decay of the moving average of G's weights", OURS.ema],
        ["weight of the gradient penalty on D, $R_1$", OURS.r1],
        ["minutes of training", f"{record['training_seconds'] / 60:.0f}"],
        ["machine", record["hardware"].rpartition(", ")[0]],
    ]
    return Table(["shipped generator", ""], rows, "ll")


def seen():
    """What the classifier reads in the 25 images of start, middle and end."""
    found = summaries.seen()
    (middle, _), (end, _) = found["middle"], found["end"]
    changed = {"end": sum(a != b for a, b in zip(middle, end, strict=True))}
    rows = [
        [moment, sure, ", ".join(map(str, sorted(set(digits)))), changed.get(moment, "–")]
        for moment, (digits, sure) in found.items()
    ]
    header = ["25 images", f"confidence {CONFIDENCE:.0%} or more", "digits read", "other digit than halfway"]
    return Table(header, rows, "lrlr")


def summary():
    """The results of Part II in a few rows."""
    found, real = summaries.shipped().found["reporting"], summaries.real()["reporting"]
    public, *ours = summaries.seconds_of_epochs().items()
    along = dict.fromkeys(summaries.picture("interpolation")["linear"]["digits"])
    rows = [
        ["Fréchet distance of the samples", significant(found["frechet"])],
        ["Fréchet distance of real test images", significant(real["frechet"])],
        [
            "rarest and commonest digit, % of the samples",
            " and ".join(f"{100 * choose(found['shares']):.1f}" for choose in (min, max)),
        ],
        ["recall", f"{found['recall']:.2f}"],
        ["coverage", f"{found['coverage']:.2f}"],
        ["digits that the classifier reads along the strip", ", ".join(map(str, along))],
        *([f"training-loop speed-up, {way}", f"{public[1] / s:.1f}x"] for way, s in ours),
    ]
    return Table(["shipped generator, by the reporting classifier", "result"], rows, "lr")


def quality():
    """What summaries.quality found: recipes compared at the same epochs, then the others, each from the worst on.

    Bold is the best of a column among the generators that draw every digit: a collapsed one has a precision of 1.
    """
    found = summaries.quality()
    real = found.pop(("real images", None))
    columns = {  # measure: (head, which is best, how it is printed)
        "frechet": ("Fréchet", min, significant),
        "tuning": ("(tuning)", min, significant),
        "least": ("rarest, %", max, lambda v: f"{100 * v:.1f}"),
        "most": ("commonest, %", min, lambda v: f"{100 * v:.1f}"),
        **{key: (key, max, "{:.2f}".format) for key in ("precision", "recall", "density", "coverage")},
    }
    varied = [v for v in found.values() if v["least"] >= 0.01] or list(found.values())  # toys may draw one digit only
    best = {key: choose(v[key] for v in varied) for key, (_, choose, _) in columns.items()}
    rows = []
    for (name, epochs), v in sorted(found.items(), key=lambda e: (e[0][1] != experiments.EPOCHS, -e[1]["frechet"])):
        cells = {key: show(v[key]) for key, (_, _, show) in columns.items()}
        marked = [f"**{text}**" if v in varied and v[key] == best[key] else text for key, text in cells.items()]
        rows.append([summaries.words(name), epochs, v["seeds"], *marked])
    rows += [None, ["real images", "–", "–", *(show(real[key]) for key, (_, _, show) in columns.items())]]
    others = [significant(summaries.real()[use]["frechet_training"]) for use in ("reporting", "tuning")]
    rows += [["training images", "–", "–", *others, *["–"] * (len(columns) - 2)]]
    header = ["recipe", "epochs", "seeds", *(head for head, _, _ in columns.values())]
    return Table(header, rows, r"lrr@{\quad}rr@{\quad}rr@{\quad}rrrr")


def opinions():
    """Fréchet distances by four classifiers: of all images, of those alone that one is sure of, of blurred ones."""
    found = summaries.opinions()
    names = {"annealed": "our recipe", "constant": "without annealing"}
    rows = []
    for what, suffix in (("all", ""), ("sure", ", sure images only"), ("blurred", ", blurred")):
        rows += [None] if rows else []
        for (name, epochs), seen in found["reporting"].items():
            if what in seen:
                cells = [significant(by[name, epochs][what]) for by in found.values()]
                share = f"{100 * seen['share']:.1f}" if "share" in seen else "–"
                images = [share, f"{seen['variance']:.0f}", f"{seen['roughness']:.0f}"] if what == "all" else ["–"] * 3
                rows.append([names.get(name, name) + suffix, epochs or "–", *cells, *images])
    return Table(["images", "epochs", *found, "sure, %", "variance", "roughness"], rows, "lrrrrrrrr")


def range_of(values):
    """The least and the largest of `values`; one of them if they are equal."""
    return " to ".join(map(significant, dict.fromkeys((min(values), max(values)))))


def tuning():
    """Distances by the tuning classifier: a row for each training, a column for each decay; bold: the least of each.

    The last row: the range over the seeds of separate trainings by our recipe, and by it with another decay.
    """
    found, known = summaries.tuning(), summaries.averages()
    least = {min(row[decay] for row in found.values()) for decay in experiments.DECAYS}
    rows = [
        [summaries.words(name), *(f"**{significant(v)}**" if v in least else significant(v) for v in row.values())]
        for name, row in found.items()
    ]
    cells = [range_of(known[decay]) if decay in known else "–" for decay in experiments.DECAYS]
    rows += [None, [f"our recipe in {'bfloat16' if OURS.bf16 else 'float32'}, seeds: {len(known[OURS.ema])}", *cells]]
    decays = [f"decay {decay:g}" if decay else "no average" for decay in experiments.DECAYS]
    return Table(["recipe", *decays], rows, "l" + "r" * len(decays))


def speed():
    """Seconds of an epoch in each way of making the same updates."""
    seconds = summaries.seconds_of_epochs()
    public, *_ = seconds.values()
    rows = [[way, f"{s:.1f}", f"{public / s:.1f}"] for way, s in seconds.items()]
    return Table(["training loop", "seconds per epoch", "speed-up"], rows, "lrr")


def paths():
    """How evenly paths move, and how often what lies between looks real: ours, cross-fades and jumps."""
    ours, real = summaries.shipped().found["paths"], summaries.real()["paths"]
    ways = {
        "our path, straight": ours["linear"],
        "our path, on the sphere": ours["spherical"],
        "cross-fade of real images": real["cross-fade"],
        "jump between real images": real["jump"],
    }
    rows = [[way, f"{100 * each['jump']:.1f}", f"{100 * each['realism']:.1f}"] for way, each in ways.items()]
    return Table(["path", "longest step, %", "real, %"], rows, "lrr")


def nearest():
    """Distance to the nearest training image in pixels, of samples and of test images."""
    near, far = summaries.shipped().found["nearest"], summaries.real()["nearest"]
    rows = [
        [name, f"{each['median']:.2f}", f"{each['first']:.2f}"]
        for name, each in (("samples", near), ("real test images", far))
    ]
    return Table(["distance to the nearest training image", "median", "first percentile"], rows, "lrr")


def verdicts():
    """The claims of published solutions, sorted by verdict, which is a mark."""
    rows = []
    for verdict, mark in MARKS.items():
        those = [[mark, *each[:-1]] for each in claims.verdicts() if each.verdict == verdict]
        rows += [None, *those] if rows and those else those
    return Table(["", "", "claim", "holds if", "measured"], rows, "clp{42mm}p{52mm}p{43mm}")
