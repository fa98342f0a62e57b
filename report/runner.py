"""Many runs: what is missing or stale of some experiments is performed on all cores, or on a Dask cluster, and kept."""

import contextlib
import graphlib
import os
import pkgutil
import signal
import sys
import time
import warnings
from statistics import mean

import joblib

from artifacts import HERE, ArtifactError, Run, hardware
from closure import fingerprint, place


def perform(results, names, select=lambda name, run: True, jobs=None, dask=None, retrain=False, settings=None):
    """Makes what is missing or stale of the experiments `names` of some Results, a line for each run that ends.

    `select(name, run)` chooses among their runs. `jobs` processes (None: one per usable core) of a thread each, or the
    workers of the Dask scheduler at `dask`, "HOST:PORT", take a run each. `settings` go to every perform.

    Raises ArtifactError, with what is kept, if a run fails, a worker dies or the disk is full.
    """
    results.refuse_toys(names)
    for wave in waves(results, names):
        with contextlib.ExitStack() as held:
            for name in sorted(wave):
                held.enter_context(results.writing(name))
            perform_wave(results, wave, select, jobs, dask, retrain, settings or {})


def waves(results, names):
    """Yields lists of experiments that can run side by side, each list after the one that it reads the results of.

    What runs alone comes last.
    """
    those = {name: results.experiments[name] for name in names}
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


def perform_wave(results, names, select, jobs, dask, retrain, settings):
    experiments, found = results.experiments, {name: results.records(name) for name in names}
    chosen = [(name, run) for name in names for run in experiments[name].runs() if select(name, run)]
    todo = [(name, run) for name, run in chosen if retrain or results.fault(name, run, found[name].get(run.name))]
    print(f"{', '.join(names)}: {len(chosen) - len(todo)} of {len(chosen)} run(s) are up to date", flush=True)
    if not todo:
        return
    jobs = min(jobs or joblib.cpu_count(), len(todo))
    before = {(name, run.name): found[name].get(run.name, {}).get("seconds") for name, run in todo}
    started, took, alone = time.perf_counter(), [], experiments[names[0]].alone
    tasks = [(experiments[name].perform, name, run, settings) for name, run in todo]
    try:
        for name, run, outcome, seconds, known, where in map(measured, tasks) if alone else parallel(tasks, jobs, dask):
            if isinstance(outcome, str):
                raise ArtifactError(f"the run {run.name} of {name} failed: {outcome}")
            if known != fingerprint(run.config, experiments[name].perform):
                raise ArtifactError(f"the code of {name} was edited while it ran: {run.name} is not kept")
            results.write(name, run, outcome, seconds, hardware=where)
            took.append(seconds)
            del before[name, run.name]
            rest = sum(seconds or mean(took) for seconds in before.values()) / (1 if alone or dask else jobs)
            label = f"[{len(took)}/{len(todo)}] {name}/{run.name}"
            print(f"{label} {seconds:.0f} s; about {rest / 60:.0f} min remain", flush=True)
    except (ArtifactError, OSError, KeyboardInterrupt) as error:
        kept = f"{len(took)} run(s) that ended are kept; to go on: {results.command.format(' '.join(names))}"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"interrupted; {kept}") from None
        full = f"cannot write to {results.folder} ({error})" if isinstance(error, OSError) else error
        raise ArtifactError(f"{full}; {kept}") from error
    print(f"{len(took)} run(s) in {time.perf_counter() - started:.0f} s", flush=True)


def measured(task):
    """Performs a task: (experiment, run, results or what went wrong in words, seconds, fingerprint, hardware)."""
    perform, name, run, settings = task
    known, began = fingerprint(run.config, perform), time.perf_counter()
    try:
        outcome = perform(run.config, **settings)
    except (ArtifactError, ArithmeticError, ValueError, RuntimeError, OSError) as error:
        outcome = str(error) or repr(error)
    return name, run, outcome, time.perf_counter() - began, known, hardware(settings.get("device") or "cpu")


def in_worker(task, paths):
    """`measured` in a process of its own, on one thread; Ctrl-C is the parent's to heed."""
    import torch

    with contextlib.suppress(ValueError):  # under Dask this is not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    sys.path[:] = dict.fromkeys([*paths, *sys.path])
    function, name, run, settings = task
    return measured((pkgutil.resolve_name(function), name, Run(*run), settings))


def parallel(tasks, jobs, dask):
    """Yields what `measured` returns of each task as it ends, on `jobs` processes or on a Dask cluster's workers.

    Those workers see this checkout under the same path.
    """
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    paths = [*{str(place(perform)[1]): None for perform, *_ in tasks}, str(HERE)]

    def remote(task):  # within a function, so that it travels as code: a Dask worker cannot import it yet
        sys.path.append(paths[-1])
        import runner

        return runner.in_worker(task, paths)

    calls = (
        joblib.delayed(remote)((f"{perform.__module__}:{perform.__name__}", name, tuple(run), settings))
        for perform, name, run, settings in tasks
    )
    warnings.filterwarnings("ignore", module="joblib")  # of the tasks that an interruption cancels
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")  # loky's, of what ended workers leave to it
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
