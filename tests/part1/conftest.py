"""Tests of Part I, with Part1 on the path: `pytest tests/part1` is a process of its own."""

import shutil
import sys
from pathlib import Path

import pytest
from common import ROOT

sys.path.insert(0, str(ROOT / "Part1"))
import matplotlib as mpl
import torch

import lstm_study  # noqa: F401 (it puts report/ on the path, for artifacts)

mpl.use("agg")
torch.set_num_threads(1)
MADE = ("results", "*.ipynb", "*.pdf", "__pycache__")


@pytest.fixture(autouse=True)
def edited(request, monkeypatch):
    """Tests without the mark `results` find all results stale in their process, as after an edit, and must pass."""
    import artifacts

    if not request.node.get_closest_marker("results"):
        known = artifacts.fingerprint
        monkeypatch.setattr(artifacts, "fingerprint", lambda *each: known(*each)[::-1])


@pytest.fixture
def part1(tmp_path):
    """A copy of Part1's code, and what it needs of report/: what runs in it cannot touch the published results."""
    return copied(tmp_path / "copy")


def copied(folder):
    (folder / "report").mkdir(parents=True)
    for name in ("artifacts.py", "closure.py", "command.py", "publish.py", "runner.py", "tables.py", "house.mplstyle"):
        shutil.copy(ROOT / "report" / name, folder / "report")
    return Path(shutil.copytree(ROOT / "Part1", folder / "Part1", ignore=shutil.ignore_patterns(*MADE)))


@pytest.fixture
def recorded(monkeypatch):
    """The published results as they are, even where an edit of the code has made them stale."""
    from lstm_study import experiments

    def load(name):
        return list(experiments.RESULTS.records(name).values())

    monkeypatch.setattr(experiments, "load", load)
    return load
