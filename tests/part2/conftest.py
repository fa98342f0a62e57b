"""Tests of Part II, with Part2 on the path: `pytest tests/part2` is a process of its own."""

import os
import shutil
import sys
from itertools import islice
from pathlib import Path

import pytest
from common import ROOT

sys.path.insert(0, str(ROOT / "Part2"))
import torch
from torch.optim.swa_utils import update_bn

import checkpoint  # noqa: F401 (it puts report/ on the path, for artifacts)

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of child processes
MADE = ("results", "images", "runs", "MNIST", "*.pt", "*.ipynb", "*.pdf", "__pycache__")
SHORTER = (  # in copies: file, what is there, what is put in its place
    ("my_gan.py", "for _ in range(40)", "for _ in range(2)"),
    ("gan_study/experiments.py", "3 if artifacts.SMOKE else 6", "1 if artifacts.SMOKE else 6"),
)


def copied(folder):
    """Part2's code in `folder`, made shorter, and what it needs of report/, without results."""
    (folder / "report").mkdir(parents=True)
    for name in ("artifacts.py", "closure.py", "command.py", "publish.py", "runner.py", "tables.py", "house.mplstyle"):
        shutil.copy(ROOT / "report" / name, folder / "report")
    part = Path(shutil.copytree(ROOT / "Part2", folder / "Part2", ignore=shutil.ignore_patterns(*MADE)))
    for name, old, new in SHORTER:
        source = (part / name).read_text(encoding="utf-8")
        assert source.count(old) == 1
        (part / name).write_text(source.replace(old, new), encoding="utf-8")
    return part


@pytest.fixture(autouse=True)
def few_statistics(monkeypatch):
    """BatchNorm's statistics of what is trained in this process are recomputed over 512 noise vectors, not 10,240."""
    import my_gan

    def few(batches, *arguments, **options):
        return update_bn(islice(batches, 2), *arguments, **options)

    monkeypatch.setattr(my_gan, "update_bn", few)


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
