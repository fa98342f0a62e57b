"""The claims of published GANs for this assignment, each with a verdict computed from artifacts.

The rule: a claim is *reproduced* if its condition holds in our runs. If it does not, it is *contradicted* where recipe
and budget are the published ones, and *not reproduced as tested* where one of them is not published.

    python -m gan_study claims            the table as text
"""

from typing import NamedTuple

from gan_study import summaries


def only(name):
    """What was measured of the one training of a recipe at its own length."""
    (row,) = summaries.lengths()[name]
    return row.found


def A2():
    run, real = only("B2"), summaries.real()
    ours, fade = run["paths"]["linear"], real["paths"]["cross-fade"]
    yield (
        "interpolation in latent space is continuous",
        "B2's generator: the longest of 8 steps is at most a quarter of the path, and images between are more often "
        "real-looking than a cross-fade's",
        f"longest step {ours['jump']:.0%}; real-looking {ours['realism']:.1%}, cross-fade {fade['realism']:.1%}",
        ours["jump"] <= 0.25 and ours["realism"] > fade["realism"],
        False,
    )


def B2():
    run, real = only("B2"), summaries.real()
    least = min(run["reporting"]["shares"])
    yield (
        "mode collapse is avoided",
        "after 50 epochs every digit is at least 5% of the samples",
        f"the rarest digit: {least:.1%}",
        least >= 0.05,
        False,
    )
    near, far = run["nearest"], real["nearest"]
    yield (
        "the images are not memorised",
        "samples are no closer to their nearest training image than test images are, in median and first percentile",
        f"samples {near['median']:.2f} and {near['first']:.2f}, test images {far['median']:.2f} and {far['first']:.2f}",
        near["median"] >= far["median"] and near["first"] >= far["first"],
        False,
    )


def C3():
    runs = [row.found for row in summaries.compared()["C3"]]
    for digits, word, holds in (((0, 1), "too often", lambda s: s > 0.12), ((4,), "too rarely", lambda s: s < 0.08)):
        shares = {digit: [run["reporting"]["shares"][digit] for run in runs] for digit in digits}
        bound = "more than 12%" if word == "too often" else "less than 8%"
        yield (
            f"{' and '.join(map(str, digits))} come{'s' if len(digits) == 1 else ''} {word}",
            f"after {summaries.experiments.EPOCHS} epochs {'each is' if len(digits) > 1 else 'it is'} {bound} of the "
            "samples in every seed",
            "; ".join(f"{digit}: {', '.join(f'{share:.1%}' for share in found)}" for digit, found in shares.items()),
            all(holds(share) for found in shares.values() for share in found),
            False,
        )


def D2():
    run, real = only("D2"), summaries.real()
    distance, floor = run["reporting"]["frechet"], real["reporting"]["frechet"]
    yield (
        "after 200 epochs the images are almost the same as hand-written ones",
        "Fréchet distance at most twice that of real test images",
        f"{distance:.2f}; real test images: {floor:.3f}",
        distance <= 2 * floor,
        True,
    )


def verdict(holds, at_published_budget):
    if holds:
        return "reproduced"
    return "contradicted" if at_published_budget else "not reproduced as tested"


class Verdict(NamedTuple):
    source: str
    claim: str
    condition: str
    measured: str
    verdict: str


def verdicts():
    """A Verdict for each claim."""
    return [
        Verdict(source.__name__, claim, condition, measured, verdict(holds, at_published_budget))
        for source in (A2, B2, C3, D2)
        for claim, condition, measured, holds, at_published_budget in source()
    ]


def text():
    lines = "{0.source}  {0.claim}\n    holds if: {0.condition}\n    measured: {0.measured}\n    {0.verdict}"
    return "\n".join(lines.format(each) for each in verdicts())
