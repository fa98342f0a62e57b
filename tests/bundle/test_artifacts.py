"""Results: what a run can reach makes it stale, edits are refused, and whatever breaks keeps the runs that ended."""

import functools
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import artifacts
import closure
import runner

CODE = {  # a small Part: an assignment file, and a study with two experiments
    "model.py": """
import math

WIDTH = 3
UNUSED = 4
TABLE = {"one": math.floor, "two": lambda x: x + WIDTH}


def unused():
    return UNUSED


class Base:
    def half(self, x):
        return x / 2


class Model(Base):
    scale = 2

    def forward(self, x):
        return self.half(x) * self.scale
""",
    "study/__init__.py": "import sys\nsys.path.append({report!r})\n",
    "study/run.py": """
import os
import time

import model
from model import TABLE as table

torch_like = os.path
SETTINGS = [1, 2]
SETTINGS.append(3)


def measure(x):
    from study import deep

    return deep.rounded(table["two"](x)) + sum(SETTINGS)


def unused():
    return 1


def perform(config, pause=0.0):
    time.sleep(config.get("pause", pause))
    if config["seed"] == config.get("fails"):
        raise FloatingPointError("loss is nan at update 7")
    if config["seed"] == config.get("dies"):
        os.kill(os.getpid(), 9)
    return {"value": model.Model().forward(measure(config["seed"]))}


def other(config):
    return {"value": 0}
""",
    "study/deep.py": """
DIGITS = 2


def rounded(x: int) -> float:
    \"\"\"Says.\"\"\"
    return round(x, DIGITS)  # why
""",
    "study/__main__.py": """
import json
import sys

import study
import artifacts
import runner
from study import run

RUNS = json.loads(sys.argv[1])


def runs():
    for config in RUNS:
        yield artifacts.Run(f"seed{config['seed']}", config)


results = artifacts.Results("results", {"toy": artifacts.Experiment(runs, run.perform)}, "python -m study {}")
options = json.loads(sys.argv[2])
artifacts.script(lambda: runner.perform(results, ["toy"], **options), "study")
""",
}


@pytest.fixture
def part(tmp_path, monkeypatch):
    """The folder of the small Part, importable."""
    for name, text in CODE.items():
        path = tmp_path / "Part 部" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{report!r}", repr(str(artifacts.HERE))), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "Part 部")
    for name in ("model", "study", "study.run", "study.deep"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "Part 部"


def fresh():
    for cached in (closure.find_module, closure.definition, closure.closure):
        cached.cache_clear()


def reached(part, function="perform"):
    fresh()
    return closure.definitions(getattr(importlib.import_module("study.run"), function))


def results(part, seeds=(0, 1), **more):
    def runs():
        yield from (artifacts.Run(f"seed{seed}", {"seed": seed, **more}) for seed in seeds)

    fresh()
    perform = importlib.import_module("study.run").perform
    return artifacts.Results(part / "results", {"toy": artifacts.Experiment(runs, perform)}, "python -m study {}")


def command(part, configs, **options):
    arguments = [sys.executable, "-m", "study", json.dumps(configs), json.dumps(options)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # tests that run in the background of a shell would pass on that Ctrl-C is to be ignored
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(arguments, cwd=part, preexec_fn=heed, **streams)


def lines(part):
    return [json.loads(line) for line in (part / "results" / "toy.jsonl").read_text().splitlines()]


# ------------------------------------------------------------------------------------------------------ fingerprints


def test_comments_docstrings_and_type_hints_do_not_count():
    bare = 'class A:\n    x = 1\n    def f(self, a, b = 2):\n        return "# kept"\n'
    dressed = (
        '"""Module."""\n# ä\nclass A:\n    """Two\n    lines."""\n\n    x: int = 1\n    def f(self, a: int, b: "é" = 2)'
        ' -> dict[str, int]:  # why\n        """Says."""\n        return "# kept"\n'
    )
    undressed = closure.essence(dressed).replace(") :", "):")
    assert undressed == closure.essence(bare)
    assert closure.essence(bare) != closure.essence(bare.replace("kept", "changed"))


def test_the_closure_is_what_the_run_can_reach(part):
    assert set(reached(part)) == {
        *("model.Base", "model.Model", "model.TABLE", "model.WIDTH", "study.deep.DIGITS", "study.deep.rounded"),
        *("study.run.(statements)", "study.run.SETTINGS", "study.run.measure", "study.run.perform"),
    }
    assert set(reached(part, "other")) == {"study.run.(statements)", "study.run.SETTINGS", "study.run.other"}


MUTATIONS = [  # file, what is there, what is put in its place, whether a run of `perform` can reach it
    ("model.py", "WIDTH = 3", "WIDTH = 4", True),
    ("model.py", "math.floor", "math.ceil", True),
    ("model.py", "x / 2", "x / 3", True),
    ("model.py", "scale = 2", "scale = 3", True),
    ("model.py", "* self.scale", "+ self.scale", True),
    ("model.py", "UNUSED = 4", "UNUSED = 5", False),
    ("model.py", "return UNUSED", "return 0", False),
    ("study/run.py", "SETTINGS.append(3)", "SETTINGS.append(4)", True),
    ("study/run.py", "[1, 2]", "[1]", True),
    ("study/run.py", '["two"]', '["one"]', True),
    ("study/run.py", "sum(SETTINGS)", "max(SETTINGS)", True),
    ("study/run.py", "measure(config", "abs(config", True),
    ("study/run.py", "return 1", "return 2", False),
    ("study/run.py", '{"value": 0}', '{"value": 1}', False),
    ("study/deep.py", "DIGITS = 2", "DIGITS = 3", True),
    ("study/deep.py", "round(x", "abs(x", True),
    ("study/deep.py", "# why", "# because", False),
    ("study/deep.py", '"""Says."""', '"""Says more."""', False),
    ("study/deep.py", "x: int", "x: float", False),
]


@pytest.mark.parametrize(("file", "old", "new", "matters"), MUTATIONS)
def test_what_a_run_can_reach_makes_it_stale_and_nothing_else_does(part, file, old, new, matters):
    before = reached(part)
    text = (part / file).read_text()
    assert old in text
    (part / file).write_text(text.replace(old, new, 1))
    assert (reached(part) != before) == matters


def test_a_function_that_cannot_be_followed_is_an_error(part):
    with pytest.raises(TypeError, match="top level of a module"):
        closure.definitions(lambda config: config)


# ----------------------------------------------------------------------------------------------- what is kept and read


def test_what_is_performed_is_read_in_order_and_says_what_made_it(part):
    made = results(part)
    runner.perform(made, ["toy"], jobs=2)
    records = made.load("toy")
    assert [record["name"] for record in records] == ["seed0", "seed1"]
    assert records[0]["versions"]["torch"] and "1 thread" in records[0]["hardware"] and records[0]["seconds"] >= 0
    assert made.status("toy") == (2, 2)
    assert {path.name for path in (part / "results").iterdir()} <= {"toy.jsonl", ".toy.lock"}


def test_what_is_up_to_date_is_not_done_again(part, capsys):
    runner.perform(results(part), ["toy"], jobs=1)
    before = lines(part)
    more = results(part, seeds=(0, 1, 2))
    runner.perform(more, ["toy"], jobs=1)
    assert "2 of 3 run(s) are up to date" in capsys.readouterr().out
    assert lines(part)[:2] == before and len(lines(part)) == 3
    runner.perform(more, ["toy"], jobs=1, retrain=True, select=lambda _, run: run.name == "seed1")
    assert lines(part)[0] == before[0] and len(lines(part)) == 3


def edit(part, change):
    path = part / "results" / "toy.jsonl"
    found = path.read_text().splitlines()
    path.write_text("\n".join(change(found)) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found[:1], "lacks the run seed1.*make it with: python -m study toy"),
        (
            lambda found: [found[0], found[1].replace('"value": ', '"value": 1')],
            "seed1 was changed after it was written",
        ),
        (lambda found: [found[0], found[1][:40]], "line 2 of .*toy.jsonl is not a result"),
        (lambda found: [found[0], "[]"], "line 2 .*is not a result"),
        (lambda found: [found[0], "{}"], "line 2 .*is not a result"),
        (lambda found: [found[0], found[0].replace("seed0", "seed1")], "seed1 was changed"),
    ],
)
def test_results_that_are_missing_or_edited_are_refused(part, change, message):
    made = results(part)
    runner.perform(made, ["toy"], jobs=1)
    edit(part, change)
    with pytest.raises(artifacts.ArtifactError, match=message):
        made.load("toy")


def test_two_results_that_were_swapped_are_refused(part):
    made = results(part)
    runner.perform(made, ["toy"], jobs=1)
    one, two = lines(part)
    for record, name in ((one, "seed1"), (two, "seed0")):  # even with a hash that fits
        record["name"] = name
        record["hash"] = artifacts.own_hash(record)
    (part / "results" / "toy.jsonl").write_text("".join(json.dumps(record) + "\n" for record in (two, one)))
    with pytest.raises(artifacts.ArtifactError, match="seed0 is stale"):
        made.load("toy")


def test_files_of_a_run_are_known_by_their_hash(part):
    made = results(part)
    run = artifacts.Run("seed0", {"seed": 0})
    made.write("toy", run, {"weights.pt": b"123", "value": 1}, 0.0)
    assert made.records("toy")["seed0"]["files"] == {"weights.pt": artifacts.sha256(b"123")}
    assert made.fault("toy", run, made.records("toy")["seed0"]) is None
    (part / "results" / "weights.pt").write_bytes(b"124")
    assert "is not the file" in made.fault("toy", run, made.records("toy")["seed0"])
    (part / "results" / "weights.pt").unlink()
    assert "is missing" in made.fault("toy", run, made.records("toy")["seed0"])


def test_a_toy_run_never_replaces_real_results(part, monkeypatch):
    runner.perform(results(part), ["toy"], jobs=1)
    before = lines(part)
    monkeypatch.setattr(artifacts, "SMOKE", True)
    with pytest.raises(artifacts.ArtifactError, match="real results"):
        runner.perform(results(part), ["toy"], jobs=1, retrain=True)
    assert lines(part) == before


# ---------------------------------------------------------------------------------------- what breaks and what is kept


def test_a_failing_run_ends_in_one_message_and_keeps_the_others(part):
    process = command(part, [{"seed": seed, "fails": 2} for seed in range(4)], jobs=1, settings={"pause": 0.5})
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.fullmatch(
        r"study: the run seed2 of toy failed: loss is nan at update 7; 2 run\(s\) that ended are kept; to go on: "
        r"python -m study toy\n", err
    )  # fmt: skip
    assert [record["name"] for record in lines(part)] == ["seed0", "seed1"]


def test_a_killed_worker_ends_in_one_message_and_keeps_the_others(part):
    process = command(part, [{"seed": seed, "dies": 2} for seed in range(4)], jobs=1, settings={"pause": 0.5})
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and "a worker process was killed" in err and "2 run(s) that ended are kept" in err
    assert "Traceback" not in err
    assert [record["name"] for record in lines(part)] == ["seed0", "seed1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_in_one_message_and_leaves_no_process(part, number):
    configs = [{"seed": 0}, *({"seed": seed, "pause": 100} for seed in (1, 2, 3))]
    process = command(part, configs, jobs=2)
    while not (part / "results" / "toy.jsonl").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    began = time.time()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and time.time() - began < 10
    assert re.search(r"^study: interrupted; \d run\(s\) that ended are kept; to go on: python -m study toy$", err, re.M)
    assert "Traceback" not in err
    assert lines(part)


def test_a_full_disk_ends_in_one_message_and_keeps_the_others(part):
    code = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500)); import signal; "
    code += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.argv[:1] = ['study']; sys.path.insert(0, '.'); "
    code += "runpy.run_module('study', run_name='__main__')"
    configs = [{"seed": seed} for seed in range(6)]
    arguments = [sys.executable, "-c", code, json.dumps(configs), json.dumps({"jobs": 1})]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}  # its files would be cut short, in the checkout, too
    done = subprocess.run(arguments, cwd=part, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "cannot write to" in done.stderr and "that ended are kept" in done.stderr
    assert 1 <= len(lines(part)) < 6 and not list((part / "results").glob(".toy-*"))


def test_code_that_was_edited_during_a_run_is_not_credited_with_it(part):
    process = command(part, [{"seed": 0}], jobs=1, settings={"pause": 0.0})
    process.communicate(timeout=120)
    made = results(part)
    source = (part / "study" / "deep.py").read_text()
    (part / "study" / "deep.py").write_text(source.replace("DIGITS = 2", "DIGITS = 1"))
    fresh()
    with pytest.raises(artifacts.ArtifactError, match="seed0 is stale"):
        made.load("toy")


def test_two_identical_commands_at_once_do_the_work_once(part):
    configs = [{"seed": seed} for seed in range(3)]
    both = [command(part, configs, jobs=1, settings={"pause": 0.5}) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("another process is making the results of toy" in out for out, _ in said) == 1
    assert sum(len(re.findall(r"^\[\d/\d\]", out, re.M)) for out, _ in said) == 3


def test_what_a_killed_process_left_half_written_is_removed_by_the_next(part):
    (part / "results").mkdir()
    (part / "results" / ".toy-abc.jsonl").write_text("half")
    runner.perform(results(part), ["toy"], jobs=1)
    assert not list((part / "results").glob(".toy-*"))


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers_performs_the_runs(part, tmp_path):
    distributed = pytest.importorskip("distributed", reason="pip install -r tests/requirements-cluster.txt")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(tmp_path / "scheduler.json")],
        env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(tmp_path / "scheduler.json"),
             "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / f"worker{number}")],
            env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL,
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        while not (tmp_path / "scheduler.json").exists():
            time.sleep(0.1)
        time.sleep(0.5)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"].removeprefix("tcp://")
        with distributed.Client(f"tcp://{address}") as client:
            client.wait_for_workers(2, timeout=60)
        process = command(part, [{"seed": seed} for seed in range(4)], dask=address, settings={"pause": 0.5})
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert [record["name"] for record in lines(part)] == [f"seed{seed}" for seed in range(4)]
        failing = command(part, [{"seed": seed, "fails": 5} for seed in range(4, 6)], dask=address)
        _, err = failing.communicate(timeout=120)
        assert failing.returncode == 1 and "the run seed5 of toy failed: loss is nan" in err
        assert "Traceback" not in err
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait(timeout=30)


def test_no_scheduler_is_one_message(part):
    pytest.importorskip("distributed", reason="pip install -r tests/requirements-cluster.txt")
    process = command(part, [{"seed": 0}], dask="127.0.0.1:9")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and "no Dask scheduler answers at 127.0.0.1:9" in err and "Traceback" not in err
