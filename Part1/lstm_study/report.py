"""Results -> report/generated/part1/: numbers.tex, table_*.tex and *.pdf, which report.tex includes, and readme.json.

readme.json holds "rows", [[measured, result], ...], of README.md's table of results. A result that is missing or stale
ends this with the command that makes it; nothing is written then. What shows the race is made once it has been run;
until then, experiment B1 takes its place.

python -m lstm_study report
"""

import collections
import json
import re
import shutil
from pathlib import Path
from statistics import mean

import matplotlib as mpl
import matplotlib.pyplot as plt

import artifacts
from lstm import LSTM
from lstm_study import benchmark, claims, experiments, figures, inside_figures, tables
from lstm_study.summaries import (
    NAMES,
    beyond,
    curricula,
    grouped,
    last_epochs,
    longest,
    median_accuracy,
    median_updates,
    minutes,
    n_solved,
    percent,
    race_ahead,
    race_is_there,
    race_series,
    reached,
    series,
    word,
)

GENERATED = Path(artifacts.__file__).resolve().parent / "generated" / "part1"
FIGURES = {
    "trap": figures.trap,
    "defaults": figures.defaults,
    "A1": lambda: figures.curves("A1", figures.PLAIN, training=True),
    "B1": lambda: figures.curves("B1", figures.PUBLISHED, log=True),
    "C1": figures.C1,
    "D1": lambda: figures.curves("D1", figures.PUBLISHED, log=True, training=True),
    "updates": figures.updates,
    "gradient": inside_figures.gradient,
    "gates": inside_figures.gates,
    "memory": inside_figures.memory,
}
TABLES = {
    "glance": tables.glance,
    "parameters": tables.parameters,
    "sizes": tables.sizes,
    "recipes": tables.recipes,
    "optimisers": tables.optimisers,
    "accuracy": tables.accuracy,
    "trap": tables.trap,
    "records": tables.records,
    "walls": tables.walls,
    "speed": tables.speed,
}
CAPTIONS = {
    "race": "Test accuracy against T, from PyTorch's and from each network's best initialisation. A dot is a seed, a "
    "line the median.",
    "by_length": "Test accuracy against T with one-hot digits, by network and initialisation. A dot is a seed, a line "
    "the median.",
}
WITHOUT_RACE = {"by_length": figures.by_length}, {"glance_lengths": tables.glance_lengths}
WITH_RACE = {"race": figures.race, "race_glance": figures.race_glance, "race_curves": figures.race_curves}
README_LENGTHS = (30, 100)  # of the updates until solved
SYMBOLS = {  # LaTeX commands of report.tex for verdicts; none for their column's head
    "verdict": "",
    "reproduced": r"\reproduced",
    "contradicted": r"\contradicted",
    "not reproduced as tested": r"\notreproduced",
}
NUMBER_WORDS = {5: "Five", 10: "Ten", 15: "Fifteen", 20: "Twenty", 25: "TwentyFive", 30: "Thirty"}


def numbers():
    """{LaTeX command: what it prints}; every number of Part I's prose."""
    about = [about_defaults, about_published, about_bistable, about_gradients, about_speed, about_minutes]
    found = {}
    for each in [about_race, *about] if race_is_there() else about:
        found |= each()
    return found


def about_race():
    best = {key: word(name) for key, name in experiments.chosen_initialisations().items()}
    rows, tuning = race_series(), experiments.load("race_tuning")
    lengths = [*rows["lstm", 10, 0]]
    values = {
        "MinutesRace": minutes("race_initialisations", "race_tuning", "race"),
        "RaceUpdates": experiments.load("race")[0]["config"]["max_updates"],
        "RaceTuningUpdates": tuning[0]["config"]["max_updates"],
        "RaceRates": ", ".join(f"{lr:g}" for lr in experiments.RATES),
        "RaceInitialisationT": experiments.load("race_initialisations")[0]["config"]["T"],
        "RaceT": lengths[-1],
        "RaceLengths": ", ".join(map(str, lengths)),
        "RacePairsEach": len(race_ahead(0)),
    }
    for start, name in ((0, ""), (1, "Best")):
        values[f"RaceWins{name}"] = sum(ahead >= 0.01 for ahead in race_ahead(start))
        values[f"RaceLosses{name}"] = sum(ahead <= -0.01 for ahead in race_ahead(start))
        values[f"RaceTies{name}"] = sum(abs(ahead) < 0.01 for ahead in race_ahead(start))
    for model, name in (("lstm", "Lstm"), ("rnn", "Rnn")):
        values |= {f"RaceBest{name}Number": best[model, 1], f"RaceBest{name}Onehot": best[model, 10]}
        values[f"RaceSolved{name}PytorchOnehot"] = longest(rows[model, 10, 0]) or "none"
        for digits, start, words in ((10, 0, "PytorchOnehot"), (1, 0, "PytorchNumber"), (10, 1, "BestOnehot")):
            values[f"RaceLast{name}{words}"] = f"{100 * median_accuracy(rows[model, digits, start][lengths[-1]]):.1f}"
    for T, name in NUMBER_WORDS.items():
        T = T if T in lengths else lengths[-1]  # toy runs have one length
        values[f"RaceAt{name}"] = race_sentence(rows["lstm", 10, 0][T], rows["rnn", 10, 0][T])
    return values | about_race_rates(tuning)


def race_sentence(lstm, rnn):
    lstm_seeds = f"{n_solved(lstm)} of {len(lstm)} seeds" if n_solved(lstm) else "no seed"
    rnn_seeds = n_solved(rnn) or "no seed"
    scores = [rf"{100 * median_accuracy(runs):.1f}\,\%" for runs in (lstm, rnn)]
    solved = f"The LSTM solves it with {lstm_seeds} and the RNN with {rnn_seeds}"
    return f"{solved}; their median accuracies are {scores[0]} and {scores[1]}"


def about_race_rates(tuning):
    rates, cases = experiments.chosen_rates(), {}
    for run in tuning:
        key = tuple(run["config"][name] for name in ("T", "model", "initialisation", "input_dim"))
        cases.setdefault(key, []).append(run["solved_at"] is not None)
    return {
        "RaceRatePairs": len(rates),
        "RaceRateSame": sum(lr == 1e-3 for lr in rates.values()),
        "RaceRateHigher": sum(lr > 1e-3 for lr in rates.values()),
        "RaceRateLower": sum(lr < 1e-3 for lr in rates.values()),
        "RaceRateBest": sum(map(any, cases.values())),
        "RaceRateWorst": sum(map(all, cases.values())),
    }


def about_defaults():
    runs = grouped("defaults", "model")
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
        "DefaultsLstm": percent(last_epochs("lstm", n=1)),
        "DefaultsLstmTen": percent(last_epochs("lstm")),
        "DefaultsRnn": percent(last_epochs("rnn", n=1)),
        "DefaultsRnnTen": percent(last_epochs("rnn")),
    }


def about_published():
    found = series()
    B1 = {T: median_updates(runs) for T, runs in found["lstm", "forget bias 1"].items()}
    even = [T for T in B1 if T % 10 == 0] or list(B1)
    A1 = grouped("A1", "model", "T")
    longest_A1 = max(T for _, T in A1)
    values = {
        "MaxUpdates": max(run["config"]["max_updates"] for run in experiments.load("B1")),
        "AoneT": longest_A1,
        "AoneUpdates": A1["lstm", longest_A1][0]["updates"],
        "AoneLstm": percent([run["accuracy"] for run in A1["lstm", longest_A1]]),
        "AoneRnn": percent([run["accuracy"] for run in A1["rnn", longest_A1]]),
        "DefaultThirty": n_solved(found["lstm", "pytorch"][30]),
        "LongestLstmPublished": longest(found["lstm", "forget bias 1"]),
        "LongestRnnPublished": longest(found["rnn", "glorot"]),
        "ClaimsReproduced": claims.count("reproduced"),
        "ClaimsContradicted": claims.count("contradicted"),
        "Claims": len(claims.every()),
    }
    for name, T in (("Short", even[0]), ("Middle", even[len(even) // 2]), ("Long", even[-1])):
        values |= {f"Bone{name}T": T, f"Bone{name}": B1[T] or 0}
    return values


def about_bistable():
    updates = {T: median_updates(runs) for T, runs in series()["lstm", "bistable"].items()}
    done = [run for run in experiments.load("D1") if run["config"]["initialisation"] == "bistable"]
    records = experiments.load("records")
    _, shipped = experiments.network("lstm_bistable")
    proofs = {run["config"]["seed"]: run["proof"] for run in experiments.load("proofs")}
    proof = proofs[shipped["config"]["seed"]]
    far = max((run["tests"][0] for run in experiments.load("far")), key=lambda test: test["T"])
    walls = {key: ", ".join(f"{reached(run):,}" for run in runs) for key, runs in curricula().items()}
    return {
        "DoneBistable": len(done),
        "DoneBistableUpdates": max((run["solved_at"] or 0 for run in done), default=0),
        "BistableThirty": updates.get(30),
        "BistableHundred": updates.get(100),
        "BistableGain": f"{LSTM(5, 1, 1, 10, initialisation='bistable').W_gh.item():g}",
        "RecordT": records[0]["config"]["stages"][-1],
        "RecordUpdates": shipped["updates"],
        "RecordMore": shipped["config"]["extra_updates"],
        "FarT": far["T"],
        "FarN": far["n"],
        "FarAccuracy": f"{100 * far['accuracy']:g}",
        "Proofs": sum(each["proven"] == 1 for each in proofs.values()),
        "ProofPrefix": proof["prefix"],
        "ProofBeginnings": 10 ** proof["prefix"],
        "ProofShare": f"{100 * proof['proven']:g}",
        "ProofCells": f"{100 * proof['latched']:.2f}",
        "ProofLead": f"{proof['lead'] or 0:.1f}",
        "WallIdentity": walls["rnn", "identity"],
        "WallOrthogonal": walls["rnn", "orthogonal"],
        "WallBistable": walls["rnn", "bistable"],
    }


def about_minutes():
    return {
        "MinutesDefaults": minutes("defaults"),
        "MinutesPublished": minutes("A1", "B1", "C1", "C2", "D1"),
        "MinutesShipped": minutes("shipped"),
        "MinutesTrap": minutes("trap"),
        "MinutesEfficiency": minutes("efficiency", "optimisers", "baselines"),
        "MinutesRecords": minutes("records", "far", "proofs"),
        "MinutesWall": minutes("wall"),
        "MinutesBenchmark": minutes("benchmark"),
    }


def about_gradients():
    fading = {
        "FadeRnnPytorch": inside_figures.fading("rnn", "pytorch"),
        "FadeLstmPytorch": inside_figures.fading("lstm", "pytorch"),
        "FadeLstmForget": inside_figures.fading("lstm", "forget bias 1"),
        "FadeLstmChrono": inside_figures.fading("lstm", "chrono"),
    }
    return {name: f"{factor:.2f}" for name, factor in fading.items()}


def about_speed():
    lengths, result = benchmark.CONFIG["lengths"], benchmark.load()
    return {
        "SpeedT": max(T for T in lengths if T <= 100),
        "SpeedLong": lengths[-1],
        "SpeedAll": ", ".join(f"{T:,}" for T in lengths),
        "SpeedTorchAll": ", ".join(f"{benchmark.ratio('torch.nn.LSTM', 'FastLSTM', T):.2f}" for T in lengths),
        "SpeedLiteral": f"{benchmark.ratio('LSTM', 'FastLSTM', lengths[-1]):.2f}",
        "SpeedLinear": f"{benchmark.growth('milliseconds', 'lengths'):.1f}",
        "MemoryLinear": f"{benchmark.growth('memory', 'memory_lengths'):.1f}",
        "EvaluationMemory": " and ".join(f"{value:.0f}" for value in result["evaluation_memory"]),
        "EvaluationLengths": " and ".join(f"{T:,}" for T in benchmark.CONFIG["evaluation"]["lengths"]),
    }


def readme_rows():
    """[[measured, result], ...] of README.md."""
    n = len(experiments.SEEDS)
    words = f"LSTM at T = 5, the template's defaults: validation accuracy, mean of {n} seeds and the last ten epochs"
    rows = [[words, f"{mean(last_epochs('lstm')):.1%}"], *rows_of_lengths()]
    trained_at = experiments.load("records")[0]["config"]["stages"][-1]
    for T, (scores, n) in beyond()["bistable"].items():
        words = f"bistable LSTM, trained at T = {trained_at}, tested on {n:,} palindromes of length {T:,}"
        rows.append([f"{words}: seeds without an error", f"{sum(s == 1 for s in scores)} of {len(scores)}"])
    for run in sorted(experiments.load("far"), key=lambda run: run["config"]["T"])[1:]:
        (test,) = run["tests"]
        words = f"accuracy of the median seed on {test['n']:,} palindromes of length {test['T']:,}"
        rows.append([words, f"{test['accuracy']:.1%}"])
    found = series()
    for T, runs in found["lstm", "bistable"].items():
        if T in README_LENGTHS:
            seeds = f"median of {len(runs)} seeds, without curriculum"
            words = f"bistable LSTM: updates until 99.9% are correct at T = {T}, {seeds}"
            rows.append([words, str(median_updates(runs))])
    counts = ", ".join(str(claims.count(verdict)) for verdict in claims.VERDICTS)
    rows.append([f"claims of published solutions of Part I: {', '.join(claims.VERDICTS)}", counts])
    return rows


def rows_of_lengths():
    """README's rows of LSTM against RNN as T grows: the race, or B1 until it has been run."""
    if not race_is_there():
        found, words = series(), "LSTM (forget bias 1) and RNN (Glorot) at T = {}, one-hot digits: mean test accuracy"
        networks = found["lstm", "forget bias 1"], found["rnn", "glorot"]
        every = {T: [mean(run["accuracy"] for run in lengths[T]) for lengths in networks] for T in networks[0]}
        return [[words.format(T), ", ".join(f"{score:.1%}" for score in every[T])] for T in (20, 30) if T in every]
    words, rows = "LSTM and RNN at T = {}, one-hot digits, {}, tuned learning rates: median test accuracy", []
    for T, start, origin in (
        (20, 0, "PyTorch's initialisation"),
        (30, 0, "PyTorch's initialisation"),
        (30, 1, "each from its best initialisation"),
    ):
        found = [race_series()[model, 10, start] for model in NAMES]
        if T in found[0]:  # toy runs lack some
            scores = ", ".join(f"{median_accuracy(lengths[T]):.1%}" for lengths in found)
            rows.append([words.format(T, origin), scores])
    return rows


def as_latex(value):
    """A number or text for prose: 1,000 without the space that LaTeX sets after the comma in mathematics."""
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return re.sub(r"(?<=\d),(?=\d{3})", "{,}", text)


def claims_inside():
    """The claims as rows of a tabular, whose columns report.tex sets: a symbol per verdict."""
    lines = tables.verdicts().latex().splitlines()[1:-1]
    for verdict, symbol in SYMBOLS.items():
        lines = [
            line.replace(f"{verdict} &", f"{symbol} &") if line.startswith(f"{verdict} &") else line for line in lines
        ]
    return "\n".join([*lines, ""])


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
    mpl.use("agg")
    made = {"numbers.tex": "".join(f"\\newcommand{{\\{k}}}{{{as_latex(v)}}}\n" for k, v in numbers().items())}
    drawn, shown = dict(FIGURES), dict(TABLES)
    if artifacts.SMOKE or not race_is_there():  # toy runs have a race, whether report.tex shows it yet or not
        drawn, shown = drawn | WITHOUT_RACE[0], shown | WITHOUT_RACE[1]
    made |= {f"table_{name}.tex": tabular(table()) for name, table in shown.items()}
    made["table_claims.tex"] = claims_inside()
    if race_is_there():
        drawn |= WITH_RACE
        made["table_race.tex"] = r"\setlength{\tabcolsep}{4pt}" + tabular(tables.race())
    figure = "race" if race_is_there() else "by_length"  # of the page report/explore.html
    shown_there = {"rows": readme_rows(), "figure": CAPTIONS[figure]}
    made["readme.json"] = json.dumps(shown_there, ensure_ascii=False, indent=1) + "\n"
    fresh = GENERATED.with_name(f".{GENERATED.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, text in made.items():
        (fresh / name).write_text(text, encoding="utf-8")
    with plt.style.context(figures.STYLE):
        for name, draw in drawn.items():
            fig = draw()
            fig.savefig(fresh / f"{name}.pdf", metadata={"CreationDate": None})
            if name == figure:
                with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
                    fig.savefig(fresh / "lengths.svg", metadata={"Date": None})
            plt.close(fig)
    shutil.rmtree(GENERATED, ignore_errors=True)
    fresh.rename(GENERATED)
    print(f"wrote {len(made) + len(drawn)} files to {GENERATED}")
