"""Tests of Part II, with Part2 on the path: `pytest tests/part2` is a process of its own."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from common import ROOT

sys.path.insert(0, str(ROOT / "Part2"))
import torch

import checkpoint  # noqa: F401 (it puts report/ on the path, for artifacts)

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of child processes
MADE = ("results", "images", "runs", "MNIST", "*.pt", "*.ipynb", "*.pdf", "__pycache__")


def copied(folder):
    """Part2's code in `folder`, and what it needs of report/, without results."""
    (folder / "report").mkdir(parents=True)
    for name in ("artifacts.py", "closure.py", "command.py", "publish.py", "runner.py", "tables.py", "house.mplstyle"):
        shutil.copy(ROOT / "report" / name, folder / "report")
    return Path(shutil.copytree(ROOT / "Part2", folder / "Part2", ignore=shutil.ignore_patterns(*MADE)))


@pytest.fixture
def part2(tmp_path):
    """A copy of Part2's code: what runs in it cannot touch the published results."""
    return copied(tmp_path / "copy")


@pytest.fixture(scope="session")
def generator():
    from gan_study import quality

    return quality.load_generator()


@pytest.fixture(scope="session")
def judge():
    from gan_study.classifier import load_classifier

    return load_classifier()
