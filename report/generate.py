"""Artifacts -> report/generated/: all numbers, tables and figures of report.tex; a missing or stale one is an error.

python report/generate.py [--student NUMBER] [--name "NAME"]
"""

import argparse
import sys
from pathlib import Path
from statistics import mean, stdev

import matplotlib as mpl
import torch

HERE = Path(__file__).resolve().parent
for part in ("Part1", "Part2"):
    sys.path.append(str(HERE.parent / part))

import artifacts  # noqa: E402
import classifier  # noqa: E402
import evaluate  # noqa: E402
import experiments  # noqa: E402
import figures  # noqa: E402
import gan_figures  # noqa: E402
import my_gan  # noqa: E402
from lstm import LSTM  # noqa: E402
from vanilla_rnn import VanillaRNN  # noqa: E402

GENERATED = HERE / "generated"
FIGURES = {
    "defaults": figures.defaults,
    "curves_published": lambda: figures.curves("published"),
    "curves_tuned": lambda: figures.curves("tuned"),
    "by_length": figures.by_length,
    "milestones": gan_figures.milestones,
    "series": gan_figures.series,
    "losses": gan_figures.losses,
    "shares": gan_figures.shares,
    "strip": gan_figures.strip,
}
SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def escape(text):
    """`text` as LaTeX prints it literally."""
    return "".join(SPECIAL.get(c, "\\" + c if c in "&%$#_{}" else c) for c in str(text))


def percent(values):
    """Mean of shares in per cent, with the standard deviation if there are several."""
    values = [100 * value for value in values]
    return f"{mean(values):.1f}" + (f" $\\pm$ {stdev(values):.1f}" if len(values) > 1 else "")


def tabular(columns, header, rows):
    """A booktabs table; cells are LaTeX."""
    lines = [" & ".join(map(str, row)) + r" \\" for row in rows]
    top = [f"\\begin{{tabular}}[t]{{{columns}}}", r"\toprule", " & ".join(header) + r" \\", r"\midrule"]
    return "\n".join([*top, *lines, r"\bottomrule", r"\end{tabular}", ""])


def shape(tensor):
    return "$" + r" \times ".join(map(str, tensor.shape)) + "$"


def layer_table(network, x):
    """What each layer of `network` makes of the batch `x`, and the parameters it has."""
    rows = []
    for layer in network.net:
        x = layer(x)
        n_parameters = sum(p.numel() for p in layer.parameters())
        rows.append([escape(layer.__class__.__name__), f"$B \\times {x.shape[1]}$", f"{n_parameters:,}"])
    rows.append([r"\midrule total", "", f"{sum(p.numel() for p in network.parameters()):,}"])
    return tabular("lrr", ["layer", "output", "parameters"], rows)


def parameter_table():
    """The parameters of LSTM and RNN, one-hot digits and 128 hidden units, with their shapes."""
    rows = []
    for name, network in (("LSTM", LSTM(30, 10, 128, 10)), ("RNN", VanillaRNN(29, 10, 128, 10))):
        by_shape = {}
        for key, parameter in network.named_parameters():
            letter, _, index = key.partition("_")
            by_shape.setdefault(shape(parameter), []).append(f"${letter}_{{{index}}}$")
        total = sum(p.numel() for p in network.parameters())
        for number, (size, keys) in enumerate(by_shape.items()):
            rows.append(["" if number else name, ", ".join(keys), size, "" if number else f"{total:,}"])
    return tabular("llrr", ["network", "parameters", "shape", "in all"], rows)


def length_tables():
    """Accuracies and updates until 99.9%, a row a network and recipe, a column a T."""
    rows = figures.table()
    header = ["network", "recipe", *(f"$T={T}$" for T in experiments.LENGTHS)]
    baselines = [
        [
            r"\midrule " * (key == "counting") + words,
            "",
            *(percent([run[key]]) for run in experiments.load("baselines")),
        ]
        for key, words in (("counting", "commonest digit"), ("constant", "constant"))
    ]
    accuracy = [[name, of, *(percent(cells[T][0]) for T in experiments.LENGTHS)] for name, of, cells in rows]

    def updates(cell):
        return ", ".join("--" if value is None else str(value) for value in cell)

    solved = [[name, of, *(updates(cells[T][1]) for T in experiments.LENGTHS)] for name, of, cells in rows]
    columns = "ll" + "r" * len(experiments.LENGTHS)
    return {"accuracy": tabular(columns, header, accuracy + baselines), "updates": tabular(columns, header, solved)}


def recipe_table():
    def start(model, settings):
        words = ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items())
        return words or {"lstm": "chrono", "rnn": "default"}[model]

    rows = [
        [figures.NAMES[model], recipe, s["optimizer"], f"{s['lr']:g}", start(model, s["initialisation"])]
        for (model, recipe), s in experiments.RECIPES.items()
    ]
    return tabular("lllrl", ["network", "recipe", "optimiser", "learning rate", "initialisation"], rows)


def settings_table(config):
    rows = [[escape(key), escape(value)] for key, value in config.items()]
    half = -(-len(rows) // 2)
    pairs = [left + (rows[half + i] if half + i < len(rows) else ["", ""]) for i, left in enumerate(rows[:half])]
    return tabular("lr@{\\qquad}lr", ["flag", "value", "flag", "value"], pairs)


def numbers():
    """{LaTeX command: what it prints}; every number of the prose."""
    defaults = figures.grouped("defaults", "model")
    lengths = experiments.load("lengths")
    gan, (quality, path) = my_gan.record(), evaluate.load()
    judge = artifacts.read(classifier.ARTIFACT, classifier.CONFIG, classifier.CODE, classifier.COMMAND)
    every = [*experiments.load("defaults"), *experiments.load("baselines"), *lengths, gan, judge, quality, path]

    longest = {f"Longest{name.title()}{of.title()}": figures.longest(cells) for name, of, cells in figures.table()}
    config = gan["config"]
    return {
        "Seeds": len(experiments.SEEDS),
        "LongestT": max(experiments.LENGTHS),
        "LengthsT": ", ".join(map(str, experiments.LENGTHS)),
        "DefaultsEpochs": defaults["lstm",][0]["config"]["max_epoch"],
        "DefaultsLstm": percent([run["val_accuracy"][-1] for run in defaults["lstm",]]),
        "DefaultsLstmTen": percent([mean(run["val_accuracy"][-10:]) for run in defaults["lstm",]]),
        "DefaultsRnn": percent([run["val_accuracy"][-1] for run in defaults["rnn",]]),
        "DefaultsRnnTen": percent([mean(run["val_accuracy"][-10:]) for run in defaults["rnn",]]),
        "ValMost": f"{max(run['n_val'] for run in lengths):,}",
        "ValLeast": min(run["n_val"] for run in lengths),
        "MaxUpdates": f"{lengths[0]['config']['max_updates']:,}",
        "ExtraUpdates": lengths[0]["config"]["extra_updates"],
        "CheckEvery": lengths[0]["config"]["check_every"],
        **longest,
        "GanEpochs": config["n_epochs"],
        "GanLatent": config["latent_dim"],
        "GanMinutes": f"{gan['seconds'] / 60:.0f}",
        "GanBatches": f"{gan['grids']['end']:,}",
        "GanMiddle": f"{gan['grids']['middle']:,}",
        "GanFinalD": f"{gan['history']['loss_D'][-1]:.2f}",
        "GanFinalDx": f"{gan['history']['D_x'][-1]:.2f}",
        "GanFinalDGz": f"{gan['history']['D_G_z'][-1]:.2f}",
        "GanData": {"mnist": "MNIST", "digits": "scikit-learn's digits"}[config["dataset"]],
        "ClassifierAccuracy": f"{100 * judge['test_accuracy'][-1]:.2f}",
        "Frechet": f"{quality['frechet']:.1f}",
        "FrechetFloor": f"{quality['frechet_floor']:.1f}",
        "FrechetSamples": f"{quality['config']['n_samples']:,}",
        "FrechetReference": f"{quality['n_reference']:,}",
        "FrechetTest": f"{quality['n_floor']:,}",
        "ShareLeast": f"{100 * min(quality['shares']):.1f}",
        "ShareMost": f"{100 * max(quality['shares']):.1f}",
        "ShareLeastDigit": quality["shares"].index(min(quality["shares"])),
        "ShareMostDigit": quality["shares"].index(max(quality["shares"])),
        "Confidence": f"{100 * quality['mean_confidence']:.1f}",
        "StripFrom": path["digits"][0],
        "StripTo": path["digits"][-1],
        "StripRule": f"{100 * path['config']['confidence']:.0f}",
        "StripPair": path["pair"] + 1,
        "StripSeed": path["config"]["seed"],
        "Runs": len(every),
        "RunMinutes": f"{sum(run['seconds'] for run in every) / 60:.0f}",
        "Hardware": escape("; ".join(sorted({run["hardware"] for run in every}))),
        "Versions": escape(", ".join(f"{k} {v}" for k, v in gan["versions"].items())),
    }


def readme_results():
    """The README's results, between the lines that mark their place."""
    (quality, _), gan = evaluate.load(), my_gan.record()
    rows = [
        f"| {name}, {recipe} recipe: longest T, of {', '.join(map(str, experiments.LENGTHS))}, up to which each of "
        f"{len(experiments.SEEDS)} seeds gets 99.9% of a validation sample right | {figures.longest(cells)} |"
        for name, recipe, cells in figures.table()
    ]
    scores = [mean(run["val_accuracy"][-10:]) for run in figures.grouped("defaults", "model")["lstm",]]
    rows = [
        f"| LSTM, the template's defaults, T = 5: validation accuracy, last ten epochs | {mean(scores):.1%} |",
        *rows,
    ]
    rows += [
        f"| GAN, {gan['config']['n_epochs']} epochs in {gan['seconds'] / 60:.0f} minutes: Fréchet distance to the "
        f"training images (real test images: {quality['frechet_floor']:.2f}) | {quality['frechet']:.2f} |",
        f"| its samples: share of the rarest and of the commonest digit "
        f"| {min(quality['shares']):.1%}, {max(quality['shares']):.1%} |",
    ]
    return "\n".join(["| measured | result |", "| --- | ---: |", *rows])


def fill_readme(text):
    """The README's text with its results made anew."""
    head, mark, rest = text.partition("<!-- results: written by report/generate.py -->\n")
    _, end, tail = rest.partition("<!-- end of results -->")
    return head + mark + readme_results() + "\n" + end + tail


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="studentnumber", help="student number, for the title page")
    parser.add_argument("--name", default="", help="name, for the title page")
    args = parser.parse_args(argv)
    values = {"Student": escape(args.student), "Name": escape(args.name), **numbers()}
    z = torch.zeros(2, my_gan.record()["config"]["latent_dim"])
    with torch.no_grad():
        tables = {
            "parameters": parameter_table(),
            "recipes": recipe_table(),
            **length_tables(),
            "generator": layer_table(my_gan.Generator(z.shape[1]), z),
            "discriminator": layer_table(my_gan.Discriminator(), torch.zeros(2, 784)),
            "settings": settings_table(my_gan.record()["config"]),
        }
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    if (filled := fill_readme(text)) != text:
        with artifacts.atomic(readme) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    GENERATED.mkdir(exist_ok=True)
    commands = [f"\\newcommand{{\\{name}}}{{{value}}}" for name, value in values.items()]
    (GENERATED / "numbers.tex").write_text("\n".join(commands) + "\n", encoding="utf-8")
    for name, table in tables.items():
        (GENERATED / f"table_{name}.tex").write_text(table, encoding="utf-8")
    with mpl.rc_context({"pdf.fonttype": 42, "font.size": 9}):
        for name, draw in FIGURES.items():
            fig = draw()
            fig.savefig(GENERATED / f"{name}.pdf", dpi=300, metadata={"CreationDate": None})
            mpl.pyplot.close(fig)


if __name__ == "__main__":
    mpl.use("agg")
    try:
        main()
    except artifacts.ArtifactError as error:
        sys.exit(f"generate.py: {error}")
