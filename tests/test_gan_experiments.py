"""The grid of Part II: shared, killed and repeated; what its runs are; claims that follow from artifacts."""

import copy
import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT, python

import artifacts
import gan_claims
import gan_experiments
import my_gan
import recipes

SMOKE = {**os.environ, "SMOKE": "1", "OMP_NUM_THREADS": "1"}
TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node", "2")


def test_a_killed_grid_is_completed_by_two_ranks_and_then_up_to_date(part2):
    assert python("classifier.py", cwd=part2, env=SMOKE).returncode == 0
    command = [sys.executable, "gan_experiments.py", "all"]
    with subprocess.Popen(command, cwd=part2, env=SMOKE, stdout=subprocess.DEVNULL) as process:
        while not list(part2.glob("results/compared/*.json")):
            time.sleep(0.1)
            assert process.poll() is None
        process.kill()
    before = {path: path.stat().st_mtime_ns for path in part2.glob("results/*/*.json")}
    done = python(*TORCHRUN, "gan_experiments.py", "all", cwd=part2, env=SMOKE)
    assert done.returncode == 0, done.stderr
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    lines = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("[") and "min remain" in line]
    assert len(lines) == len(set(lines)) == len(list(part2.glob("results/*/*.json"))) - len(before)
    again = python("gan_experiments.py", "all", cwd=part2, env=SMOKE)
    assert "\n0 run(s) in" in again.stdout
    listed = python("gan_experiments.py", "--list", cwd=part2, env=SMOKE)
    assert listed.returncode == 0 and all(name in listed.stdout for name in gan_experiments.EXPERIMENTS)
    claims = python("gan_claims.py", cwd=part2, env=SMOKE)
    assert claims.returncode == 0 and "A2" in claims.stdout and "D2" in claims.stdout, claims.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "there is no experiment nonsense; there are real, lengths"),
        ((), "say which experiment"),
        (("ablation", "--seeds", "99"), "no run has seed [99]"),
    ],
)
def test_bad_requests_end_with_one_clear_error(refusal, arguments, message):
    assert message in refusal(ROOT / "Part2" / "gan_experiments.py", *arguments)


def test_what_is_shipped_is_the_median_seed():
    assert gan_experiments.median_seed() == recipes.SEED
    run = gan_experiments.load("quality")[f"ours_seed{recipes.SEED}"]
    assert run["generator"] == artifacts.sha256(ROOT / "Part2" / "mnist_generator.pt")
    assert run["training"]["history"] == my_gan.record()["history"]
    seeds = {run["config"]["seed"] for run in gan_experiments.load("quality").values()}
    assert seeds == {0, 1, 2}


def test_recipes_differ_as_they_are_said_to():
    configs = {name: my_gan.parse(["--recipe", name]).config for name in recipes.RECIPES}

    def difference(a, b):
        return {key for key in configs[a] if configs[a][key] != configs[b][key]}

    assert difference("ganpy", "ganpy-eps") == {"bn_eps"} and configs["ganpy"]["bn_eps"] == 0.8
    assert difference("template", "ganpy-eps") == {"beta1"}
    assert difference("template", "D2") == {"d_outputs"}
    assert difference("template", "C3") == {"networks", "optimizer", "lr", "balanced", "bf16"}
    assert {config["batch_size"] for config in configs.values()} == {64}
    theirs, ours = (my_gan.build(my_gan.parse(["--recipe", name]))[0][:2] for name in ("template", "ours"))
    for one, other in zip(theirs, ours, strict=True):
        assert [str(layer) for layer in one.net] == [str(layer) for layer in other.net]
    generator = my_gan.build(my_gan.parse(["--recipe", "ganpy"]))[0][1]
    assert {layer.eps for layer in generator.net if "BatchNorm" in type(layer).__name__} == {0.8}


def changed(monkeypatch, experiment, change):
    """The claims' table after `change` of every artifact of an experiment."""
    load = gan_experiments.load

    def altered(name):
        runs = copy.deepcopy(load(name))
        for run in runs.values() if name == experiment else ():
            change(run)
        return runs

    with monkeypatch.context() as patch:
        patch.setattr(gan_experiments, "load", altered)
        return {row[1]: row[-1] for row in gan_claims.table()}


def test_changed_artifacts_change_the_verdicts(monkeypatch):
    def shares(low):
        return lambda run: run["reporting"].update(shares=[low, *[(1 - low) / 9] * 9])

    claim = "mode collapse is avoided"
    assert changed(monkeypatch, "lengths", shares(0.0))[claim] == "not reproduced as tested"
    assert changed(monkeypatch, "lengths", shares(0.1))[claim] == "reproduced"
    claim = "after 200 epochs the images are almost the same as hand-written ones"
    assert changed(monkeypatch, "lengths", lambda run: run["reporting"].update(frechet=1e3))[claim] == "contradicted"
    assert changed(monkeypatch, "lengths", lambda run: run["reporting"].update(frechet=0.0))[claim] == "reproduced"
    claim = "the images are not memorised"
    near = changed(monkeypatch, "lengths", lambda run: run["nearest"].update(median=0.1))
    assert near[claim] == "not reproduced as tested"


def test_a_claim_about_seeds_holds_in_every_seed(monkeypatch):
    claim = "4 comes too rarely"
    few = [0.1, 0.1, 0.1, 0.1, 0.05, 0.15, 0.1, 0.1, 0.1, 0.1]
    every = changed(monkeypatch, "compared", lambda run: run["reporting"].update(shares=few))
    assert every[claim] == "reproduced"

    def but_the_first(run):
        run["reporting"].update(shares=[0.1] * 10 if run["config"]["seed"] == 0 else few)

    assert changed(monkeypatch, "compared", but_the_first)[claim] == "not reproduced as tested"


def test_all_claims_say_what_was_measured():
    table = gan_claims.table()
    assert {row[0] for row in table} == {"A2", "B2", "C3", "D2"} and len({row[1] for row in table}) == len(table)
    assert all(all(row) for row in table)
