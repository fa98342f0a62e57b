"""The grid of runs: shared by processes, killed at any moment, clear about bad requests; and the networks it ships."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, python

import artifacts
import experiments

SOME = ("efficiency", "C1", "C2", "D1", "trap", "baselines")  # enough for the kills; test_submission runs all
TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node", "2")
SMOKE = {**os.environ, "SMOKE": "1", "OMP_NUM_THREADS": "1"}


def outcome(folder):
    """The artifacts, without what differs from run to run."""
    read = {
        str(path.relative_to(folder)): json.loads(path.read_text())
        for path in sorted((folder / "results").glob("*/*.json"))
    }
    return {name: {k: v for k, v in a.items() if k not in ("seconds", "finished")} for name, a in read.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A copy of Part1 in which SOME ran in one go: (the output, what it made)."""
    folder = tmp_path_factory.mktemp("undisturbed") / "Part1"
    shutil.copytree(ROOT / "Part1", folder, ignore=shutil.ignore_patterns("results", "*.ipynb", "*.pdf", "__pycache__"))
    done = python("experiments.py", *SOME, cwd=folder, env=SMOKE)
    assert done.returncode == 0, done.stderr
    return done.stdout, outcome(folder)


def test_every_run_has_a_progress_line_with_an_estimate(undisturbed):
    output, made = undisturbed
    lines = re.findall(r"^\[\d+/(\d+)\] \S+ \d+ s; about \d+ min remain$", output, re.M)
    assert len(lines) == len(made) == int(lines[0]) > 10


def test_two_ranks_share_a_grid_one_is_killed_and_a_repeat_completes_it(part1, undisturbed):
    command = [sys.executable, *TORCHRUN, "experiments.py", *SOME]
    with subprocess.Popen(command, cwd=part1, env=SMOKE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as launcher:
        while not list(part1.glob("results/*/*.json")):
            time.sleep(0.1)
            assert launcher.poll() is None, launcher.stdout.read()
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        launcher.communicate()
    assert launcher.returncode != 0
    before = {path: path.stat().st_mtime_ns for path in part1.glob("results/*/*.json")}
    done = python(*TORCHRUN, "experiments.py", *SOME, cwd=part1, env=SMOKE)
    assert done.returncode == 0, done.stderr
    lines = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == len(set(lines))  # no run was done twice
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())  # nor one again
    assert outcome(part1) == undisturbed[1]


def test_ten_kills_at_random_moments_change_nothing(part1, undisturbed):
    moments = random.Random(0)
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "experiments.py", *SOME],
            cwd=part1,
            env=SMOKE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(moments.uniform(2, 5))
            process.kill()
    done = python("experiments.py", *SOME, cwd=part1, env=SMOKE)
    assert done.returncode == 0, done.stderr
    assert outcome(part1) == undisturbed[1]
    assert {path.suffix for path in part1.glob("results/*/*")} == {".json"}
    again = python("experiments.py", *SOME, cwd=part1, env=SMOKE)
    assert f"{len(undisturbed[1])} of {len(undisturbed[1])} run(s) are up to date" in again.stdout
    assert "\n0 run(s) in" in again.stdout


def test_ctrl_c_says_how_to_go_on(part1):
    """In a session of its own, where SIGINT is not ignored, as at a terminal."""
    command = [sys.executable, "experiments.py", *SOME]
    options = {"cwd": part1, "env": SMOKE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    reset = "import signal, os, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", reset + "os.execv(sys.argv[1], sys.argv[1:])", *command]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as process:
        while not list(part1.glob("results/*/*.json")):
            time.sleep(0.1)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
    assert process.returncode == 1 and "the same command continues" in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "there is no experiment nonsense; there are B1, efficiency"),
        ((), "say which experiment"),
        (("B1", "--lengths", "7"), "no run has T = [7]"),
        (("B1", "--lengths", "-5"), "no run has T = [-5]"),
        (("B1", "--seeds", "99"), "no run has seed = [99]"),
    ],
)
def test_bad_requests_end_with_one_clear_error(refusal, arguments, message):
    assert message in refusal(ROOT / "Part1" / "experiments.py", *arguments)


def test_a_results_folder_that_cannot_be_written_to(part1):
    (part1 / "results").write_text("in the way")
    done = python("experiments.py", "baselines", cwd=part1, env=SMOKE)
    assert done.returncode == 1 and "nothing was started" in done.stderr and "Traceback" not in done.stderr


def test_the_list_names_every_experiment():
    done = python("experiments.py", "--list", cwd=ROOT / "Part1")
    assert done.returncode == 0 and all(name in done.stdout for name in experiments.EXPERIMENTS)


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign", "stale"])
def test_a_checkpoint_that_is_not_the_one_is_refused(tmp_path, monkeypatch, damage):
    source = experiments.path("shipped", "lstm_bistable")
    for suffix in (".json", ".pt"):
        shutil.copy(source.with_suffix(suffix), tmp_path)
    monkeypatch.setattr(
        experiments,
        "path",
        lambda experiment, name: (
            (tmp_path if experiment == "shipped" else source.parent.parent / experiment) / f"{name}.json"
        ),
    )
    experiments.network("lstm_bistable")
    weights = tmp_path / "lstm_bistable.pt"
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "foreign":
        shutil.copy(source.with_name("lstm_chrono.pt"), weights)
    else:
        artifact = json.loads((tmp_path / "lstm_bistable.json").read_text())
        (tmp_path / "lstm_bistable.json").write_text(json.dumps(artifact | {"fingerprint": "0"}))
    with pytest.raises(artifacts.ArtifactError, match=r"lstm_bistable.*make it anew with: python exper"):
        experiments.network("lstm_bistable")


def test_what_is_shipped_is_the_median_seed():
    runs = [run for run in experiments.load("records") if run["config"]["recipe"] == "bistable"]
    _, shipped = experiments.network("lstm_bistable")
    updates = sorted(run["solved_at"] for run in runs)
    assert shipped["solved_at"] == updates[(len(updates) - 1) // 2] and len(updates) == 10
    (same,) = [run for run in runs if run["config"]["seed"] == shipped["config"]["seed"]]
    assert same["history"] == shipped["history"] and same["accuracy"] == shipped["accuracy"]
