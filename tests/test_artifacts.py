"""The record: fingerprints, whole files, clear errors, and a grid that several processes share."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, python

import artifacts

CODE = ["def f(x):\n    return x + 1"]


def test_both_parts_have_the_same_module():
    assert (ROOT / "Part1" / "artifacts.py").read_bytes() == (ROOT / "Part2" / "artifacts.py").read_bytes()


def test_comments_docstrings_and_blank_lines_do_not_count():
    bare = 'class A:\n    def f(self):\n        return "# kept"\n'
    dressed = (
        '"""Module."""\n# comment\nclass A:\n    """Two\n    lines."""\n\n    def f(self):  # why\n'
        '        """Says."""\n        return "# kept"\n'
    )
    assert artifacts.essence(dressed) == artifacts.essence(bare)
    assert artifacts.essence(bare) != artifacts.essence(bare.replace("kept", "changed"))


def test_the_fingerprint_depends_on_configuration_and_code():
    fingerprints = [
        artifacts.fingerprint({"seed": seed, "lr": 0.1}, code) for seed in (0, 1) for code in (CODE, [CODE[0] + "0"])
    ]
    assert len(set(fingerprints)) == 4
    assert artifacts.fingerprint({"lr": 0.1, "seed": 0}, CODE) == fingerprints[0]


def test_what_is_written_is_read_and_says_what_made_it(tmp_path):
    path = tmp_path / "results" / "run.json"
    artifacts.write(path, {"seed": 3}, CODE, 1.25, accuracy=0.5)
    artifact = artifacts.read(path, {"seed": 3}, CODE, "make it")
    assert artifact["accuracy"] == 0.5 and artifact["config"] == {"seed": 3}
    assert artifact["versions"]["torch"] and "cores" in artifact["hardware"] and artifact["seconds"] == 1.2
    assert artifacts.is_current(path, {"seed": 3}, CODE)
    assert not artifacts.is_current(path, {"seed": 4}, CODE)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ('{"fingerp', "not a readable artifact"),
        ("[]", "not a readable"),
        ('{"fingerprint": "0"}', "stale"),
    ],
)
def test_missing_truncated_foreign_and_stale_artifacts_are_errors(tmp_path, content, message):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(artifacts.ArtifactError, match=f"run.json.*{message}.*make it"):
        artifacts.read(path, {}, CODE, "make it")


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), artifacts.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError):  # NaN is not JSON
        artifacts.write(tmp_path / "nan.json", {}, CODE, 0, loss=float("nan"))
    assert list(tmp_path.iterdir()) == [path]


def test_files_belong_to_an_artifact_by_their_hash(tmp_path):
    weights, path = tmp_path / "model.pt", tmp_path / "results" / "run.json"
    weights.write_bytes(b"weights")
    artifacts.write(path, {}, CODE, 0, files=[weights])
    assert artifacts.is_current(path, {}, CODE)
    weights.write_bytes(b"others")
    with pytest.raises(artifacts.ArtifactError, match=r"model.pt is not the one that run.json tells of; .*make it"):
        artifacts.read(path, {}, CODE, "make it")
    weights.unlink()
    with pytest.raises(artifacts.ArtifactError, match=r"model.pt is missing"):
        artifacts.read(path, {}, CODE, "make it")


def test_a_folder_that_cannot_be_written_to_is_known_before_the_work(tmp_path):
    artifacts.prepare(tmp_path / "results" / "run.json")
    assert list((tmp_path / "results").iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(artifacts.ArtifactError, match=r"cannot be written to .*nothing was started"):
        artifacts.prepare(tmp_path / "file" / "run.json")


def test_a_toy_run_never_replaces_the_record(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    artifacts.write(path, {}, CODE, 0)
    monkeypatch.setattr(artifacts, "SMOKE", True)
    with pytest.raises(artifacts.ArtifactError, match="is of the record"):
        artifacts.write(path, {"toy": 1}, CODE, 0)


N_RUNS = 7  # of the toy grid: 2 defaults, 1 baseline, 4 lengths


def smoke(**more):
    return {**os.environ, "SMOKE": "1", "OMP_NUM_THREADS": "1", **more}


def test_two_processes_share_the_grid_and_a_repeat_does_nothing(part1):
    command = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "experiments.py", "all")
    done = python(*command, cwd=part1, env=smoke())
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    made = list((part1 / "results").glob("*/*.json"))
    assert len(lines) == len(made) == N_RUNS and not any("up to date" in line for line in lines)  # none twice
    again = python("experiments.py", "all", cwd=part1, env=smoke())
    assert again.stdout.count("is up to date") == N_RUNS and "0 run(s)" in again.stdout


def test_a_killed_grid_keeps_what_was_done_and_ends_with_the_same_results(part1):
    results = part1 / "results"

    def outcome():
        read = (json.loads(path.read_text()) for path in sorted(results.glob("*/*.json")))
        return [{k: v for k, v in artifact.items() if k not in ("seconds", "finished")} for artifact in read]

    for seconds in (5.0, 6.5):
        with subprocess.Popen([sys.executable, "experiments.py", "all"], cwd=part1, env=smoke()) as process:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in results.glob("*/*.json")}
    assert python("experiments.py", "all", cwd=part1, env=smoke()).returncode == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    interrupted = outcome()
    assert python("experiments.py", "all", "--retrain", cwd=part1, env=smoke()).returncode == 0
    assert outcome() == interrupted and len(interrupted) == N_RUNS
    assert {path.suffix for path in results.glob("*/*")} == {".json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "invalid choice: 'nonsense'"),
        ((), "say which experiment"),
        (("lengths", "--lengths", "7"), "no run has T = [7]"),
        (("lengths", "--seeds", "99"), "no run has seed = [99]"),
    ],
)
def test_bad_requests_end_with_one_clear_error(refusal, arguments, message):
    assert message in refusal(ROOT / "Part1" / "experiments.py", *arguments)


def test_the_list_names_every_experiment():
    done = python("experiments.py", "--list", cwd=ROOT / "Part1")
    assert done.returncode == 0 and "defaults" in done.stdout and "runs done" in done.stdout
