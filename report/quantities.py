"""Artifacts -> every number of the report's prose."""

import hashlib
import itertools
import sys
from pathlib import Path
from statistics import mean, median

HERE = Path(__file__).resolve().parent
for part in ("Part1", "Part2"):
    sys.path.append(str(HERE.parent / part))

import artifacts  # noqa: E402
import benchmark  # noqa: E402
import claims  # noqa: E402
import classifier  # noqa: E402
import evaluate  # noqa: E402
import experiments  # noqa: E402
import gan_benchmark  # noqa: E402
import gan_experiments  # noqa: E402
import gan_summaries  # noqa: E402
import grid  # noqa: E402
import my_gan  # noqa: E402
import summaries  # noqa: E402
import tables  # noqa: E402


def fingerprint():
    """Of all artifacts together: a report that shows another one is stale."""
    root = HERE.parent
    files = sorted(root.glob("Part[12]/results/**/*.json"))
    known = [f"{file.relative_to(root).as_posix()} {artifacts.sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(known).encode()).hexdigest()[:16]


def numbers():
    """{LaTeX command: what it prints}; every number of the prose."""
    defaults = summaries.grouped("defaults", "model")
    series, walls, speed = summaries.series(), summaries.walls(), benchmark.load()
    part1 = [run for name in experiments.EXPERIMENTS for run in experiments.load(name)]
    part2, made = gan_numbers()

    template = defaults["lstm",][0]["config"]
    total = min(10 ** -(-template["T"] // 2), template["data_size"])
    bistable = summaries.median_updates(series["lstm", "bistable"])
    published = summaries.median_updates(series["lstm", "forget bias 1"])
    even = [T for T in published if T % 10 == 0] or list(published)
    growth = {"Short": even[0], "Middle": even[len(even) // 2], "Long": even[-1]}
    A1 = summaries.grouped("A1", "model", "T")
    default_updates = summaries.median_updates(series["lstm", "torch's default"])
    done = [run for run in experiments.load("D1") if run["config"]["recipe"] == "bistable"]
    a1_longest = max(T for _, T in A1)
    records = experiments.load("records")
    proofs = [run["proof"] for run in records if "proof" in run]
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
        "DefaultsEpochs": template["max_epoch"],
        "DefaultsTotal": f"{total:,}",
        "DefaultsTrain": round(total * template["portion_train"]),
        "DefaultsHeld": total - round(total * template["portion_train"]),
        "DefaultsLstm": tables.percent([run["val_accuracy"][-1] for run in defaults["lstm",]]),
        "DefaultsLstmTen": tables.percent([mean(run["val_accuracy"][-10:]) for run in defaults["lstm",]]),
        "DefaultsRnn": tables.percent([run["val_accuracy"][-1] for run in defaults["rnn",]]),
        "DefaultsRnnTen": tables.percent([mean(run["val_accuracy"][-10:]) for run in defaults["rnn",]]),
        "MaxUpdates": f"{max(run['config']['max_updates'] for run in experiments.load('B1')):,}",
        **{f"Bone{word}T": T for word, T in growth.items()},
        **{f"Bone{word}": f"{published[T] or 0:,}" for word, T in growth.items()},
        "DoneBistable": len(done),
        "DoneBistableUpdates": max((run["solved_at"] or 0 for run in done), default=0),
        "AoneT": a1_longest,
        "AoneUpdates": f"{A1['lstm', a1_longest][0]['updates']:,}",
        "DefaultTwenty": f"{default_updates.get(20) or 0:,}",
        "AoneLstm": tables.percent([run["accuracy"] for run in A1["lstm", a1_longest]]),
        "AoneRnn": tables.percent([run["accuracy"] for run in A1["rnn", a1_longest]]),
        "LongestLstmPublished": summaries.longest(series["lstm", "forget bias 1"]),
        "LongestRnnPublished": summaries.longest(series["rnn", "torch's default"]),
        "ClaimsReproduced": sum(row[-1] == "reproduced" for row in claims.table()),
        "ClaimsContradicted": sum(row[-1] == "contradicted" for row in claims.table()),
        "Claims": len(claims.table()),
        "DefaultThirty": sum(r["solved_at"] is not None for r in series["lstm", "torch's default"][30]),
        "BistableThirty": bistable.get(30),
        "BistableHundred": bistable.get(100),
        "BistableGain": f"{grid.RECIPES['lstm', 'bistable']['initialisation']['bistable']:g}",
        "RecordT": records[0]["config"]["stages"][-1],
        "RecordUpdates": shipped["updates"],
        "RecordMore": shipped["config"]["extra_updates"],
        "FarT": f"{far[0]:,}",
        "FarN": f"{far[1]:,}",
        "FarAccuracy": f"{100 * far[2]:g}",
        "Proofs": sum(proof["proven"] == 1 for proof in proofs),
        "ProofTenPrefix": proofs[0]["prefix"],
        "ProofPrefix": shipped["proof"]["prefix"],
        "ProofBeginnings": f"{10 ** shipped['proof']['prefix']:,}",
        "ProofShare": f"{100 * shipped['proof']['proven']:g}",
        "ProofCells": f"{100 * shipped['proof']['latched']:.2f}",
        "WallIdentity": ", ".join(f"{T:,}" for T in walls["rnn", "identity"]),
        "WallOrthogonal": ", ".join(f"{T:,}" for T in walls["rnn", "orthogonal"]),
        "WallBistable": ", ".join(f"{T:,}" for T in walls["rnn", "bistable"]),
        "SpeedT": short,
        "SpeedAll": ", ".join(f"{T:,}" for T in benchmark.CONFIG["lengths"]),
        "SpeedTorchAll": ", ".join(
            f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', T):.2f}" for T in benchmark.CONFIG["lengths"]
        ),
        "SpeedTorchLong": f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', long):.2f}",
        "SpeedLiteral": f"{benchmark.ratio('literal', 'FastLSTM', long):.2f}",
        "SpeedAutograd": f"{benchmark.ratio('LSTM', 'FastLSTM', long):.2f}",
        "SpeedLong": f"{long:,}",
        "SpeedLinear": f"{benchmark.growth('milliseconds', 'lengths'):.1f}",
        "MemoryLinear": f"{benchmark.growth('memory', 'memory_lengths'):.1f}",
        "EvaluationMemory": " and ".join(f"{value:.0f}" for value in speed["evaluation_memory"]),
        "EvaluationLengths": " and ".join(f"{T:,}" for T in benchmark.CONFIG["evaluation"]["lengths"]),
        **part2,
        "Artifacts": fingerprint(),
        "Source": artifacts.sha256(HERE / "report.tex")[:16],
        "Runs": len(every),
        "RunMinutes": f"{sum(run['seconds'] for run in every) / 60:.0f}",
        "Hardware": tables.escape("; ".join(sorted({run["hardware"].rpartition(", ")[0] for run in every}))),
        "Versions": tables.escape(", ".join(f"{k} {v}" for k, v in speed["versions"].items())),
    }


def loss_of_D(run):
    """D's mean loss in the last stretch before the epoch after which `run` was measured."""
    history, config = run["training"]["history"], run["config"]
    last = history["batches_done"][-1] * gan_summaries.epochs(run) // config["n_epochs"]
    return max(row for row in zip(history["batches_done"], history["loss_D"], strict=True) if row[0] <= last)[1]


def gan_numbers():
    """({LaTeX command: what it prints} of Part II, all its artifacts)."""
    gan, shipped, (path, near) = my_gan.record(), gan_summaries.shipped(), evaluate.load()
    judges = {use: classifier.record(use) for use in classifier.CONFIGS}
    real = gan_experiments.load("real")["test_images"]
    table, seconds = gan_summaries.quality(), gan_benchmark.medians()
    public, exact, half = (seconds[way] for way in gan_benchmark.WAYS)
    ours = table[f"ours, {gan_experiments.EPOCHS} epochs"]["frechet"]
    others = {name: table[f"{name}, {gan_experiments.EPOCHS} epochs"]["frechet"] for name in ("ganpy", "ganpy-eps")}
    best, floor, line = shipped["reporting"], real["reporting"]["frechet"], shipped["paths"]["linear"]
    config, (at, loop) = gan["config"], gan_summaries.overtaken()
    last = f"ours, {config['n_epochs']} epochs"
    (eps,) = gan_experiments.by_recipe("lengths")["ganpy-eps"]
    seen = {moment: said["digits"] for moment, said in path["grids"].items()}
    sure = {moment: sum(p >= evaluate.CONFIDENCE for p in said["confidence"]) for moment, said in path["grids"].items()}
    ours_over, ablated = gan_summaries.over_epochs()["ours"], gan_experiments.by_recipe("ablation")
    unpenalised = ablated.get("no_R1", ablated["ours"])  # the toy grid lacks it
    before = [epochs for epochs, _ in ours_over if epochs < config["n_epochs"]]
    early, late = min(before), max(before)
    distance = {at: median(value for epochs, value in ours_over if epochs == at) for at in (early, late)}
    runs = [run for name in gan_experiments.EXPERIMENTS for run in gan_experiments.load(name).values()]
    return {
        "GanEpochs": config["n_epochs"],
        "GanLatent": config["latent_dim"],
        "GanMinutes": f"{gan['seconds'] / 60:.0f}",
        "GanBatches": f"{gan['grids']['end']:,}",
        "GanMiddle": f"{gan['grids']['middle']:,}",
        "GanFinalG": f"{gan['history']['loss_G'][-1]:.2f}",
        "GanFinalD": f"{gan['history']['loss_D'][-1]:.2f}",
        "GanFinalDx": f"{gan['history']['D_x'][-1]:.2f}",
        "GanFinalDGz": f"{gan['history']['D_G_z'][-1]:.2f}",
        "GanShown": len(seen["start"]),
        "GanChanged": sum(a != b for a, b in zip(seen["middle"], seen["end"], strict=True)),
        "SeenStart": ", ".join(map(str, sorted(set(seen["start"])))),
        "SureStart": sure["start"],
        "SureMiddle": sure["middle"],
        "SureEnd": sure["end"],
        "EarlyEpochs": early,
        "EarlyDistance": f"{distance[early]:.2f}",
        "LateEpochs": late,
        "LateDistance": f"{distance[late]:.3f}",
        "WithPenaltyD": f"{median(map(loss_of_D, ablated['ours'])):.2f}",
        "WithoutPenaltyD": f"{median(map(loss_of_D, unpenalised)):.2f}",
        "GanData": {"mnist": "MNIST", "digits": "scikit-learn's digits"}[config["dataset"]],
        "TuningAccuracy": f"{100 * judges['tuning']['test_accuracy'][-1]:.2f}",
        "ReportingAccuracy": f"{100 * judges['reporting']['test_accuracy'][-1]:.2f}",
        "Compared": gan_experiments.EPOCHS,
        "RatioEps": f"{others['ganpy-eps'] / ours:.1f}",
        "RatioGanpy": f"{others['ganpy'] / ours:.0f}",
        "Frechet": f"{best['frechet']:.3f}",
        "FloorRatio": f"{best['frechet'] / floor:.1f}",
        "TuningFrechet": f"{table[last]['tuning']:.2f}",
        "TuningRatio": f"{table[last]['tuning'] / real['tuning']['frechet']:.1f}",
        "Overtaken": at,
        "OvertakenLoop": f"{loop:.1f}",
        "OvertakenSeconds": f"{sum(gan['history']['epoch_seconds'][:at]):.0f}",
        "EpsSeconds": f"{sum(eps['training']['history']['epoch_seconds']):.0f}",
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
        "EpsMedian": f"{eps['nearest']['median']:.2f}",
        "EpsFirst": f"{eps['nearest']['first']:.2f}",
        "StripSeen": ", ".join(str(digit) for digit, _ in itertools.groupby(path["linear"]["digits"])),
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
