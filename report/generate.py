"""Artifacts -> report/generated/: all numbers, tables and figures of report.tex; a missing or stale one is an error.

python report/generate.py [--student NUMBER] [--name "NAME"]
"""

import argparse
import sys
from pathlib import Path
from statistics import mean

import matplotlib as mpl
import torch

HERE = Path(__file__).resolve().parent
for part in ("Part1", "Part2"):
    sys.path.append(str(HERE.parent / part))

import artifacts  # noqa: E402
import benchmark  # noqa: E402
import claims  # noqa: E402
import classifier  # noqa: E402
import evaluate  # noqa: E402
import experiments  # noqa: E402
import figures  # noqa: E402
import gan_figures  # noqa: E402
import grid  # noqa: E402
import inside_figures  # noqa: E402
import my_gan  # noqa: E402
import tables  # noqa: E402

GENERATED = HERE / "generated"
DEFAULT = {"lstm": "torch's default", "rnn": "torch's default"}
PUBLISHED = {"lstm": "forget bias 1", "rnn": "torch's default"}
FIGURES = {
    "trap": figures.trap,
    "defaults": figures.defaults,
    "A1": lambda: figures.curves("A1", DEFAULT, log=False, training=True),
    "B1": lambda: figures.curves("B1", PUBLISHED),
    "by_length": figures.by_length,
    "C1": figures.C1,
    "curriculum": figures.curriculum,
    "D1": lambda: figures.curves("D1", PUBLISHED, training=True),
    "updates": figures.updates,
    "gates": inside_figures.gates,
    "gates_chrono": lambda: inside_figures.gates("lstm_chrono"),
    "fading": inside_figures.fading,
    "gradients": inside_figures.gradients,
    "speed": figures.speed,
    "milestones": gan_figures.milestones,
    "series": gan_figures.series,
    "losses": gan_figures.losses,
    "shares": gan_figures.shares,
    "strip": gan_figures.strip,
}


def numbers():
    """{LaTeX command: what it prints}; every number of the prose."""
    defaults = figures.grouped("defaults", "model")
    series, walls, speed = figures.series(), figures.walls(), benchmark.load()
    gan, (quality, path) = my_gan.record(), evaluate.load()
    judge = artifacts.read(classifier.ARTIFACT, classifier.CONFIG, classifier.CODE, classifier.COMMAND)
    part1 = [run for name in experiments.EXPERIMENTS for run in experiments.load(name)]
    every = [*part1, speed, gan, judge, quality, path]

    bistable = figures.median_updates(series["lstm", "bistable"])
    records = experiments.load("records")
    proofs = [run["proof"]["proven"] == 1 for run in records if "proof" in run]
    _, shipped = experiments.network("lstm_bistable")
    far = max(
        (run["tests"][0]["T"], run["tests"][0]["n"], run["tests"][0]["accuracy"]) for run in experiments.load("far")
    )
    short, long = benchmark.CONFIG["lengths"][-3:][0], benchmark.CONFIG["lengths"][-1]

    config = gan["config"]
    return {
        "Seeds": len(grid.SEEDS),
        "FewSeeds": len(grid.FEW),
        "TenSeeds": len(grid.TEN),
        "DefaultsEpochs": defaults["lstm",][0]["config"]["max_epoch"],
        "DefaultsLstm": tables.percent([run["val_accuracy"][-1] for run in defaults["lstm",]]),
        "DefaultsLstmTen": tables.percent([mean(run["val_accuracy"][-10:]) for run in defaults["lstm",]]),
        "DefaultsRnn": tables.percent([run["val_accuracy"][-1] for run in defaults["rnn",]]),
        "DefaultsRnnTen": tables.percent([mean(run["val_accuracy"][-10:]) for run in defaults["rnn",]]),
        "MaxUpdates": f"{max(run['config']['max_updates'] for run in experiments.load('B1')):,}",
        "LongestLstmPublished": figures.longest(series["lstm", "forget bias 1"]),
        "LongestRnnPublished": figures.longest(series["rnn", "torch's default"]),
        "ClaimsReproduced": sum(row[-1] == "reproduced" for row in claims.table()),
        "ClaimsContradicted": sum(row[-1] == "contradicted" for row in claims.table()),
        "Claims": len(claims.table()),
        "DefaultThirty": sum(r["solved_at"] is not None for r in series["lstm", "torch's default"][30]),
        "BistableThirty": bistable.get(30),
        "BistableHundred": bistable.get(100),
        "BistableGain": f"{grid.RECIPES['lstm', 'bistable']['initialisation']['bistable']:g}",
        "RecordT": records[0]["config"]["stages"][-1],
        "RecordUpdates": shipped["updates"],
        "FarT": f"{far[0]:,}",
        "FarN": f"{far[1]:,}",
        "FarAccuracy": f"{100 * far[2]:g}",
        "Proofs": sum(proofs),
        "ProofPrefix": shipped["proof"]["prefix"],
        "ProofBeginnings": f"{10 ** shipped['proof']['prefix']:,}",
        "ProofShare": f"{100 * shipped['proof']['proven']:g}",
        "ProofCells": f"{100 * shipped['proof']['latched']:.2f}",
        "WallIdentity": ", ".join(map(str, walls["rnn", "identity"])),
        "WallOrthogonal": ", ".join(map(str, walls["rnn", "orthogonal"])),
        "WallBistable": ", ".join(map(str, walls["rnn", "bistable"])),
        "SpeedT": short,
        "SpeedTorch": f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', short):.2f}",
        "SpeedLiteral": f"{benchmark.ratio('literal', 'FastLSTM', short):.2f}",
        "SpeedAutograd": f"{benchmark.ratio('LSTM', 'FastLSTM', short):.2f}",
        "SpeedLong": f"{long:,}",
        "SpeedLinear": f"{benchmark.growth('milliseconds', 'lengths'):.1f}",
        "MemoryLinear": f"{benchmark.growth('memory', 'memory_lengths'):.1f}",
        "EvaluationMemory": " and ".join(f"{value:.0f}" for value in speed["evaluation_memory"]),
        "EvaluationLengths": " and ".join(f"{T:,}" for T in benchmark.CONFIG["evaluation"]["lengths"]),
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
        "Hardware": tables.escape("; ".join(sorted({run["hardware"] for run in every}))),
        "Versions": tables.escape(", ".join(f"{k} {v}" for k, v in gan["versions"].items())),
    }


def readme_results():
    """The README's results, between the lines that mark their place."""
    (quality, _), gan = evaluate.load(), my_gan.record()
    scores = [mean(run["val_accuracy"][-10:]) for run in figures.grouped("defaults", "model")["lstm",]]
    rows = [f"| LSTM, the template's defaults, T = 5: validation accuracy, last ten epochs | {mean(scores):.1%} |"]
    for T, (values, n) in figures.records()["bistable"].items():
        rows.append(
            f"| LSTM trained at T = {experiments.load('records')[0]['config']['stages'][-1]}, at T = {T:,} ({n:,} "
            f"palindromes each): seeds without an error | {sum(v == 1 for v in values)} of {len(values)} |"
        )
    for run in experiments.load("far")[1::-1]:
        (test,) = run["tests"]
        rows.append(
            f"| its median seed at T = {test['T']:,}, {test['n']:,} palindromes: accuracy | {test['accuracy']:.1%} |"
        )
    for T, value in figures.median_updates(figures.series()["lstm", "bistable"]).items():
        if T in (30, 100):
            rows.append(f"| updates of batch 128 until 99.9% at T = {T}, no curriculum: median of seeds | {value} |")
    counts = [row[-1] for row in claims.table()]
    rows.append(
        f"| claims of published solutions: reproduced, contradicted, not reproduced as tested "
        f"| {', '.join(str(counts.count(v)) for v in ('reproduced', 'contradicted', 'not reproduced as tested'))} |"
    )
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
    values = {"Student": tables.escape(args.student), "Name": tables.escape(args.name), **numbers()}
    z = torch.zeros(2, my_gan.record()["config"]["latent_dim"])
    with torch.no_grad():
        made = {
            "parameters": tables.parameter(),
            "recipes": tables.recipe(),
            "accuracy": tables.accuracy(),
            "updates": tables.updates(),
            "trap": tables.trap(),
            "records": tables.records(),
            "walls": tables.wall(),
            "claims": tables.verdicts(),
            "speed": tables.speed(),
            "generator": tables.layer(my_gan.Generator(z.shape[1]), z),
            "discriminator": tables.layer(my_gan.Discriminator(), torch.zeros(2, 784)),
            "settings": tables.settings(my_gan.record()["config"]),
        }
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    if (filled := fill_readme(text)) != text:
        with artifacts.atomic(readme) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    GENERATED.mkdir(exist_ok=True)
    commands = [f"\\newcommand{{\\{name}}}{{{value}}}" for name, value in values.items()]
    (GENERATED / "numbers.tex").write_text("\n".join(commands) + "\n", encoding="utf-8")
    for name, table in made.items():
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
