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
    )


def B2():
    run, real = only("B2"), summaries.real()
    least = min(run["reporting"]["shares"])
    yield (
        "mode collapse is avoided",
        "after 50 epochs every digit is at least 5% of the samples",
        f"the rarest digit: {least:.1%}",
        least >= 0.05,
    )
    near, far = run["nearest"], real["nearest"]
    yield (
        "the images are not memorised",
        "samples are no closer to their nearest training image than test images are, in median and first percentile",
        f"samples {near['median']:.2f} and {near['first']:.2f}, test images {far['median']:.2f} and {far['first']:.2f}",
        near["median"] >= far["median"] and near["first"] >= far["first"],
    )


def C3():
    seeds = [row.found["reporting"]["shares"] for row in summaries.compared()["C3"]]
    zero, one, four = ([shares[digit] for shares in seeds] for digit in (0, 1, 4))
    after = f"after {summaries.experiments.EPOCHS} epochs"

    def listed(shares):
        return ", ".join(f"{share:.1%}" for share in shares)

    yield (
        "0 and 1 come too often",
        f"{after} each is more than 12% of the samples in every seed",
        f"0: {listed(zero)}; 1: {listed(one)}",
        min(zero + one) > 0.12,
    )
    yield (
        "4 comes too rarely",
        f"{after} it is less than 8% of the samples in every seed",
        f"4: {listed(four)}",
        max(four) < 0.08,
    )


def D2():
    run, real = only("D2"), summaries.real()
    distance, floor = run["reporting"]["frechet"], real["reporting"]["frechet"]
    yield (
        "after 200 epochs the images are almost the same as hand-written ones",
        "Fréchet distance at most twice that of real test images",
        f"{distance:.2f}; real test images: {floor:.3f}",
        distance <= 2 * floor,
    )


OPEN = "not reproduced as tested"
FAILED = {A2: OPEN, B2: OPEN, C3: OPEN, D2: "contradicted"}  # the verdict on a claim whose condition does not hold


class Verdict(NamedTuple):
    source: str
    claim: str
    condition: str
    measured: str
    verdict: str


def verdicts():
    """A Verdict for each claim."""
    return [
        Verdict(source.__name__, claim, condition, measured, "reproduced" if holds else failed)
        for source, failed in FAILED.items()
        for claim, condition, measured, holds in source()
    ]


def text():
    lines = "{0.source}  {0.claim}\n    holds if: {0.condition}\n    measured: {0.measured}\n    {0.verdict}"
    return "\n".join(lines.format(each) for each in verdicts())
