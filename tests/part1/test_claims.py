"""Verdicts follow from results by the stated rule: change a result and the verdict changes."""

import copy

import pytest

from lstm_study import claims, experiments, tables


@pytest.mark.parametrize(
    ("holds", "published", "expected"),
    [
        (True, True, "reproduced"),
        (True, False, "reproduced"),
        (False, True, "contradicted"),
        (False, False, "not reproduced as tested"),
    ],
)
def test_the_rule(holds, published, expected):
    assert claims.Claim("A1", "claim", "condition", "measured", holds, published).verdict == expected


def test_all_claims_have_one_verdict_and_say_what_was_measured(recorded):
    found = claims.every()
    assert {claim.source for claim in found} == {"A1", "B1", "C1", "C2", "D1"}
    assert len({claim.claim for claim in found}) == len(found)
    assert all(claim.condition and claim.measured for claim in found)
    text = claims.text()
    assert all(claim.claim in text and claim.verdict in text for claim in found)


def test_the_table_sorts_the_claims_and_shows_a_mark_for_each_verdict(recorded):
    marks = [row[0] for row in tables.verdicts().rows if row]
    assert marks == sorted(marks, key=[*tables.MARKS.values()].index)
    for verdict in claims.VERDICTS:
        assert marks.count(tables.MARKS[verdict]) == claims.count(verdict)


def changed(monkeypatch, load, experiment, change):
    """{claim: verdict} after `change` of every result of an experiment."""
    altered = copy.deepcopy(load(experiment))
    for run in altered:
        change(run)
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "load", lambda name: altered if name == experiment else load(name))
        return {claim.claim: claim.verdict for claim in claims.every()}


@pytest.mark.parametrize(
    ("claim", "experiment", "one", "other", "verdicts"),
    [
        (
            "at T = 30 the LSTM's loss is near 0 within 200 steps",
            "B1",
            lambda run: run["history"].update(loss=[2.0] * len(run["history"]["loss"])),
            lambda run: run["history"].update(loss=[0.01] * len(run["history"]["loss"])),
            ("contradicted", "reproduced"),
        ),
        (
            "with a curriculum the RNN gets 100% up to T = 150",
            "C2",
            lambda run: run.update(solved_at=None),
            lambda run: run.update(solved_at=10),
            ("not reproduced as tested", "reproduced"),
        ),
        (
            "at length 20 both networks fail, even with Adam and a tuned learning rate",
            "C1",
            lambda run: run.update(solved_at=10),
            lambda run: run.update(solved_at=None),
            ("not reproduced as tested", "reproduced"),
        ),
        (
            "T = 15: RNN 12%",
            "D1",
            lambda run: run["history"].update(val_accuracy=[0.9] * len(run["history"]["update"])),
            lambda run: run["history"].update(val_accuracy=[0.12] * len(run["history"]["update"])),
            ("contradicted", "reproduced"),
        ),
    ],
)
def test_changed_results_change_the_verdict(monkeypatch, recorded, claim, experiment, one, other, verdicts):
    found = [changed(monkeypatch, recorded, experiment, change)[claim] for change in (one, other)]
    assert found == list(verdicts)
