"""Each folder of tests is a run of its own (`pytest tests/part1`): no process imports both Parts."""

import runpy
import sys

import pytest


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
