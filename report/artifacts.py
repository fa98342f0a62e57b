"""Results: what one is, how it is kept, and how it is recognised as stale. Both Parts use this file.

A result is one run: its configuration, what was measured, the seconds it took, versions, hardware, and a fingerprint
(closure.py). The runs of one experiment are the lines of results/NAME.jsonl, in a fixed order
(`pandas.read_json(lines=True)` reads them). Files that belong to a run, weights or pictures, lie beside it and are
known by their hash; a line carries a hash of its own content. runner.py performs many runs at once.
"""

import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from closure import fingerprint

HERE = Path(__file__).resolve().parent
SMOKE = os.environ.get("SMOKE") == "1"  # toy sizes; ./run_all.sh --smoke sets it, in a scratch copy
STYLE = HERE / "house.mplstyle"  # of every figure
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "scikit-learn", "torchmetrics")


class ArtifactError(Exception):
    """A result is missing, unreadable or stale; the message says which, and the command that makes it."""


# ------------------------------------------------------------------------------------------------ files and words


def sha256(content):
    """Hex digest of bytes, or of the file at a path."""
    return hashlib.sha256(content if isinstance(content, bytes) else Path(content).read_bytes()).hexdigest()


@contextlib.contextmanager
def atomic(path):
    """A temporary path beside `path` to write to; renamed to `path` when the block ends well, else removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def locked(path, busy):
    """Holds the lock file at `path` in a `with` block; while another process holds it, prints `busy` and waits."""
    lock = FileLock(path)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        print(busy, flush=True)
        return lock.acquire()


def hardware(device="cpu"):
    """The processor, its cores, the threads torch uses, and the GPU if `device` is one, in words."""
    import torch

    about = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.*)", about.read_text()) if about.exists() else None
    cpu = named[1].strip() if named else platform.processor() or platform.machine()
    kind = torch.device(device).type
    name = torch.cuda.get_device_name(device) if kind == "cuda" else kind
    gpu = "" if kind == "cpu" else f", {name}"
    return f"{cpu}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s){gpu}"


@functools.cache
def versions():
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def own_hash(record):
    """The hash of a record's content, the field "hash" left out."""
    content = {key: value for key, value in record.items() if key != "hash"}
    return sha256(json.dumps(content, sort_keys=True).encode())[:16]


# ---------------------------------------------------------------------------------------- experiments and results


class Run(NamedTuple):
    """One run of an experiment."""

    name: str
    config: dict  # JSON-able; with the code, it determines the results


class Experiment(NamedTuple):
    """Runs, and the function at the top level of a module that performs one of them.

    perform(config, **settings) returns the results, a dict that can be JSON; what is bytes in it, under a file name as
    its key, becomes a file of that name. An experiment that runs `alone` is measured in the calling process, with all
    its threads and nothing beside it; one that comes `after` others reads their results.
    """

    runs: Callable
    perform: Callable
    title: str = ""
    after: tuple = ()
    alone: bool = False


class Results:
    """The results of a Part: `experiments` is {name: Experiment}, `command` ("python -m lstm_study {}") makes them."""

    def __init__(self, folder, experiments, command):
        self.folder, self.experiments, self.command = Path(folder), experiments, command
        self.cache = {}  # {name: (its file's time and size, its records)}

    def path(self, name):
        return self.folder / f"{name}.jsonl"

    def records(self, name):
        """{name of run: record} of what the file holds, be it stale; ArtifactError if a line was damaged or edited."""
        path, found = self.path(name), {}
        if not path.exists():
            return found
        state = path.stat().st_mtime_ns, path.stat().st_size
        if self.cache.get(name, (None,))[0] == state:
            return self.cache[name][1]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            remedy = f"restore the file, or remove that line and make it anew with: {self.command.format(name)}"
            try:
                record = json.loads(line)
                run, known = record["name"], record["hash"]
            except (ValueError, TypeError, KeyError) as error:
                raise ArtifactError(f"line {number} of {path} is not a result ({error!r}); {remedy}") from None
            if (own := own_hash(record)) != known:
                raise ArtifactError(
                    f"line {number} of {path}: the run {run} was changed after it was written (its content's hash is "
                    f"{own}, it says {known}); {remedy}"
                )
            found[run] = record
        self.cache[name] = state, found
        return found

    def fault(self, name, run, record):
        """What is wrong with the record of a run, in words; None if it is up to date."""
        path, expected = self.path(name), fingerprint(run.config, self.experiments[name].perform)
        if record is None:
            return f"{path} lacks the run {run.name}"
        if record["fingerprint"] != expected or record["smoke"] != SMOKE:
            return (
                f"{path}: the run {run.name} is stale: its fingerprint is {record['fingerprint']}, configuration and "
                f"code now give {expected}"
            )
        for file, known in record["files"].items():
            if not (self.folder / file).is_file():
                return f"{self.folder / file}, a file of the run {run.name}, is missing"
            if sha256(self.folder / file) != known:
                return f"{self.folder / file} is not the file that the run {run.name} wrote"
        return None

    def load(self, name):
        """The records of all runs of an experiment, in order; ArtifactError if one is missing, stale or edited."""
        found, chosen = self.records(name), []
        for run in self.experiments[name].runs():
            if wrong := self.fault(name, run, found.get(run.name)):
                raise ArtifactError(f"{wrong}; make it with: {self.command.format(name)}")
            chosen.append(found[run.name])
        return chosen

    def status(self, name):
        """(runs that are up to date, runs in all) of an experiment."""
        found, runs = self.records(name), list(self.experiments[name].runs())
        return sum(self.fault(name, run, found.get(run.name)) is None for run in runs), len(runs)

    def show(self):
        """One line an experiment: how many of its runs are up to date, and what it is."""
        width = max(map(len, self.experiments))
        for name, experiment in self.experiments.items():
            try:
                done = "{} of {}".format(*self.status(name))
            except ArtifactError as error:
                done = "waits" if experiment.after else f"? {error}"
            print(f"{name:{width}} {done:>10}   {experiment.title or (experiment.runs.__doc__ or '').splitlines()[0]}")

    def write(self, name, run, results, seconds, **made):
        """Adds or replaces the record of a run, atomically; hardware=WORDS says where it ran, if not on this processor.

        Raises OSError if it cannot be written; what was there stays.
        """
        files = {key: value for key, value in results.items() if isinstance(value, bytes)}
        record = {
            "name": run.name,
            "fingerprint": fingerprint(run.config, self.experiments[name].perform),
            "config": run.config,
            "smoke": SMOKE,
            "seconds": round(seconds, 1),
            "finished": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
            **(made or {"hardware": hardware()}),
            "versions": versions(),
            "files": {file: sha256(content) for file, content in files.items()},
            **{key: value for key, value in results.items() if key not in files},
        }
        record = json.loads(json.dumps(record, allow_nan=False))
        found = self.records(name) | {run.name: record | {"hash": own_hash(record)}}
        for file, content in files.items():
            with atomic(self.folder / file) as temporary:
                temporary.write_bytes(content)
        order = [known.name for known in self.experiments[name].runs()]
        lines = [json.dumps(found[each], ensure_ascii=False) for each in order if each in found]
        with atomic(self.path(name)) as temporary:
            temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")

    @contextlib.contextmanager
    def writing(self, name):
        """Holds the lock of an experiment's results; waits, and says so, while another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = f"another process is making the results of {name}: waiting for it"
        with locked(self.folder / f".{name}.lock", busy):
            for leftover in self.folder.glob(f".{name}-*"):  # a killed process left it half-written
                leftover.unlink(missing_ok=True)
            yield

    def refuse_toys(self, names):
        """ArtifactError if a toy run would replace real results."""
        for name in names if SMOKE else ():
            if any(not record["smoke"] for record in self.records(name).values()):
                raise ArtifactError(
                    f"{self.path(name)} holds real results, which SMOKE=1 would replace by toys; unset SMOKE, or use "
                    "./run_all.sh --smoke, which works in a scratch copy"
                )


def script(main, program):
    """Calls main() as a command: each error, Ctrl-C and SIGTERM end in one message and a non-zero exit."""

    def terminated(*_):
        raise KeyboardInterrupt("terminated")

    signal.signal(signal.SIGTERM, terminated)
    try:
        main()
    except (ArtifactError, ValueError, ArithmeticError, OSError) as error:
        sys.exit(f"{program}: {error}")
    except KeyboardInterrupt as stop:
        sys.exit(f"\n{program}: {stop if stop.args else 'interrupted; results that were complete are kept'}")
