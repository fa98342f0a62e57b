"""Results: what one is, how it is kept, how it is recognised as stale, and how many are made. Both Parts use this file.

A result is one run: its configuration, what was measured, the seconds it took, versions, hardware, and a fingerprint
(closure.py). The runs of one experiment are the lines of results/NAME.jsonl, in a fixed order
(`pandas.read_json(lines=True)` reads them). Files that belong to a run, weights or pictures, lie beside it and are
known by their hash; a line carries a hash of its own content.
"""

import contextlib
import functools
import graphlib
import hashlib
import importlib
import json
import os
import platform
import re
import signal
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from filelock import FileLock, Timeout

from closure import fingerprint, place

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


@contextlib.contextmanager
def locked(path, busy):
    """Holds the lock file at `path`; while another process holds it, prints `busy` and waits."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(busy, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


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
            return dict(self.cache[name][1])
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
        return dict(found)

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
        """Adds or replaces the record of a run, atomically; `made` may say hardware, versions, finished.

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
            "hardware": hardware() if "hardware" not in made else "",
            "versions": versions(),
            **made,
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

    # -------------------------------------------------------------------------------------------------- many runs

    def perform(self, names, select=lambda name, run: True, jobs=None, dask=None, retrain=False, settings=None):
        """Makes what is missing or stale of the experiments `names`, a line for each run that ends.

        `select(name, run)` chooses among their runs. `jobs` processes (one per core if None) of one thread each, or the
        workers of the Dask scheduler at `dask`, "HOST:PORT", take a run each. `settings` go to every perform.

        Raises ArtifactError, with what is kept, if a run fails, a worker dies or the disk is full.
        """
        self.refuse_toys(names)
        for wave in self.waves(names):
            with contextlib.ExitStack() as held:
                for name in sorted(wave):
                    held.enter_context(self.writing(name))
                self.perform_wave(wave, select, jobs or os.cpu_count(), dask, retrain, settings or {})

    def refuse_toys(self, names):
        """ArtifactError if a toy run would replace real results."""
        for name in names if SMOKE else ():
            if any(not record["smoke"] for record in self.records(name).values()):
                raise ArtifactError(
                    f"{self.path(name)} holds real results, which SMOKE=1 would replace by toys; unset SMOKE, or use "
                    "./run_all.sh --smoke, which works in a scratch copy"
                )

    def waves(self, names):
        """Yields lists of experiments that can run side by side, each list after the one that it reads the results of.

        What runs alone comes last.
        """
        those = {name: self.experiments[name] for name in names}
        before = {
            name: [other for other in those if other in each.after or each.alone > those[other].alone]
            for name, each in those.items()
        }
        sorter = graphlib.TopologicalSorter(before)
        sorter.prepare()
        while sorter.is_active():
            ready = sorter.get_ready()
            yield [name for name in those if name in ready]
            sorter.done(*ready)

    def perform_wave(self, names, select, jobs, dask, retrain, settings):
        found = {name: self.records(name) for name in names}
        chosen = [(name, run) for name in names for run in self.experiments[name].runs() if select(name, run)]
        todo = [(name, run) for name, run in chosen if retrain or self.fault(name, run, found[name].get(run.name))]
        print(f"{', '.join(names)}: {len(chosen) - len(todo)} of {len(chosen)} run(s) are up to date", flush=True)
        if not todo:
            return
        before = {(name, run.name): found[name].get(run.name, {}).get("seconds") for name, run in todo}
        started, took, alone = time.perf_counter(), [], self.experiments[names[0]].alone
        tasks = [(self.experiments[name].perform, name, run, settings) for name, run in todo]
        try:
            for name, run, results, seconds, known, made in (
                map(measured, tasks) if alone else parallel(tasks, jobs, dask)
            ):
                if isinstance(results, str):
                    raise ArtifactError(f"the run {run.name} of {name} failed: {results}")
                if known != fingerprint(run.config, self.experiments[name].perform):
                    raise ArtifactError(f"the code of {name} was edited while it ran: {run.name} is not kept")
                self.write(name, run, results, seconds, **made)
                took.append(seconds)
                del before[name, run.name]
                rest = sum(seconds or mean(took) for seconds in before.values()) / (1 if alone or dask else jobs)
                label = f"[{len(took)}/{len(todo)}] {name}/{run.name}"
                print(f"{label} {seconds:.0f} s; about {rest / 60:.0f} min remain", flush=True)
        except (ArtifactError, OSError, KeyboardInterrupt) as error:
            kept = f"{len(took)} run(s) that ended are kept; to go on: {self.command.format(' '.join(names))}"
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"interrupted; {kept}") from None
            full = f"cannot write to {self.folder} ({error})" if isinstance(error, OSError) else error
            raise ArtifactError(f"{full}; {kept}") from error
        print(f"{len(took)} run(s) in {time.perf_counter() - started:.0f} s", flush=True)


def measured(task):
    """Performs a task: (experiment, run, results or what went wrong in words, seconds, fingerprint, hardware)."""
    perform, name, run, settings = task
    known, began = fingerprint(run.config, perform), time.perf_counter()
    try:
        results = perform(run.config, **settings)
    except (ArtifactError, ArithmeticError, ValueError, RuntimeError, OSError) as error:
        results = str(error) or repr(error)
    made = {"hardware": hardware(settings.get("device") or "cpu")}
    return name, run, results, time.perf_counter() - began, known, made


def in_worker(task, paths):
    """`measured` in a process of its own, on one thread; Ctrl-C is the parent's to heed."""
    import torch

    with contextlib.suppress(ValueError):  # under Dask this is not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    sys.path[:] = dict.fromkeys([*paths, *sys.path])
    module, function, name, run, settings = task
    return measured((getattr(importlib.import_module(module), function), name, Run(*run), settings))


def parallel(tasks, jobs, dask):
    """Yields what `measured` returns of each task as it ends, on `jobs` processes or on a Dask cluster's workers.

    Those workers see this checkout under the same path.
    """
    import joblib
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    paths = [*{str(place(perform)[1]): None for perform, *_ in tasks}, str(HERE)]

    def remote(task):  # within a function, so that it travels as code: a Dask worker cannot import it yet
        sys.path.append(paths[-1])
        import artifacts

        return artifacts.in_worker(task, paths)

    calls = (
        joblib.delayed(remote)((perform.__module__, perform.__name__, name, tuple(run), settings))
        for perform, name, run, settings in tasks
    )
    warnings.filterwarnings("ignore", module="joblib")  # of the tasks that an interruption cancels
    ended = False
    try:
        if dask:
            with cluster(dask) as client, joblib.parallel_config("dask", client=client):
                yield from joblib.Parallel(return_as="generator_unordered")(calls)
        else:
            # for one job joblib would work in this process, which keeps its own threads and heeds Ctrl-C
            with joblib.parallel_config("loky", n_jobs=max(2, jobs), inner_max_num_threads=1):
                yield from joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)(calls)
        ended = True
    except BrokenProcessPool as error:
        raise ArtifactError(f"a worker process was killed (out of memory?): {str(error).splitlines()[0]}") from None
    except ImportError as error:
        raise ArtifactError(f"a worker does not see this checkout under the same path ({error})") from error
    finally:
        if not ended and not dask:  # those that still run are ended, not waited for
            get_reusable_executor().shutdown(wait=False, kill_workers=True)


def cluster(address):
    """A client of the Dask scheduler at `address`; ArtifactError if there is none, or no Dask."""
    try:
        from distributed import Client

        return Client(f"tcp://{address}", timeout=10)
    except ImportError:
        raise ArtifactError("--dask needs distributed: pip install -r tests/requirements-cluster.txt") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"no Dask scheduler answers at {address} ({error}); expected HOST:PORT") from error


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
