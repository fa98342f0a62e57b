"""Artifacts -> the table of results in README.md."""

from statistics import mean

import quantities  # the first: it puts both Parts on the path

import artifacts
import claims
import experiments
import gan_claims
import gan_summaries
import summaries

START, END = "<!-- results: written by report/readme.py -->", "<!-- end of results -->"
T_MIDDLE, T_LONG = 30, 100  # of the lengths without curriculum, those that the README names


def results():
    """A Markdown table of the README's results."""
    series, (part2, _), table = summaries.series(), quantities.gan_numbers(), gan_summaries.quality()
    scores = [mean(run["val_accuracy"][-10:]) for run in summaries.grouped("defaults", "model")["lstm",]]
    rows = [f"| LSTM, the template's settings, T = 5: validation accuracy, last ten epochs | {mean(scores):.1%} |"]
    trained_at = experiments.load("records")[0]["config"]["stages"][-1]
    for T, (values, n) in summaries.records()["bistable"].items():
        rows.append(
            f"| LSTM, bistable start, trained at T = {trained_at}, at T = {T:,} ({n:,} palindromes each): seeds "
            f"without an error | {sum(v == 1 for v in values)} of {len(values)} |"
        )
    for run in experiments.load("far")[1::-1]:
        (test,) = run["tests"]
        rows.append(
            f"| the median one of these seeds at T = {test['T']:,}, {test['n']:,} palindromes: accuracy "
            f"| {test['accuracy']:.1%} |"
        )
    for T, value in summaries.median_updates(series["lstm", "bistable"]).items():
        if T in (T_MIDDLE, T_LONG):
            rows.append(
                f"| LSTM, bistable start: updates of batch 128 until 99.9% at T = {T}, no curriculum: median of "
                f"{len(series['lstm', 'bistable'][T])} seeds | {value} |"
            )
    runs = series["lstm", "torch's default"][T_MIDDLE]
    there, limit = sum(run["solved_at"] is not None for run in runs), runs[0]["config"]["max_updates"]
    rows.append(
        f"| LSTM, torch's default start: seeds that get there at T = {T_MIDDLE} within {limit:,} updates "
        f"| {there} of {len(runs)} |"
    )
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


def fill(text):
    """The README's text with its results made anew; ArtifactError if the lines that mark their place are missing."""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not end:
        raise artifacts.ArtifactError(f"README.md lacks the line {END if start else START}; results go between the two")
    return f"{head}{start}\n{results()}\n{end}{tail}"
