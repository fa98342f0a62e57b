"""Each fingerprint covers what the runs of its experiment execute; each definition that it covers makes them stale."""

import json
import os

import closure
import pytest
from common import ROOT, python

import artifacts
from lstm_study import experiments


@pytest.mark.slow
def test_what_the_first_run_of_each_experiment_executes_is_covered(part1):
    done = python(ROOT / "tests" / "closure.py", part1, "lstm_study", cwd=part1, env=os.environ | {"SMOKE": "1"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(experiments.EXPERIMENTS)
    assert {name: said["missing"] for name, said in found.items() if said["missing"]} == {}
    assert all(said["executed"] > 1 for said in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["race", "defaults"])
def test_each_definition_within_reach_makes_the_results_stale_and_no_other(part1, name):
    perform = experiments.EXPERIMENTS[name].perform
    path, root = artifacts.place(perform)
    before, changed = closure.mutants(part1 / path.relative_to(root), part1, perform.__name__, artifacts)
    expected = {each: each in before for each in changed}
    assert changed == expected
    assert 20 < sum(changed.values()) < len(changed)
