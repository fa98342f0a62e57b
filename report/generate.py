"""Artifacts -> report/generated/: all numbers, tables and figures of report.tex; a missing or stale one is an error.

python report/generate.py [--student NUMBER] [--name "NAME"]
"""

import argparse
import hashlib
import shutil
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
import gan_benchmark  # noqa: E402
import gan_claims  # noqa: E402
import gan_experiments  # noqa: E402
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
    "memory": inside_figures.memory,
    "speed": figures.speed,
    "milestones": gan_figures.milestones,
    "series": gan_figures.series,
    "losses": gan_figures.losses,
    "by_recipe": gan_figures.by_recipe,
    "distances": gan_figures.distances,
    "shares": lambda: gan_figures.shares(width=3.1),
    "ablation": lambda: gan_figures.ablation(width=3.1),
    "nearest": gan_figures.nearest,
    "strip": gan_figures.strip,
    "paths": lambda: gan_figures.paths(width=3.1),
    "gan_speed": lambda: gan_figures.speed(width=3.1),
}


def fingerprint():
    """Of all artifacts together: a report that shows another one is stale."""
    root = HERE.parent
    files = sorted(root.glob("Part[12]/results/**/*.json"))
    known = [f"{file.relative_to(root).as_posix()} {artifacts.sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(known).encode()).hexdigest()[:16]


def numbers():
    """{LaTeX command: what it prints}; every number of the prose."""
    defaults = figures.grouped("defaults", "model")
    series, walls, speed = figures.series(), figures.walls(), benchmark.load()
    part1 = [run for name in experiments.EXPERIMENTS for run in experiments.load(name)]
    part2, made = gan_numbers()

    bistable = figures.median_updates(series["lstm", "bistable"])
    records = experiments.load("records")
    proofs = [run["proof"]["proven"] == 1 for run in records if "proof" in run]
    _, shipped = experiments.network("lstm_bistable")
    far = max(
        (run["tests"][0]["T"], run["tests"][0]["n"], run["tests"][0]["accuracy"]) for run in experiments.load("far")
    )
    short, long = benchmark.CONFIG["lengths"][-3:][0], benchmark.CONFIG["lengths"][-1]

    every = [*part1, speed, *made]
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
        "SpeedShort": benchmark.CONFIG["lengths"][0],
        "SpeedTorchShort": f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', benchmark.CONFIG['lengths'][0]):.2f}",
        "SpeedTorch": f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', short):.2f}",
        "SpeedLiteral": f"{benchmark.ratio('literal', 'FastLSTM', short):.2f}",
        "SpeedAutograd": f"{benchmark.ratio('LSTM', 'FastLSTM', short):.2f}",
        "SpeedLong": f"{long:,}",
        "SpeedLinear": f"{benchmark.growth('milliseconds', 'lengths'):.1f}",
        "MemoryLinear": f"{benchmark.growth('memory', 'memory_lengths'):.1f}",
        "EvaluationMemory": " and ".join(f"{value:.0f}" for value in speed["evaluation_memory"]),
        "EvaluationLengths": " and ".join(f"{T:,}" for T in benchmark.CONFIG["evaluation"]["lengths"]),
        **part2,
        "Artifacts": fingerprint(),
        "Runs": len(every),
        "RunMinutes": f"{sum(run['seconds'] for run in every) / 60:.0f}",
        "Hardware": tables.escape("; ".join(sorted({run["hardware"] for run in every}))),
        "Versions": tables.escape(", ".join(f"{k} {v}" for k, v in speed["versions"].items())),
    }


def gan_numbers():
    """({LaTeX command: what it prints} of Part II, all its artifacts)."""
    gan, shipped, (path, near) = my_gan.record(), gan_figures.shipped(), evaluate.load()
    judges = {use: classifier.record(use) for use in classifier.CONFIGS}
    real = gan_experiments.load("real")["test_images"]
    table, seconds = gan_figures.quality(), gan_benchmark.medians()
    public, exact, half = (seconds[way] for way in gan_benchmark.WAYS)
    ours = table[f"ours, {gan_experiments.EPOCHS} epochs"]["frechet"]
    others = {name: table[f"{name}, {gan_experiments.EPOCHS} epochs"]["frechet"] for name in ("ganpy", "ganpy-eps")}
    best, floor, line = shipped["reporting"], real["reporting"]["frechet"], shipped["paths"]["linear"]
    config, (at, loop) = gan["config"], gan_figures.overtaken()
    runs = [run for name in gan_experiments.EXPERIMENTS for run in gan_experiments.load(name).values()]
    return {
        "GanEpochs": config["n_epochs"],
        "GanLatent": config["latent_dim"],
        "GanMinutes": f"{gan['seconds'] / 60:.0f}",
        "GanBatches": f"{gan['grids']['end']:,}",
        "GanMiddle": f"{gan['grids']['middle']:,}",
        "GanFinalD": f"{gan['history']['loss_D'][-1]:.2f}",
        "GanFinalDx": f"{gan['history']['D_x'][-1]:.2f}",
        "GanFinalDGz": f"{gan['history']['D_G_z'][-1]:.2f}",
        "GanData": {"mnist": "MNIST", "digits": "scikit-learn's digits"}[config["dataset"]],
        "TuningAccuracy": f"{100 * judges['tuning']['test_accuracy'][-1]:.2f}",
        "ReportingAccuracy": f"{100 * judges['reporting']['test_accuracy'][-1]:.2f}",
        "Compared": gan_experiments.EPOCHS,
        "RatioEps": f"{others['ganpy-eps'] / ours:.1f}",
        "RatioGanpy": f"{others['ganpy'] / ours:.0f}",
        "Frechet": f"{best['frechet']:.3f}",
        "FloorRatio": f"{best['frechet'] / floor:.1f}",
        "TuningFrechet": f"{shipped['tuning']['frechet']:.2f}",
        "TuningRatio": f"{shipped['tuning']['frechet'] / real['tuning']['frechet']:.1f}",
        "Overtaken": at,
        "OvertakenLoop": f"{loop:.1f}",
        "OvertakenPublic": f"{loop * public / half:.0f}",
        "FrechetSamples": f"{evaluate.N_SAMPLES:,}",
        "FrechetReference": f"{real['n_training']:,}",
        "FrechetTest": f"{real['n']:,}",
        "ShareLeast": f"{100 * min(best['shares']):.1f}",
        "ShareMost": f"{100 * max(best['shares']):.1f}",
        "Coverage": f"{100 * best['coverage']:.0f}",
        "NearMedian": f"{shipped['nearest']['median']:.2f}",
        "NearFirst": f"{shipped['nearest']['first']:.2f}",
        "FarMedian": f"{real['nearest']['median']:.2f}",
        "FarFirst": f"{real['nearest']['first']:.2f}",
        "StripFrom": path["linear"]["digits"][0],
        "StripTo": path["linear"]["digits"][-1],
        "StripRule": f"{100 * path['config']['confidence']:.0f}",
        "StripPair": path["pair"] + 1,
        "StripSeed": path["config"]["seed"],
        "PathPairs": f"{evaluate.N_PAIRS:,}",
        "PathJump": f"{100 * line['jump']:.1f}",
        "PathReal": f"{100 * line['realism']:.1f}",
        "FadeReal": f"{100 * real['paths']['cross-fade']['realism']:.1f}",
        "SpeedExact": f"{public / exact:.1f}",
        "SpeedHalf": f"{public / half:.1f}",
    }, [*runs, *judges.values(), path, near, gan_benchmark.load()]


def readme_results():
    """The README's results, between the lines that mark their place."""
    part2, table = gan_numbers()[0], gan_figures.quality()
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
    counts = [row[-1] for row in (*claims.table(), *gan_claims.table())]
    rows.append(
        f"| claims of published solutions: reproduced, contradicted, not reproduced as tested "
        f"| {', '.join(str(counts.count(v)) for v in ('reproduced', 'contradicted', 'not reproduced as tested'))} |"
    )
    best, real = table[f"ours, {part2['GanEpochs']} epochs"], table["real images"]
    rows += [
        f"| GAN, {part2['Compared']} epochs: Fréchet distance, as a part of ganpy-eps's and of ganpy's, public recipes "
        f"| 1/{part2['RatioEps']}, 1/{part2['RatioGanpy']} |",
        f"| GAN, {part2['GanEpochs']} epochs, median of seeds: Fréchet distance to the training images "
        f"(real test images: {real['frechet']:.3f}) | {best['frechet']:.3f} |",
        f"| its samples: recall, coverage (real images: {real['recall']:.2f}, {real['coverage']:.2f}) "
        f"| {best['recall']:.2f}, {best['coverage']:.2f} |",
        f"| its samples: share of the rarest and of the commonest digit | {best['least']:.1%}, {best['most']:.1%} |",
        f"| an epoch, in parts of the public script's time: float32, bfloat16 products "
        f"| 1/{part2['SpeedExact']}, 1/{part2['SpeedHalf']} |",
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
            "sizes": tables.sizes(),
            "trap": tables.trap(),
            "records": tables.records(),
            "walls": tables.wall(),
            "claims": tables.verdicts(claims.table()),
            "speed": tables.speed(),
            "generator": tables.layer(my_gan.Generator(z.shape[1]), z),
            "discriminator": tables.layer(my_gan.Discriminator(), torch.zeros(2, 784)),
            "ganrecipes": tables.gan_recipes(),
            "quality": tables.quality(),
            "ganclaims": tables.verdicts(gan_claims.table(), long=False),
        }
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    if (filled := fill_readme(text)) != text:
        with artifacts.atomic(readme) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    commands = [f"\\newcommand{{\\{name}}}{{{value}}}" for name, value in values.items()]
    (GENERATED / "numbers.tex").write_text("\n".join(commands) + "\n", encoding="utf-8")
    for name, table in made.items():
        (GENERATED / f"table_{name}.tex").write_text(table, encoding="utf-8")
    with mpl.rc_context({"pdf.fonttype": 42, "font.size": 9}):
        for name, draw in FIGURES.items():
            fig = draw()
            fig.savefig(GENERATED / f"{name}.pdf", dpi=300, metadata={"CreationDate": None})
            if name == "updates":
                fig.savefig(HERE / "updates.png", dpi=150)  # for the README
            mpl.pyplot.close(fig)


if __name__ == "__main__":
    mpl.use("agg")
    try:
        main()
    except artifacts.ArtifactError as error:
        sys.exit(f"generate.py: {error}")
