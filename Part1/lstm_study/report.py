"""Results -> report/generated/part1/: numbers.tex, table_*.tex and *.pdf, which report.tex includes, and readme.json.

readme.json holds "rows", [[measured, result], ...], of README.md's table of results, and "figure", the caption of
lengths.svg, which report/explore.html shows. A result that is missing or stale ends this with the command that makes
it; nothing is written then.

python -m lstm_study report
"""

import collections

import publish
from lstm import LSTM
from lstm_study import claims, experiments, figures, inside_figures, summaries, tables
from lstm_study.experiments import grouped
from lstm_study.summaries import accuracies, longest, median_accuracy, median_updates, n_solved, percent, word
from train import ENOUGH

FIGURES = [
    *(figures.race_glance, figures.defaults, figures.race, figures.race_curves, inside_figures.gradient),
    *(inside_figures.gates, figures.A1, figures.B1, figures.C1, figures.D1, figures.updates),
]
TABLES = [
    *(tables.glance, tables.parameters, tables.sizes, tables.plain, tables.race, tables.trap, tables.recipes),
    *(tables.optimisers, tables.records, tables.accuracy, tables.walls, tables.speed),
]
CAPTION = (
    "Test accuracy against T, from PyTorch's and from each network's best initialisation. A dot is a seed, a line the "
    "median."
)


def numbers():
    """{LaTeX command: what it prints}; every number of Part I's prose."""
    found = {}
    for about in (about_defaults, about_plain, about_race, about_rates, about_lengths, about_published, about_bistable,
                  about_gradients, about_speed, about_minutes):  # fmt: skip
        found |= about()
    return found


def about_defaults():
    runs, accuracy = grouped("defaults", "model"), summaries.last_epochs
    config = runs["lstm",][0]["config"]
    total = min(10 ** -(-config["T"] // 2), config["data_size"])
    n_train = round(total * config["portion_train"])
    return {
        "Seeds": len(experiments.SEEDS),
        "TenSeeds": len(experiments.TEN),
        "DefaultsEpochs": config["max_epoch"],
        "DefaultsTotal": total,
        "DefaultsTrain": n_train,
        "DefaultsHeld": total - n_train,
        "DefaultsLstm": percent(accuracy("lstm", 1)),
        "DefaultsLstmTen": percent(accuracy("lstm", 10)),
        "DefaultsRnn": percent(accuracy("rnn", 1)),
        "DefaultsRnnTen": percent(accuracy("rnn", 10)),
    }


def about_plain():
    runs = grouped("plain", "input_dim")
    return {
        "PlainEnough": f"{100 * ENOUGH:g}",
        "PlainEpochs": runs[10,][-1]["config"]["max_epoch"],
        "PlainNumber": plain_phrase(runs[1,]),
        "PlainOnehot": plain_phrase(runs[10,]),
    }


def plain_phrase(runs):
    """At how many lengths `python train.py` got to ENOUGH, and by which epoch, in words."""
    reached = {run["config"]["T"]: epoch for run in runs if (epoch := summaries.epochs(run))}
    where = f"all {len(runs)} lengths" if len(reached) == len(runs) else f"{len(reached)} of {len(runs)} lengths"
    longer = [epoch for T, epoch in reached.items() if T > 5]
    return f"{where} (for $T > 5$ by epoch {max(longer)})" if longer else where


def about_race():
    best, rows = experiments.chosen_initialisations(), summaries.race_series()
    lengths = [*rows["lstm", 10, 0]]
    values = {
        "RaceUpdates": summaries.setting("race", "max_updates"),
        "RaceTuningUpdates": summaries.setting("race_tuning", "max_updates"),
        "RaceRates": ", ".join(f"{lr:g}" for lr in experiments.RATES),
        "RaceInitialisationT": summaries.setting("race_initialisations", "T"),
        "RaceT": lengths[-1],
        "RaceLengths": ", ".join(map(str, lengths)),
    }
    for start, name in enumerate(("", "Best")):
        ahead = summaries.race_ahead(start)
        values[f"RaceWins{name}"] = sum(each >= 0.01 for each in ahead)
        values[f"RaceLosses{name}"] = sum(each <= -0.01 for each in ahead)
        values[f"RaceTies{name}"] = sum(abs(each) < 0.01 for each in ahead)
    values["RacePairsEach"] = len(ahead)
    pairs = summaries.race_solved()
    at_least = sum(lstm >= rnn for lstm, rnn in pairs)
    values["RaceSeedsLeast"] = f"all {len(pairs)}" if at_least == len(pairs) else f"{at_least} of {len(pairs)}"
    values["RaceSeedsMore"] = sum(lstm > rnn for lstm, rnn in pairs)
    values["RaceRunsLstm"], values["RaceRunsRnn"] = map(sum, zip(*pairs, strict=True))
    values["RaceRuns"] = len(pairs) * len(experiments.SEEDS)
    for model, name in (("lstm", "Lstm"), ("rnn", "Rnn")):
        T = longest(rows[model, 10, 0])
        solved = f"every length up to $T = {T}$" if T else f"not even $T = {lengths[0]}$"
        values[f"RaceSolved{name}PytorchOnehot"] = solved
        for dim, digits in ((1, "Number"), (10, "Onehot")):
            values[f"RaceBest{name}{digits}"] = word(best[model, dim])
            for start, origin in ((0, "Pytorch"), (1, "Best")):
                last = median_accuracy(rows[model, dim, start][lengths[-1]])
                values[f"RaceLast{name}{origin}{digits}"] = f"{100 * last:.1f}"
    values["RaceSolvedThirtyNumber"] = n_solved(rows["lstm", 1, 0][lengths[-1]])
    for T, name in ((5, "Five"), (10, "Ten"), (15, "Fifteen"), (20, "Twenty"), (25, "TwentyFive"), (30, "Thirty")):
        T = T if T in lengths else lengths[-1]  # toy runs have one length
        values[f"RaceAt{name}"] = race_sentence(rows["lstm", 10, 0][T], rows["rnn", 10, 0][T])
    return values


def race_sentence(lstm, rnn):
    solved = f"It is solved by {n_solved(lstm)} of {len(lstm)} seeds of the LSTM and {n_solved(rnn)} of the RNN"
    scores = [rf"{100 * median_accuracy(runs):.1f}\,\%" for runs in (lstm, rnn)]
    return f"{solved}; their median accuracies are {scores[0]} and {scores[1]}"


def about_rates():
    keys, rates = ("T", "model", "initialisation", "input_dim"), experiments.chosen_rates()
    cases, finals = grouped("race_tuning", *keys), grouped("race", *keys)
    by_loss = [key for key, runs in cases.items() if n_solved(runs) == 0]  # whose rate was chosen by training loss
    solved = [key for key, runs in finals.items() if median_updates(runs) is not None]
    lengths = sorted({T for T, *_ in cases})
    short, dip, long = [T if T in lengths else lengths[-1] for T in (20, 25, 30)]  # toy runs have one length
    losses = [experiments.loss_at_end(run) for run in cases[dip, "lstm", "pytorch", 10]]
    return {
        "RaceRateTwenty": f"{rates[short, 'lstm', 'pytorch', 10]:g}",
        "RaceRateTwentyFive": f"{rates[dip, 'lstm', 'pytorch', 10]:g}",
        "RaceRateThirty": f"{rates[long, 'lstm', 'pytorch', 10]:g}",
        "DipSolved": n_solved(experiments.load("race_dip")),
        "DipMedian": f"{100 * median_accuracy(experiments.load('race_dip')):.1f}",
        "RaceDipLeast": f"{min(losses):.3f}",
        "RaceDipMost": f"{max(losses):.3f}",
        "RaceUntunedLstm": lengths_of(by_loss, "lstm"),
        "RaceUntunedRnn": lengths_of(by_loss, "rnn"),
        "RaceRatePairs": len(rates),
        "RaceRateSame": sum(lr == 1e-3 for lr in rates.values()),
        "RaceRateHigher": sum(lr > 1e-3 for lr in rates.values()),
        "RaceRateLower": sum(lr < 1e-3 for lr in rates.values()),
        "RaceRateBest": len(cases) - len(by_loss),
        "RaceRateBestSolved": sum(key not in by_loss for key in solved),
        "RaceRateLoss": len(by_loss),
        "RaceRateLossSolved": sum(key in by_loss for key in solved),
        "RaceRateWorst": sum(n_solved(runs) == len(runs) for runs in cases.values()),
    }


def lengths_of(entrants, model):
    """The lengths among (T, network, initialisation, input_dim), of a network's comparison at equal initialisation."""
    found = sorted(
        T for T, each, initialisation, digits in entrants if (each, initialisation, digits) == (model, "pytorch", 10)
    )
    return ", ".join(map(str, found)) or "none"


def about_lengths():
    found = summaries.series()
    bistable = {T: median_updates(runs) for T, runs in found["lstm", "bistable"].items()}
    lstm = found["lstm", "forget bias 1"]
    checks = {run["config"]["initialisation"]: run["config"]["check_every"] for run in experiments.load("optimisers")}
    even = [T for T in lstm if T % 10 == 0] or [*lstm]
    values = {
        "MaxUpdates": summaries.setting("B1", "max_updates"),
        "DefaultThirty": n_solved(found["lstm", "pytorch"][30]),
        "LongestLstmPublished": longest(lstm),
        "LongestRnnPublished": longest(found["rnn", "glorot"]),
        "CheckBistable": checks["bistable"],
        "CheckIdentity": checks["identity"],
        "CheckOthers": checks["pytorch"],
        "BistableThirty": bistable.get(30),
        "BistableHundred": bistable.get(100),
    }
    for name, T in (("Short", even[0]), ("Middle", even[len(even) // 2]), ("Long", even[-1])):
        values |= {f"Bone{name}T": T, f"Bone{name}": median_updates(lstm[T]) or 0}
    return values


def about_published():
    A1, D1 = grouped("A1", "model", "T"), grouped("D1", "initialisation")["bistable",]
    T = max(T for _, T in A1)
    return {
        "AoneT": T,
        "AoneUpdates": A1["lstm", T][0]["updates"],
        "AoneLstm": percent(accuracies(A1["lstm", T])),
        "AoneRnn": percent(accuracies(A1["rnn", T])),
        "TrapUpdates": summaries.setting("trap", "max_updates"),
        "TrapSets": " or ".join(f"{n:,} of $T = {T}$" for T, n in grouped("trap", "T", "total_len")),
        "DoneBistable": len(D1),
        "DoneBistableUpdates": max(run["solved_at"] or 0 for run in D1),
        "Claims": len(claims.every()),
        "ClaimsReproduced": claims.count("reproduced"),
        "ClaimsContradicted": claims.count("contradicted"),
    }


def about_bistable():
    record, (proof, proofs) = summaries.shipped_record(), summaries.proofs()
    far = max((run["tests"][0] for run in experiments.load("far")), key=lambda test: test["T"])
    walls = {name: summaries.reached(runs) for (name,), runs in grouped("wall", "initialisation").items()}
    return {
        "BistableGain": f"{LSTM(5, 1, 1, 10, initialisation='bistable').W_gh.item():g}",
        "RecordT": record["config"]["T"],
        "RecordUpdates": record["updates"],
        "RecordMore": record["config"]["extra_updates"],
        "FarT": far["T"],
        "FarN": far["n"],
        "FarAccuracy": f"{100 * far['accuracy']:g}",
        "Proofs": sum(each["proven"] == 1 for each in proofs),
        "ProofPrefix": proof["prefix"],
        "ProofBeginnings": 10 ** proof["prefix"],
        "ProofShare": f"{100 * proof['proven']:g}",
        "ProofCells": f"{100 * proof['latched']:.2f}",
        "ProofLead": f"{proof['lead'] or 0:.1f}",
        "WallIdentity": walls["identity"],
        "WallOrthogonal": walls["orthogonal"],
        "WallBistable": walls["bistable"],
    }


def about_gradients():
    fading = {
        "FadeRnnPytorch": inside_figures.fading("rnn", "pytorch"),
        "FadeRnnIdentity": inside_figures.fading("rnn", "identity"),
        "FadeLstmPytorch": inside_figures.fading("lstm", "pytorch"),
        "FadeLstmForget": inside_figures.fading("lstm", "forget bias 1"),
        "FadeLstmChrono": inside_figures.fading("lstm", "chrono"),
    }
    return {name: f"{factor:.2f}" for name, factor in fading.items()}


def about_speed():
    lengths, evaluated = [*summaries.measured("milliseconds", "FastLSTM")], summaries.benchmark()
    return {
        "SpeedT": max(T for T in lengths if T <= 100),
        "SpeedLong": lengths[-1],
        "SpeedAll": ", ".join(f"{T:,}" for T in lengths),
        "SpeedTorchAll": ", ".join(f"{summaries.speed_up('FastLSTM', 'torch.nn.LSTM', T):.2f}" for T in lengths),
        "SpeedLiteral": f"{summaries.speed_up('FastLSTM', 'LSTM', lengths[-1]):.2f}",
        "SpeedLinear": f"{summaries.growth('milliseconds'):.1f}",
        "MemoryLinear": f"{summaries.growth('memory'):.1f}",
        "EvaluationMemory": " and ".join(f"{value:.0f}" for value in evaluated["evaluation_memory"]),
        "EvaluationLengths": " and ".join(f"{T:,}" for T in evaluated["config"]["evaluation"]["lengths"]),
    }


def about_minutes():
    made_by = {
        "Defaults": ("defaults", "plain"),
        "Race": ("race_initialisations", "race_tuning", "race", "race_dip"),
        "Published": ("A1", "B1", "C1", "C2", "D1"),
        "Trap": ("trap",),
        "Efficiency": ("efficiency", "optimisers", "baselines"),
        "Records": ("records", "far", "proofs", "shipped"),
        "Wall": ("wall",),
        "Benchmark": ("benchmark",),
    }
    return {f"Minutes{name}": summaries.minutes(*experiments) for name, experiments in made_by.items()}


def tabular(table):
    """A table as LaTeX; its heads "what, T = ..." stand below one common head for each `what`."""
    lines, plain = table.latex().splitlines(), [head for head in table.header if ", T = " not in head]
    split = [head.split(", T = ") for head in table.header if ", T = " in head]
    if split:
        widths = collections.Counter(what for what, _ in split)
        spans = [rf"\multicolumn{{{width}}}{{c}}{{{what} at $T=$}}" for what, width in widths.items()]
        above, below = [""] * len(plain) + spans, plain + [T for _, T in split]
        lines[2:3] = [" & ".join(above) + r" \\", " & ".join(below) + r" \\"]
    return "\n".join([*lines, ""])


def main():
    shown = {table.__name__: tabular(table()) for table in TABLES}
    shown["claims"] = "\n".join([*tables.verdicts().latex().splitlines()[1:-1], ""])  # report.tex sets its columns
    about = {"rows": tables.summary().rows, "figure": CAPTION}
    publish.publish("part1", numbers(), shown, FIGURES, about, svg=figures.race)
