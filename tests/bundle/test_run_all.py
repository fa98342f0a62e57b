"""run_all.sh: bad input ends in one clear error before any work, and a signal in one line without orphans."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import toy
from common import ROOT
from toy import run_all

LONG = "9" * 41

BAD = [  # arguments, what the message must contain
    (("--nonsense",), "unknown stage or option '--nonsense'"),
    (("part3",), "unknown stage or option 'part3'"),
    (("part1", "--again"), "unknown stage or option '--again'"),
    (("",), "unknown stage or option ''"),
    (("-x",), "unknown stage or option '-x'"),
    (("--student=1",), "unknown stage or option '--student=1'"),
    (("--student",), "--student needs a value"),
    (("zip", "--name"), "--name needs a value"),
    (("--data_root",), "--data_root needs a value"),
    (("--student", ""), "--student is ''; expected letters, digits"),
    (("--student", "../x"), "--student is '../x'; expected letters, digits"),
    (("--student", "a b"), "--student is 'a b'; expected letters, digits"),
    (("--student", "-x"), "--student is '-x'; expected letters, digits, '-' and '_' only, no '-' first"),
    (("--student", "--name"), "--student is '--name'; expected"),
    (("--student", "学号"), "expected letters, digits"),
    (("--student", "é"), "expected letters, digits"),
    (("--student", "١٢"), "expected letters, digits"),
    (("--student", "a/b"), "--student is 'a/b'; expected"),
    (("--student", "a*"), "--student is 'a*'; expected"),
    (("--student", "$(id)"), "--student is '$(id)'; expected"),
    (("--student", LONG), "--student has 41 characters; expected at most 40"),
    (("--student", "zip"), "--student is 'zip', which is a stage"),
    (("--student", "report", "zip"), "--student is 'report', which is a stage"),
    (("--data_root", "/nowhere"), "--data_root '/nowhere' is not a folder; expected one that holds MNIST/raw"),
    (("--data_root", "-"), "--data_root '-' is not a folder"),
    (("--data_root", "/etc/passwd"), "--data_root '/etc/passwd' is not a folder"),
    (("test", "report"), "test runs alone"),
    (("report", "browser"), "browser runs alone"),
    (("test", "browser"), "runs alone"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_ends_with_one_clear_error(unbuilt, arguments, message):
    done = run_all(unbuilt, *arguments)
    assert done.returncode == 1 and message in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2 and "unbound" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("zip", "--name", "x" * 101), "--name has 101 characters; expected at most 100"),
        (("part1", "report", "--name", "a\nb"), "expected one line without control characters"),
        (("notebooks", "--name", "\U0001faa9"), "no font here has"),
    ],
)
def test_a_bad_name_is_said_before_any_stage(unbuilt, arguments, message):
    done = run_all(unbuilt, *arguments)
    assert done.returncode == 1 and message in done.stderr and "started" not in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and not (unbuilt / "Part1/done.txt").exists()


def test_help_says_what_there_is():
    done = run_all(ROOT, "--help")
    for word in ("setup", "part1", "readme", "zip", "--retrain", "--no-system", "--data_root FOLDER", "PYTHON"):
        assert word in done.stdout
    assert done.returncode == 0


def test_the_options_reach_the_parts_and_the_exit_status_the_caller(unbuilt, tmp_path):
    done = run_all(unbuilt, "part1", "part2", "--retrain", "--data_root", str(tmp_path), CDPATH="/")
    assert done.returncode == 0, done.stderr
    assert (unbuilt / "Part1/done.txt").read_text() == "all --retrain"
    assert (unbuilt / "Part2/done.txt").read_text() == f"all --retrain --data_root {tmp_path}"
    (unbuilt / "Part2/gan_study/__main__.py").write_text("import sys\nsys.exit('gan_study: no')")
    done = run_all(unbuilt, "part2", "part1")
    assert done.returncode == 1 and "gan_study: no" in done.stderr and "stage part2 failed (status 1)" in done.stderr
    assert (unbuilt / "Part1/done.txt").read_text() == "all --retrain"  # not reached


def test_an_exported_cdpath_does_not_lead_to_another_checkout(unbuilt, tmp_path):
    other = toy.make(tmp_path / "other" / "bundle")
    environment = os.environ | {"PYTHON": sys.executable, "CDPATH": str(other.parent)}
    command = ["bash", "bundle/run_all.sh", "part1"]
    subprocess.run(command, cwd=unbuilt.parent, env=environment, check=True, capture_output=True)
    assert (unbuilt / "Part1/done.txt").exists() and not (other / "Part1/done.txt").exists()


def stub(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_wrong_python_is_refused(tmp_path):
    old = stub(tmp_path / "python", 'test "$1" = --version && echo Python 3.8.1\nexit 1')
    done = run_all(ROOT, "setup", PYTHON=old)
    assert done.returncode != 0 and "expected Python 3.11, 3.12 or 3.13" in done.stderr


def test_the_given_python_is_used_for_everything(unbuilt, tmp_path):
    seen = tmp_path / "seen"
    python = stub(tmp_path / "python", f'echo "$@" >> {seen}\nexec {sys.executable} "$@"')
    assert run_all(unbuilt, "part1", "readme", PYTHON=python).returncode == 1  # no results for the README
    assert "-m lstm_study all" in seen.read_text() and "report/readme.py" in seen.read_text()


def test_without_system_packages_nothing_is_installed(unbuilt, tmp_path):
    """apt-get is there, LaTeX is not: with --no-system only what needs PDFs stops, and apt-get is not called."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "sh", "dirname", "id", "sleep", "cat", "rm", "mktemp", "tail", "echo"):
        (tools / name).symlink_to(shutil.which(name))
    called = tmp_path / "called"
    stub(tools / "apt-get", f'echo "$@" >> {called}')
    stub(tools / "sudo", f'test "$1" = -n && exit 0\necho sudo "$@" >> {called}')
    done = run_all(unbuilt, "setup", "part1", "--no-system", PATH=str(tools))
    assert done.returncode == 0 and "missing: pandoc xelatex" in done.stderr, done.stderr
    done = run_all(unbuilt, "setup", "report", "--no-system", PATH=str(tools))
    assert done.returncode == 1 and "apt-get install -y" in done.stderr and "stage setup failed" in done.stderr
    assert not called.exists()
    assert run_all(unbuilt, "setup", "report", PATH=str(tools)).returncode == 1
    assert "install" in called.read_text()


def test_what_is_not_installed_is_said(unbuilt):
    (unbuilt / "requirements.txt").write_text("torch==0.0.1\n")
    done = run_all(unbuilt, "part1")
    assert done.returncode == 1 and done.stderr.splitlines()[1:] == ["run_all.sh: run: ./run_all.sh setup"]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")])
def test_a_signal_ends_a_stage_with_one_line_and_no_orphans(unbuilt, number, name):
    environment = os.environ | {"PYTHON": sys.executable, "TOY_SECONDS": "60"}
    process = subprocess.Popen(
        ["bash", "run_all.sh", "part1"],
        cwd=unbuilt,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "part1: started" in process.stdout.readline()
    time.sleep(1)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    assert children
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    line = f"run_all.sh: stopped by {name} in stage part1; results that were complete are kept; to go on: ./run_all.sh"
    assert process.returncode == {"SIGTERM": 143, "Ctrl-C": 130}[name] and errors.splitlines() == [f"{line} part1"]
    groups = subprocess.run(["ps", "-eo", "pgid,stat"], capture_output=True, text=True).stdout.split("\n")
    assert not [line for line in groups if line.split()[:1] == children[:1] and "Z" not in line]


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ("ruff check", None),
        ("tests/part1", "part1"),
        ("tests/part2", "part2"),
        ("no:cacheprovider tests/bundle/test_all_stages.py", "stages"),
        ("tests/bundle --ignore", "bundle"),
    ],
)
def test_whatever_fails_fails_the_test_stage_which_closes_with_the_summaries(unbuilt, tmp_path, broken, name):
    python = stub(
        tmp_path / "python",
        f'case "$*" in *"{broken}"*) echo "1 failed"; exit 1 ;; *ruff*) exit 0 ;; *pytest*) echo "2 passed"; exit 0 ;; '
        f'esac\nexec {sys.executable} "$@"',
    )
    done = run_all(unbuilt, "test", "--no-system", PYTHON=python)
    assert done.returncode == 1 and "stage test failed" in done.stderr
    if name:
        said = [" ".join(line.split()) for line in done.stdout.splitlines()[-4:]]
        names = ("part1", "part2", "stages", "bundle")
        assert said == [f"== {each} {'1 failed' if each == name else '2 passed'}" for each in names]
        assert f"tests failed in: {name}" in done.stderr
