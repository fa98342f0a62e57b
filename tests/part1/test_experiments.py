"""The grids of runs: resumed after a kill, clear about failures and bad requests; and the networks shipped."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from common import ROOT, forked, python

import artifacts
from lstm_study import __main__ as command
from lstm_study import experiments, perform

SOME = ("C1", "D1", "trap", "baselines")  # a short grid
SMOKE = {**os.environ, "SMOKE": "1", "OMP_NUM_THREADS": "1"}
INDEPENDENT = [name for name, experiment in experiments.EXPERIMENTS.items() if not experiment.after]


def study(*arguments, cwd):
    return python("-m", "lstm_study", *arguments, cwd=cwd, env=SMOKE)


def outcome(folder):
    """The records, without what differs from run to run."""
    kept = {}
    for path in sorted((folder / "results").glob("[!.]*.jsonl")):  # not what is half-written
        for line in path.read_text().splitlines():
            record = json.loads(line)
            kept[path.stem, record["name"]] = {
                k: v for k, v in record.items() if k not in ("seconds", "finished", "hash")
            }
    return kept


# ------------------------------------------------------------------------------------------------- which runs there are


@pytest.mark.parametrize("name", INDEPENDENT)
def test_runs_have_names_and_configurations_of_their_own(name):
    runs = list(experiments.EXPERIMENTS[name].runs())
    assert len({run.name for run in runs}) == len({json.dumps(run.config, sort_keys=True) for run in runs}) == len(runs)


def tried(initialisation, lr, solved_at, losses, diverged=None):
    config = {"T": 20, "model": "lstm", "input_dim": 10, "initialisation": initialisation, "lr": lr}
    history = {"update": [50 * (n + 1) for n in range(len(losses))], "loss": losses}
    run = {"config": config, "solved_at": solved_at, "updates": 50 * len(losses), "history": history}
    return run | ({"diverged": diverged} if diverged else {})


@pytest.mark.parametrize(
    ("runs", "best"),
    [
        ([tried("a", 0.1, 400, [2, 0]), tried("b", 0.1, 200, [2, 1]), tried("a", 0.2, None, [0, 0])], ("b", 0.1)),
        ([tried("a", 0.1, None, [9] * 4 + [2.0] * 4), tried("a", 0.2, None, [0] * 4 + [2.1] * 4)], ("a", 0.1)),
        ([tried("a", 0.1, None, [], diverged=3), tried("a", 0.2, None, [5] * 8)], ("a", 0.2)),
    ],
)
def test_the_races_settings_are_the_fastest_to_solve_or_else_those_of_the_lowest_loss(monkeypatch, runs, best):
    monkeypatch.setattr(experiments, "load", lambda name: runs)
    assert experiments.chosen_initialisations() == {("lstm", 10): best[0]}
    if best[0] == "a":
        assert experiments.chosen_rates() == {(20, "lstm", "a", 10): best[1]}


def test_the_race_compares_equals(monkeypatch):
    best = {("lstm", 1): "chrono", ("lstm", 10): "bistable", ("rnn", 1): "identity", ("rnn", 10): "bistable"}
    monkeypatch.setattr(experiments, "chosen_initialisations", lambda: best)
    rates = dict.fromkeys(experiments.entrants(), 0.003)
    monkeypatch.setattr(experiments, "chosen_rates", lambda: rates)
    race, tuning = (list(experiments.EXPERIMENTS[name].runs()) for name in ("race", "race_tuning"))
    assert len(race) == 6 * 2 * 2 * 2 * 5 and len(tuning) == 6 * 2 * 2 * 2 * 4
    settings = ("max_updates", "batch_size", "hidden_dim", "optimizer", "max_norm", "check_every")
    assert len({tuple(run.config[key] for key in settings) for run in race}) == 1
    assert {run.config["seed"] for run in race}.isdisjoint(run.config["seed"] for run in tuning)
    assert [run.config["T"] for run in race] == sorted((run.config["T"] for run in race), reverse=True)


# --------------------------------------------------------------------------------------------------- a grid at toy size


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(the output, the copy of Part1 in which it was made) of SOME, in one go."""
    from conftest import copied

    folder = copied(tmp_path_factory.mktemp("undisturbed"))
    done = study(*SOME, "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, folder


@pytest.mark.slow
def test_every_run_has_a_progress_line_with_an_estimate(undisturbed):
    output, folder = undisturbed
    lines = re.findall(r"^\[\d+/(\d+)\] \S+ \d+ s; about \d+ min remain$", output, re.M)
    assert len(lines) == len(outcome(folder)) == int(lines[0]) >= 10


@pytest.mark.slow
def test_killed_and_repeated_a_grid_gives_the_same(part1, undisturbed):
    arguments = [sys.executable, "-m", "lstm_study", *SOME, "--jobs", "2"]
    with subprocess.Popen(arguments, cwd=part1, env=SMOKE, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        while len(outcome(part1)) < 3 and run.poll() is None:
            time.sleep(0.05)
        os.killpg(run.pid, 9)
    assert 3 <= len(outcome(part1)) < len(outcome(undisturbed[1]))
    done = study(*SOME, cwd=part1)
    assert done.returncode == 0, done.stderr
    made = outcome(part1)
    assert made == outcome(undisturbed[1])
    again = forked("-m", "lstm_study", *SOME, cwd=part1, env=SMOKE)
    assert f"{len(made)} of {len(made)} run(s) are up to date" in again.stdout


@pytest.mark.slow
def test_a_diverging_run_ends_in_one_message_and_the_others_are_kept(part1, undisturbed):
    """tests/bundle/test_artifacts.py has runs that crash and workers that die."""
    shutil.copytree(undisturbed[1] / "results", part1 / "results")
    path = part1 / "lstm_study" / "experiments.py"
    source = path.read_text(encoding="utf-8")
    assert "(1e-3, 3e-3, 1e-2)" in source
    path.write_text(source.replace("(1e-3, 3e-3, 1e-2)", "(1e37,)", 1), encoding="utf-8")
    before = outcome(part1)
    done = study("C1", "trap", "--jobs", "1", cwd=part1)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the run lstm_pytorch_T20_seed0_lr1e+37 of C1 failed: training diverged: the " in done.stderr
    assert "kept; to go on: python -m lstm_study" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("lstm_study: ") and done.stderr.count("lstm_study: ") == 1
    kept = outcome(part1)
    assert {key: record for key, record in before.items() if key[0] != "C1"}.items() <= kept.items()


@pytest.mark.slow
def test_the_results_are_a_line_a_run_and_listed(undisturbed):
    folder = undisturbed[1]
    lines = (folder / "results" / "baselines.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(each["name"], each["smoke"]) for each in map(json.loads, lines)] == [("T5", True)]
    listed = forked("-m", "lstm_study", "list", cwd=folder, env=SMOKE)
    assert all(name in listed.stdout for name in experiments.EXPERIMENTS)
    assert re.search(r"^baselines +1 of 1 ", listed.stdout, re.M) and re.search(r"^far +waits ", listed.stdout, re.M)


# -------------------------------------------------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: what"),
        (["nonsense"], "there is no experiment nonsense; expected list, all, claims, report or some of B1, efficiency"),
        (["B1", "nonsense", "b1"], "there is no experiment nonsense, b1;"),
        (["list", "B1"], "list stands alone"),
        (["B1", "all"], "all stands alone"),
        (["B1", "--jobs", "0"], "--jobs is 0; expected at least 1"),
        (["B1", "--jobs", "two"], "invalid int value: 'two'"),
        (["B1", "--seeds"], "expected at least one argument"),
        (["B1", "--seeds", "99"], "--seeds 99: no run of B1 has that; there are [0, 1, 2, 3, 4]"),
        (["B1", "--seeds", "0", "-1"], "--seeds -1: no run of B1 has that"),
        (["B1", "--lengths", "7", "5"], "--lengths 7: no run of B1 has that; there are [5, 10, 15, 20, 25, 30]"),
        (["B1", "--lengths", "-5"], "--lengths -5: no run of B1 has that"),
        (["B1", "--lengths", "5.5"], "invalid int value: '5.5'"),
        (["B1", "--again"], "unrecognized arguments: --again"),
    ],
)
def test_bad_requests_end_in_one_clear_message(monkeypatch, capsys, tmp_path, arguments, message):
    results = artifacts.Results(tmp_path, experiments.EXPERIMENTS, experiments.RESULTS.command)
    monkeypatch.setattr(experiments, "RESULTS", results)
    monkeypatch.setattr(sys, "argv", ["lstm_study", *arguments])
    with pytest.raises(SystemExit) as stop:
        artifacts.script(command.main, "lstm_study")
    assert stop.value.code
    assert message in (stop.value.code if isinstance(stop.value.code, str) else capsys.readouterr().err)
    assert not list(tmp_path.glob("*.jsonl"))


def test_the_command_runs_in_a_folder_without_results(part1):
    done = forked("-m", "lstm_study", "claims", cwd=part1)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert "lacks the run" in done.stderr and "make it with: python -m lstm_study" in done.stderr


# ---------------------------------------------------------------------------------------------------- shipped networks


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """The folder of results of a network that was hardly trained, kept by one run and shipped by another."""
    config = experiments.run("lstm", "bistable", [5], 0, 2, 1, 0, keep=True, hidden_dim=8, total_len=100).config
    kept = artifacts.Run("kept", config)
    grid = {"records": artifacts.Experiment(lambda: [kept], perform.solve)}
    grid |= {"shipped": artifacts.Experiment(lambda: [copy], perform.shipped)}
    results = artifacts.Results(tmp_path, grid, "python -m lstm_study {}")
    monkeypatch.setattr(experiments, "RESULTS", results)
    monkeypatch.setattr(perform, "RESULTS", tmp_path)
    results.write("records", kept, perform.solve(config), 0.0)
    (config,) = experiments.kept("records", "lstm", "bistable").values()
    assert config == experiments.median_kept("records", "lstm", "bistable")
    copy = artifacts.Run("lstm_bistable", config)
    results.write("shipped", copy, perform.shipped(config), 0.0)
    return tmp_path


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign", "edited", "stale"])
def test_weights_that_are_not_the_ones_are_refused(shipped, damage):
    network, record = experiments.network("lstm_bistable")
    weights, line = shipped / "lstm_bistable.pt", shipped / "shipped.jsonl"
    assert weights.read_bytes() == (shipped / record["config"]["weights"]).read_bytes() and not network.training
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "foreign":
        shutil.copy(ROOT / "Part1" / "results" / "lstm_chrono.pt", weights)
    elif damage == "edited":
        line.write_text(line.read_text().replace('"seconds": 0.', '"seconds": 1.', 1))
    else:
        record = json.loads(line.read_text()) | {"fingerprint": "0"}
        line.write_text(json.dumps(record | {"hash": artifacts.own_hash(record)}) + "\n")
    with pytest.raises(artifacts.ArtifactError, match=r"lstm_bistable.*python -m lstm_study shipped"):
        experiments.network("lstm_bistable")


@pytest.mark.parametrize(
    ("damage", "wrong"), [("missing", "is missing"), ("cut", "is not the file that its run wrote")]
)
def test_what_is_tested_or_proven_later_is_what_was_trained(shipped, damage, wrong):
    (config,) = experiments.kept("records", "lstm", "bistable").values()
    further = config | {"tests": [[20, 50]], "prefix": 1}
    (tested,) = perform.far(further)["tests"]
    assert (tested["T"], tested["n"]) == (20, 50) and perform.prove(further)["proof"]["prefix"] == 1
    file = shipped / config["weights"]
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:-1])
    for later in (perform.far, perform.prove, perform.shipped):
        with pytest.raises(artifacts.ArtifactError, match=rf"{config['weights']} {wrong}; restore it"):
            later(further)
