"""Each fingerprint covers what the runs of its experiment execute; each definition that it covers makes them stale."""

import pytest
import reach

from lstm_study.experiments import EXPERIMENTS


@pytest.mark.slow
def test_what_the_first_run_of_each_experiment_executes_is_covered(part1):
    reach.check_that_what_is_executed_is_covered(part1, "lstm_study", EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["race", "defaults"])
def test_each_definition_within_reach_makes_the_results_stale_and_no_other(part1, name, monkeypatch):
    reach.check_that_each_definition_within_reach_counts(part1, EXPERIMENTS[name].perform, monkeypatch, 20)
