"""Verdicts follow from artifacts by the stated rule: change an artifact and the verdict changes."""

import copy

import pytest

import claims
import experiments


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
    assert claims.verdict(holds, published) == expected


def test_all_claims_have_one_verdict_and_say_what_was_measured():
    table = claims.table()
    assert {row[0] for row in table} == {"A1", "B1", "C1", "C2", "D1"} and len({row[1] for row in table}) == len(table)
    assert all(all(row) for row in table)


def changed(monkeypatch, experiment, change):
    """The claims' table after `change` of every artifact of an experiment."""
    load, made = experiments.load, {}

    def altered(name):
        if name not in made:
            made[name] = copy.deepcopy(load(name))
            if name == experiment:
                for run in made[name]:
                    change(run)
        return made[name]

    monkeypatch.setattr(experiments, "load", altered)
    return {row[1]: row[-1] for row in claims.table()}


def test_changed_artifacts_change_the_verdicts(monkeypatch):
    claim = "at T = 30 the LSTM's loss is near 0 within 200 steps"
    with monkeypatch.context() as patch:
        high = changed(patch, "B1", lambda run: run["history"].update(loss=[2.0] * len(run["history"]["loss"])))
    with monkeypatch.context() as patch:
        low = changed(patch, "B1", lambda run: run["history"].update(loss=[0.01] * len(run["history"]["loss"])))
    assert (high[claim], low[claim]) == ("contradicted", "reproduced")
    claim = "with a curriculum the RNN gets 100% up to T = 150"
    with monkeypatch.context() as patch:
        none = changed(patch, "C2", lambda run: run.update(solved_at=None))
    with monkeypatch.context() as patch:
        all_of = changed(patch, "C2", lambda run: run.update(solved_at=10))
    assert (none[claim], all_of[claim]) == ("not reproduced as tested", "reproduced")
