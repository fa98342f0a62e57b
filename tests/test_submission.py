"""The whole path at toy size, once: training, notebooks, PDFs, zip and its verification; and what a break leaves."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, python

import submission

NAME, STUDENT = "张三 李喆 (Zhang San)", "12345678"  # 喆 is not in TeX Live's own Chinese fonts


def run_all(*arguments, cwd=ROOT, **environment):
    command = ["bash", str(cwd / "run_all.sh"), *arguments]
    environment = os.environ | {"PYTHON": sys.executable} | environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, cwd="/")


def state(folder):
    """Every file of a checkout that a run could change, with its hash."""
    skipped = {".git", ".venv", "runs", "__pycache__", ".pytest_cache", ".ruff_cache"}
    files = (path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.relative_to(folder).parts))
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The scratch folder of a smoke run, and what the run printed."""
    scratch, before = tmp_path_factory.mktemp("smoke"), state(ROOT)
    done = run_all("--smoke", "--student", STUDENT, "--name", NAME, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(ROOT) == before, "the smoke run touched the checkout"
    return Path(re.search(r"smoke run in (.*)", done.stdout)[1]), done.stdout


def test_each_stage_says_when_it_starts_and_ends(smoke):
    for stage in ("part1", "part2", "notebooks", "report", "zip"):
        assert f"== {stage}: started" in smoke[1] and re.search(rf"== {stage}: done in \d+ s", smoke[1])


@pytest.mark.parametrize("path", ["report/report.pdf", "Part1/task2.pdf", "Part2/Part2.pdf"])
def test_the_pdfs_print_name_and_number(smoke, path):
    text = subprocess.run(["pdftotext", smoke[0] / path, "-"], capture_output=True, text=True, check=True).stdout
    assert STUDENT in text and "张三李喆" in re.sub(r"\s", "", text) and "Zhang San" in text
    fonts = subprocess.run(["pdffonts", smoke[0] / path], capture_output=True, text=True, check=True).stdout
    assert all(re.search(r" yes +(yes|no) +(yes|no) +\d+ +\d+$", line) for line in fonts.splitlines()[2:]), fonts


def test_the_zip_holds_what_is_needed_and_no_junk(smoke):
    with zipfile.ZipFile(smoke[0] / f"{STUDENT}_assignment3.zip") as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {f"{STUDENT}_assignment3"}
    inside = {name.partition("/")[2] for name in names}
    needed = "README.md requirements.txt run_all.sh Part1/dataset.py Part1/lstm.py Part1/vanilla_rnn.py Part1/utils.py "
    needed += "Part1/train.py Part1/experiments.py Part1/task2.ipynb Part1/task2.pdf Part2/my_gan.py Part2/Part2.ipynb "
    needed += "Part2/Part2.pdf Part2/dataset/mnist.py Part2/mnist_generator.pt Part2/images/1.png Part2/images/23.png "
    needed += "Part2/images/46.png report/report.tex report/report.pdf report/generated/numbers.tex "
    needed += "report/quantities.py report/notebook.lua report/notebook.tex report/cjk.tex tests/browser/test_lab.py"
    assert set(needed.split()) <= inside
    junk = r"\.DS_Store|__pycache__|\.venv|MNIST|ubyte|checkpoints|checkpoint\.pt|\.git|/runs/|\.aux|\.log"
    assert not [name for name in inside if re.search(junk, name)]


def test_the_zip_was_verified(smoke):
    archive, text = smoke[0] / f"{STUDENT}_assignment3.zip", (smoke[0] / "VERIFIED.txt").read_text()
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in text
    for line in ("Part1/task2.ipynb top to bottom", "Part2/Part2.ipynb top", "my_gan.py --dataset digits --n_epochs 1"):
        assert line in text
    for name in submission.HASHED:
        assert f"{hashlib.sha256((smoke[0] / name).read_bytes()).hexdigest()}  {name}" in text


@pytest.mark.parametrize("needed", ["Part1/lstm.py", "Part2/results/classifier_reporting.pt", "Part2/dataset/mnist.py"])
def test_a_missing_file_makes_the_verification_fail(smoke, tmp_path, needed):
    broken = tmp_path / "broken.zip"
    source = smoke[0] / f"{STUDENT}_assignment3.zip"
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(broken, "w") as copy:
        for entry in archive.infolist():
            if not entry.filename.endswith(needed):
                copy.writestr(entry, archive.read(entry))
    before = state(smoke[0])
    done = python("report/submission.py", "verify", broken, cwd=smoke[0], env=os.environ | {"SMOKE": "1"})
    assert done.returncode != 0 and Path(needed).stem in done.stderr, done.stderr
    assert state(smoke[0]) == before, "the checkout is not back as it was"


def test_a_zip_with_two_folders_is_refused(smoke, tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a/x", "")
        archive.writestr("__MACOSX/x", "")
    done = python("report/submission.py", "verify", tmp_path / "two.zip", cwd=smoke[0])
    assert done.returncode != 0 and "expected one folder" in done.stderr and "Traceback" not in done.stderr


def test_a_stage_that_fails_leaves_no_old_product(smoke, tmp_path):
    copy = shutil.copytree(smoke[0], tmp_path / "copy")
    artifact = copy / "Part2" / "results" / "real" / "test_images.json"
    artifact.write_text(artifact.read_text()[:100])
    done = run_all("report", "zip", "--student", STUDENT, cwd=copy, SMOKE="1")
    assert done.returncode != 0 and "stage report failed" in done.stderr
    assert "test_images.json is not a readable artifact" in done.stderr
    assert "python gan_experiments.py real" in done.stderr
    for product in ("report/report.pdf", f"{STUDENT}_assignment3.zip", "VERIFIED.txt"):
        assert not (copy / product).exists()


def test_a_killed_verification_is_put_right(smoke, tmp_path):
    copy = shutil.copytree(smoke[0], tmp_path / "copy")
    (copy / ".out_of_reach").mkdir()
    (copy / "Part1").rename(copy / ".out_of_reach" / "Part1")
    done = run_all("setup", cwd=copy)
    assert done.returncode == 0, done.stderr
    assert (copy / "Part1" / "lstm.py").exists() and not (copy / ".out_of_reach").exists()
    (copy / ".out_of_reach" / "Part1").mkdir(parents=True)  # but not over what is there
    done = run_all("setup", cwd=copy)
    assert done.returncode != 0 and "remove .out_of_reach" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nonsense",), "unknown stage or option '--nonsense'"),
        (("part3",), "unknown stage or option 'part3'"),
        (("--student",), "--student needs a value"),
        (("--student", "../x"), "--student is '../x'; expected letters, digits"),
        (("--data_root", "/nowhere"), "--data_root '/nowhere' is not a folder"),
        (("test", "report"), "test runs alone"),
    ],
)
def test_bad_requests_end_with_one_clear_error(arguments, message):
    done = run_all(*arguments)
    assert done.returncode != 0 and message in done.stderr


def test_a_style_error_fails_the_test_stage(tmp_path):
    stub = tmp_path / "python"
    stub.write_text(
        f'#!/bin/sh\ncase "$*" in *"ruff check"*) exit 1 ;; *pytest*) exit 0 ;; esac\nexec {sys.executable} "$@"\n'
    )
    stub.chmod(0o755)
    done = run_all("test", PYTHON=str(stub))
    assert done.returncode != 0 and "stage test failed" in done.stderr


def test_help_and_a_wrong_python(tmp_path):
    assert "--data_root FOLDER" in run_all("--help").stdout
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\ntest "$1" = --version && echo Python 3.8.1\nexit 1\n')
    old.chmod(0o755)
    done = run_all("setup", PYTHON=str(old))
    assert done.returncode != 0 and "expected Python 3.11, 3.12 or 3.13" in done.stderr
