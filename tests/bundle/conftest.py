"""Tests of what both Parts share, and of the bundle as a whole; neither Part is imported here."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "report"))

import toy
from toy import NAME, STUDENT, run_all


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """A toy bundle with its zip, by NAME."""
    folder = toy.make(tmp_path_factory.mktemp("toy") / "bundle")
    done = run_all(folder, "notebooks", "report", "readme", "zip", "--student", STUDENT, "--name", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def built(built_once, tmp_path):
    """A copy of that bundle, to change."""
    return Path(shutil.copytree(built_once, tmp_path / "copy"))


@pytest.fixture
def unbuilt(tmp_path):
    return toy.make(tmp_path / "bundle")
