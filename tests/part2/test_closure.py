"""Each fingerprint covers what the runs of its experiment execute; each definition that it covers makes them stale."""

import pytest
import reach

from gan_study.experiments import EXPERIMENTS


@pytest.mark.slow
def test_what_the_first_run_of_each_experiment_executes_is_covered(part2):
    reach.check_that_what_is_executed_is_covered(part2, "gan_study", EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trainings", "classifiers"])
def test_each_definition_within_reach_makes_the_results_stale_and_no_other(part2, name, monkeypatch):
    reach.check_that_each_definition_within_reach_counts(part2, EXPERIMENTS[name].perform, monkeypatch, 15)
