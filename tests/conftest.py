import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / part) for part in ("Part1", "Part2", "Part2/dataset", "report")]
torch.set_num_threads(1)


def python(*arguments, cwd, **options):
    """Runs `python *arguments`; returns the completed process with its text output."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture
def refusal(monkeypatch, capsys):
    """A function that runs a script in this process, as `python script *arguments` would, and returns its error."""

    def run(script, *arguments):
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(script), run_name="__main__")
        assert stop.value.code, "exit status 0"
        return stop.value.code if isinstance(stop.value.code, str) else capsys.readouterr().err

    return run


@pytest.fixture
def part2(tmp_path):
    """A copy of Part2's code, without results: what runs in it cannot touch the record."""
    ignore = shutil.ignore_patterns("results", "images", "runs", "MNIST", "*.pt", "*.ipynb", "*.pdf", "__pycache__")
    return Path(shutil.copytree(ROOT / "Part2", tmp_path / "Part2", ignore=ignore))


@pytest.fixture
def part1(tmp_path):
    """A copy of Part1's code, without results."""
    ignore = shutil.ignore_patterns("results", "*.ipynb", "*.pdf", "__pycache__")
    return Path(shutil.copytree(ROOT / "Part1", tmp_path / "Part1", ignore=ignore))
