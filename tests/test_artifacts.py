"""The record: fingerprints, whole files, clear errors, nothing half-written."""

import os
import signal

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


def test_a_process_killed_while_it_writes_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    code = (
        "import artifacts, os, pathlib, signal\n"
        f"with artifacts.atomic(pathlib.Path({str(path)!r})) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert python("-c", code, cwd=ROOT / "Part1").returncode == -signal.SIGKILL
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    artifacts.prepare(path)  # the next run of the same artifact
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(part1):
    """A limit on the size of files stands for the disk: the same OSError, at the same place."""
    code = (
        "import resource, runpy, sys\nsys.argv = ['experiments.py', 'baselines']\nimport experiments\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\nrunpy.run_path('experiments.py', run_name='__main__')"
    )
    done = python("-c", code, cwd=part1, env={**os.environ, "SMOKE": "1"})
    assert done.returncode == 1 and done.stderr.strip().splitlines()[-1].startswith("experiments.py: "), done.stderr
    assert "Traceback" not in done.stderr and list((part1 / "results" / "baselines").iterdir()) == []
