"""Results -> report/generated/part2/: numbers.tex, table_*.tex and *.pdf, which report.tex includes, and readme.json.

readme.json holds "rows", [[measured, result], ...], of README.md's table of results. A result that is missing or stale
ends this with the command that makes it; nothing is written then.

python -m gan_study report
"""

import itertools
from statistics import median

import publish
from gan_study import claims, experiments, figures, quality, summaries, tables, trainings
from recipes import OURS

FIGURES = (
    figures.glance_grids,
    figures.glance_strip,
    figures.milestones,
    figures.series,
    figures.losses,
    figures.strip,
    figures.by_recipe,
    figures.shares,
    figures.ablation,
    figures.distances,
    figures.nearest,
)
TABLES = {
    "generator": tables.generator,
    "discriminator": tables.discriminator,
    "ganrecipes": tables.recipes,
    "quality": tables.quality,
    "paths": tables.paths,
}


def numbers():
    """{LaTeX command: what it prints}; every number of Part II's prose."""
    parts = about_training, about_recipes, about_quality, about_opinions, about_tuning, about_pictures, about_grid
    return {name: value for about in (*parts, about_claims, about_minutes) for name, value in about().items()}


def about_training():
    shipped, published, seen = summaries.shipped().record, trainings.published(), summaries.seen()
    history, judges = shipped["history"], summaries.classifiers()
    (start, sure_start), (middle, sure_middle), (end, sure_end) = (seen[at] for at in ("start", "middle", "end"))
    return {
        "GanEpochs": OURS.n_epochs,
        "GanLatent": OURS.latent_dim,
        "GanLr": f"{OURS.lr:g}",
        "GanAnneal": {0.5: "half", 0.25: "quarter"}.get(OURS.anneal, f"{OURS.anneal:g}"),
        "GanBetaOne": f"{OURS.beta1:g}",
        "GanBetaTwo": f"{OURS.beta2:g}",
        "GanEma": f"{OURS.ema:g}",
        "GanRone": f"{OURS.r1:g}",
        "GanRoneInterval": OURS.r1_interval,
        "GanMinutes": f"{shipped['training_seconds'] / 60:.0f}",
        "GanBatches": published["grids"]["end"],
        "GanMiddle": published["grids"]["middle"],
        "GanFinalG": f"{history['loss_G'][-1]:.2f}",
        "GanFinalD": f"{history['loss_D'][-1]:.2f}",
        "GanFinalDx": f"{history['D_x'][-1]:.2f}",
        "GanFinalDGz": f"{history['D_G_z'][-1]:.2f}",
        "GanShown": len(start),
        "GanChanged": sum(a != b for a, b in zip(middle, end, strict=True)),
        "SeenStart": ", ".join(map(str, sorted(set(start)))),
        "SureStart": sure_start,
        "SureMiddle": sure_middle,
        "SureEnd": sure_end,
        "GanData": {"mnist": "MNIST", "digits": "scikit-learn's digits"}[OURS.dataset],
        "TuningAccuracy": f"{100 * judges['tuning']['test_accuracy'][-1]:.2f}",
        "ReportingAccuracy": f"{100 * judges['reporting']['test_accuracy'][-1]:.2f}",
    }


def about_recipes():
    table, ablated = summaries.quality(), summaries.ablation()
    public, exact, half, own = summaries.seconds_of_epochs().values()
    ours, plain, eps = (table[name, experiments.EPOCHS] for name in ("ours", "ganpy", "ganpy-eps"))
    (long_eps,) = summaries.lengths()["ganpy-eps"]
    over = summaries.over_epochs()["ours"]
    before = [epochs for epochs in over if epochs < OURS.n_epochs]
    early, late = before[0], before[-1]
    at, loop, script = summaries.overtaken()

    def loss_of_D(rows):
        return f"{median(row.record['history']['loss_D'][-1] for row in rows):.2f}"

    return {
        "EarlyEpochs": early,
        "EarlyDistance": f"{median(over[early]):.2f}",
        "LateEpochs": late,
        "LateDistance": f"{median(over[late]):.3f}",
        "WithPenaltyD": loss_of_D(ablated["ours"]),
        "WithoutPenaltyD": loss_of_D(ablated.get("no R1", ablated["ours"])),  # toy runs lack it
        "Compared": experiments.EPOCHS,
        "GanSeeds": len(experiments.SEEDS),
        "FrechetCompared": tables.significant(ours["frechet"]),
        "FrechetEps": tables.significant(eps["frechet"]),
        "RatioEps": f"{eps['frechet'] / ours['frechet']:.1f}",
        "RatioGanpy": f"{plain['frechet'] / ours['frechet']:.0f}",
        "Overtaken": at,
        "OvertakenLoop": f"{loop:.0f}",
        "OvertakenPublic": f"{script:.0f}",
        "FrechetGanpy": tables.significant(plain["frechet"]),
        "GanpyAnnealed": tables.significant(table["ganpy annealed", experiments.EPOCHS]["frechet"]),
        "EpsAnnealed": tables.significant(table["ganpy-eps annealed", experiments.EPOCHS]["frechet"]),
        "EpsMedian": f"{long_eps.found['nearest']['median']:.2f}",
        "EpsFirst": f"{long_eps.found['nearest']['first']:.2f}",
        "SecondsPublic": f"{public:.1f}",
        "SecondsExact": f"{exact:.1f}",
        "SecondsHalf": f"{half:.1f}",
        "SecondsOwn": f"{own:.1f}",
        "SpeedExact": f"{public / exact:.1f}",
        "SpeedHalf": f"{public / half:.1f}",
        "SpeedOwn": f"{public / own:.1f}",
    }


def about_quality():
    found, real = summaries.shipped().found, summaries.real()
    best, floor, near, far = found["reporting"], real["reporting"]["frechet"], found["nearest"], real["nearest"]
    table = summaries.quality()
    return {
        "FrechetFaster": f"{table['faster average', OURS.n_epochs]['frechet']:.3f}",
        "FrechetConstant": f"{table['faster average, no annealing', OURS.n_epochs]['frechet']:.3f}",
        "Frechet": f"{best['frechet']:.3f}",
        "FrechetReal": f"{floor:.3f}",
        "FrechetSamples": quality.N_SAMPLES,
        "FrechetReference": real["n_training"],
        "FrechetTest": real["n"],
        "ShareLeast": f"{100 * min(best['shares']):.1f}",
        "ShareMost": f"{100 * max(best['shares']):.1f}",
        "Precision": f"{100 * best['precision']:.0f}",
        "Coverage": f"{100 * best['coverage']:.0f}",
        "CoverageReal": f"{100 * real['reporting']['coverage']:.0f}",
        "NearMedian": f"{near['median']:.2f}",
        "NearFirst": f"{near['first']:.2f}",
        "FarMedian": f"{far['median']:.2f}",
        "FarFirst": f"{far['first']:.2f}",
        "NearShare": f"{100 * near['median'] / far['median']:.0f}",
    }


def about_opinions():
    """How far each classifier finds the samples, with annealing and without it after EPOCHS, and what they are."""
    found, at = summaries.opinions(), experiments.EPOCHS
    final, test, training = ("annealed", OURS.n_epochs), ("test images", None), ("training images", None)

    def times(value):
        return f"{value:.1f}" if value >= 1 else f"{value:.2f}"

    def multiples(images, what="all"):
        """Of the distance of training images to the others, by each classifier."""
        return [times(seen[images][what] / seen[training][what]) for seen in found.values()]

    def ratio(use, what):
        return times(found[use][final][what] / found[use][test][what])

    def gain(use, what):
        return f"{found[use]['constant', at][what] / found[use]['annealed', at][what]:.1f}"

    def strokes(what, images):
        return f"{found['reporting'][images][what]:.0f}"

    return {
        "MultiplesOurs": listed(multiples(final), "and"),
        "MultiplesTest": listed(multiples(test), "and"),
        "BlurredMultiplesOurs": listed(multiples(final, "blurred")[:2], "and"),
        "BlurredMultiplesTest": listed(multiples(test, "blurred")[:2], "and"),
        "TuningRatio": ratio("tuning", "all"),
        "ReportingRatio": ratio("reporting", "all"),
        "PlainOneRatio": ratio("plain 1", "all"),
        "PlainTwoRatio": ratio("plain 2", "all"),
        "SureTuningRatio": ratio("tuning", "sure"),
        "SureReportingRatio": ratio("reporting", "sure"),
        "SurePlainOneRatio": ratio("plain 1", "sure"),
        "SurePlainTwoRatio": ratio("plain 2", "sure"),
        "BlurredTuningRatio": ratio("tuning", "blurred"),
        "BlurredReportingRatio": ratio("reporting", "blurred"),
        "GainTuning": gain("tuning", "all"),
        "GainReporting": gain("reporting", "all"),
        "GainPlainOne": gain("plain 1", "all"),
        "GainPlainTwo": gain("plain 2", "all"),
        "BlurredGains": listed([gain(use, "blurred") for use in found], "and"),
        "SureGains": listed([gain(use, "sure") for use in found], "and"),
        "VarianceConstant": strokes("variance", ("constant", at)),
        "VarianceAnnealed": strokes("variance", ("annealed", at)),
        "VarianceTraining": strokes("variance", training),
        "VarianceFinal": strokes("variance", final),
        "RoughnessConstant": strokes("roughness", ("constant", at)),
        "RoughnessAnnealed": strokes("roughness", ("annealed", at)),
        "RoughnessTraining": strokes("roughness", training),
        "RoughnessFinal": strokes("roughness", final),
        "RoughnessTest": strokes("roughness", test),
    }


def about_tuning():
    """Our recipe and moving average among the others that were tried, by the tuning classifier."""
    found, known = summaries.tuning(), summaries.averages()
    tried = found.pop("ours")
    longer = found.pop("twice as long", tried)  # toys have ours alone
    others = sorted(row[OURS.ema] for row in found.values()) or [tried[OURS.ema]]
    (faster,) = {*known} - {OURS.ema}
    return {
        "TuningOurs": tables.significant(tried[OURS.ema]),
        "TuningNext": tables.significant(others[0]),
        "TuningLonger": tables.significant(longer[OURS.ema]),
        "TuningWorst": tables.significant(others[-1]),
        "TuningFaster": tables.significant(tried[faster]),
        "TuningFasterDecay": f"{faster:g}",
        "TuningSeeds": tables.range_of(known[OURS.ema]),
        "TuningFasterSeeds": tables.range_of(known[faster]),
    }


def about_pictures():
    path, real = summaries.picture("interpolation"), summaries.real()
    line, digits = summaries.shipped().found["paths"]["linear"], path["linear"]["digits"]
    others = sorted({*digits} - {digits[0], digits[-1]})
    between = f"{listed(others, 'and')} lie{'s' if len(others) == 1 else ''} between the two" if others else ""
    return {
        "StripSeen": ", ".join(str(digit) for digit, _ in itertools.groupby(digits)),
        "StripBetween": between or "no other digit lies between the two",
        "StripFrom": f"{'an' if digits[0] == 8 else 'a'} {digits[0]}",
        "StripTo": f"{'an' if digits[-1] == 8 else 'a'} {digits[-1]}",
        "StripRule": f"{100 * path['config']['confidence']:.0f}",
        "StripPair": path["pair"] + 1,
        "StripSeed": path["config"]["seed"],
        "PathPairs": quality.N_PAIRS,
        "PathJump": f"{100 * line['jump']:.1f}",
        "PathReal": f"{100 * line['realism']:.1f}",
        "FadeReal": f"{100 * real['paths']['cross-fade']['realism']:.1f}",
    }


def listed(digits, last):
    """[1, 2, 3] as "1, 2 and 3", with `last` for the "and"."""
    *others, final = map(str, digits)
    return f"{', '.join(others)} {last} {final}" if others else final


def about_grid():
    """The 25 images at the end as the classifier reads them, and how usual that is for 25 random samples."""
    digits, _ = summaries.seen()["end"]
    counts = [digits.count(digit) for digit in range(10)]
    many = max(counts)
    most, absent = ([digit for digit in range(10) if counts[digit] == count] for count in (many, 0))
    s = f"digit is {most[0]}: the classifier reads it in {many} of the {len(digits)}"
    if len(most) > 1:
        s = f"digits are {listed(most, 'and')}: the classifier reads each in {many} of the {len(digits)}"
    missing, often = summaries.chances(summaries.shipped().found["reporting"]["shares"], len(digits), many)
    return {
        "GridSays": f"The most frequent {s}" + (f", and {listed(absent, 'or')} in none" if absent else ""),
        "GridMany": many,
        "ChanceMissing": f"{100 * missing:.0f}",
        "ChanceMany": f"{100 * often:.0f}",
    }


def about_claims():
    verdicts = [each.verdict for each in claims.verdicts()]
    return {
        "GanClaims": len(verdicts),
        "GanClaimsReproduced": verdicts.count("reproduced"),
        "GanClaimsContradicted": verdicts.count("contradicted"),
    }


def about_minutes():
    """Minutes of computing behind the results of some experiments, at least 1."""

    def minutes(*names):
        seconds = sum(record["seconds"] for name in names for record in experiments.RESULTS.load(name))
        return max(1, round(seconds / 60))

    return {
        "MinutesPictures": minutes("pictures"),
        "MinutesTrainings": minutes("trainings", "real"),
        "MinutesOpinions": minutes("opinions"),
        "MinutesTuning": minutes("tuning"),
        "MinutesClassifiers": minutes("classifiers"),
        "MinutesGanBenchmark": minutes("benchmark"),
    }


def readme_rows():
    """[[measured, result], ...] of README.md."""
    table, said = summaries.quality(), about_recipes()
    best, real = table["ours", OURS.n_epochs], table["real images", None]
    verdicts = [each.verdict for each in claims.verdicts()]
    said |= about_opinions()
    gan, short = f"GAN trained for {OURS.n_epochs} epochs, median of {best['seeds']} seeds", experiments.EPOCHS
    return [
        [
            f"{gan}: Fréchet distance to the training images (real test images: {real['frechet']:.3f})",
            f"{best['frechet']:.3f}",
        ],
        [
            f"the same after {short} epochs: our GAN; a popular public script with its BatchNorm argument fixed; that "
            "script as it is",
            "; ".join(tables.significant(table[name, short]["frechet"]) for name in ("ours", "ganpy-eps", "ganpy")),
        ],
        [
            f"{gan}: Fréchet distance by the tuning, the reporting and two plain classifiers, in multiples of that of "
            f"{quality.N_SAMPLES:,} training images to the others (real test images: {said['MultiplesTest']})",
            said["MultiplesOurs"],
        ],
        [
            f"{gan}: recall and coverage of its samples (real images: {real['recall']:.2f}, {real['coverage']:.2f})",
            f"{best['recall']:.2f}, {best['coverage']:.2f}",
        ],
        [
            f"{gan}: shares of the rarest and of the commonest digit among its samples",
            f"{best['least']:.1%}, {best['most']:.1%}",
        ],
        [
            "GAN training loop, times as fast as the public script's: same updates in float32; in bfloat16; our recipe",
            f"{said['SpeedExact']}x; {said['SpeedHalf']}x; {said['SpeedOwn']}x",
        ],
        [
            f"claims of published solutions of Part II: {', '.join(tables.MARKS)}",
            ", ".join(str(verdicts.count(verdict)) for verdict in tables.MARKS),
        ],
    ]


def main():
    texts = {name: table().latex() for name, table in TABLES.items()}
    texts["ganclaims"] = "\n".join([*tables.verdicts().latex().splitlines()[1:-1], ""])  # report.tex sets columns
    publish.publish("part2", numbers(), texts, FIGURES, {"rows": readme_rows()})
