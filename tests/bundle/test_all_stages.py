"""The whole way from an empty bundle to its verified zip, at toy size, once; and what a killed verification leaves."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from common import ROOT, forked
from toy import NAME, STUDENT, build, ended, run_all, state

import build as builder

PDFS = ("Part1/task2.pdf", "Part2/Part2.pdf", "report/report.pdf")
STAGES = ("part1", "part2", "notebooks", "report", "readme", "zip")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The scratch folder of a smoke run, and what the run printed."""
    scratch, before = tmp_path_factory.mktemp("smoke"), state(ROOT)
    done = run_all(ROOT, "--smoke", "--no-system", "--student", STUDENT, "--name", NAME, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name for name, was in state(ROOT).items() if before.get(name) != was} == set(), "the checkout was touched"
    return Path(re.search(r"smoke run in (.*)", done.stdout)[1]), done.stdout


def test_each_stage_says_when_it_starts_and_ends(smoke):
    for stage in STAGES:
        assert f"== {stage}: started" in smoke[1] and re.search(rf"== {stage}: done in \d+ s", smoke[1])


@pytest.mark.parametrize(
    ("part", "command", "words"),
    [
        ("Part1", "-m lstm_study all", ("up to date",)),
        ("Part1", "-m lstm_study list", ("race_tuning", "benchmark")),
        ("Part1", "-m lstm_study claims", ("A1", "D1")),
        ("Part2", "-m gan_study all", ("up to date",)),
        ("Part2", "-m gan_study list", ("trainings", "benchmark")),
        ("Part2", "-m gan_study claims", ("A2", "D2")),
        ("Part2", "my_gan.py", ("up to date: mnist_generator.pt",)),
        ("Part2", "-m gan_study interpolate --pair 3,8", ("linear", "3_to_8.png")),
    ],
)
def test_commands_find_the_results(smoke, part, command, words):
    done = forked(*command.split(), cwd=smoke[0] / part, env=os.environ | {"SMOKE": "1"})
    if "interpolate" in command and "none of 20,000 pairs" in done.stderr:
        return  # a toy may know neither digit
    assert done.returncode == 0 and all(word in done.stdout for word in words), done.stdout + done.stderr
    assert not any(word in done.stdout for word in ("min remain", "waits", " 0 of "))


@pytest.mark.parametrize("path", PDFS)
def test_the_pdfs_print_name_and_number(smoke, path):
    text = subprocess.run(["pdftotext", smoke[0] / path, "-"], capture_output=True, text=True, check=True).stdout
    assert f"{NAME} {STUDENT}" in " ".join(text.split())


def test_the_zip_holds_what_is_needed_and_no_junk(smoke):
    with zipfile.ZipFile(smoke[0] / f"{STUDENT}_assignment3.zip") as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {f"{STUDENT}_assignment3"}
    inside = {name.partition("/")[2] for name in names}
    needed = "README.md requirements.txt run_all.sh Part1/dataset.py Part1/lstm.py Part1/vanilla_rnn.py Part1/utils.py "
    needed += "Part1/train.py Part1/lstm_study/__main__.py Part1/task2.ipynb Part1/task2.pdf Part2/my_gan.py "
    needed += "Part2/gan_study/__main__.py Part2/Part2.ipynb Part2/Part2.pdf Part2/dataset/mnist.py "
    needed += "Part2/mnist_generator.pt Part2/images/1.png report/report.tex report/report.pdf report/build.py "
    needed += "report/generated/part1/numbers.tex report/generated/part2/numbers.tex report/notebook.lua report/cjk.tex"
    assert set(needed.split()) <= inside
    junk = r"\.DS_Store|__pycache__|\.venv|MNIST|ubyte|checkpoints|checkpoint\.pt|\.git|/runs/|\.aux|\.log|\.build|/\."
    assert not [name for name in inside if re.search(junk, name)]


def test_the_zip_was_verified(smoke):
    archive, text = smoke[0] / f"{STUDENT}_assignment3.zip", (smoke[0] / "VERIFIED.txt").read_text()
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in text
    for line in ("Part1/task2.ipynb top to bottom", "Part2/Part2.ipynb top", "my_gan.py --dataset digits --n_epochs 1"):
        assert line in text
    for name in builder.PRODUCTS:
        assert f"{hashlib.sha256((smoke[0] / name).read_bytes()).hexdigest()}  {name}" in text


def test_a_verification_that_is_killed_leaves_the_users_files_alone(smoke, tmp_path):
    """Killed with -9 in the middle, twice: no file changed, and the next build removes what was left."""
    before, environment = state(smoke[0]), os.environ | {"SMOKE": "1", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "report/build.py", "verify", f"{STUDENT}_assignment3.zip"]
    for _ in range(2):
        process = subprocess.Popen(command, cwd=smoke[0], env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("assignment3-*/Part1/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(3)
        assert process.poll() is None, "the verification ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(tmp_path.glob("assignment3-*")) and state(smoke[0]) == before
        ended(tmp_path)  # waits until what it had started has seen that it is gone
    assert len(list(tmp_path.glob("assignment3-*"))) == 1  # the second removed what the first had left
    done = build(smoke[0], "check", SMOKE="1", TMPDIR=str(tmp_path))
    assert done.returncode == 0 and not list(tmp_path.glob("assignment3-*")), done.stderr
    assert state(smoke[0]) == before and [p.name for p in (smoke[0] / "report/.build").iterdir()] == ["lock"]
