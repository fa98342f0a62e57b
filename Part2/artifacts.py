"""The record: one run = one configuration = one JSON file that says what made it. The same file serves both Parts.

An artifact holds the configuration with its seed, the results, the seconds they took, versions, hardware, and a
fingerprint of the configuration and of the code that determines the results (comments and docstrings left out). An
artifact whose fingerprint still fits is up to date: its run is skipped. Files are written whole or not at all.
"""

import ast
import contextlib
import hashlib
import inspect
import io
import json
import os
import platform
import tempfile
import textwrap
import time
import tokenize
from importlib import metadata
from pathlib import Path
from statistics import mean

import torch

SMOKE = os.environ.get("SMOKE") == "1"  # toy sizes in a scratch copy; ./run_all.sh --smoke sets it
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "scikit-learn", "torchmetrics")
SUFFIXES = {"weights": ".pt", "picture": ".png"}  # of files that belong to a run


class ArtifactError(Exception):
    """An artifact is missing, unreadable or stale; the message says which, and the command that makes it anew."""


def essence(source):
    """The Python source without comments, docstrings and blank lines, the same on every Python version."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            for number in range(node.body[0].lineno - 1, node.body[0].end_lineno):
                lines[number] = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def code(*parts):
    """The sources of functions, classes and modules as they are now, at import: what is edited later did not run."""
    return [essence(textwrap.dedent(inspect.getsource(part))) for part in parts]


def fingerprint(config, code):
    """Hex digest of a configuration and of the sources that `code` returned."""
    return hashlib.sha256(json.dumps([config, code], sort_keys=True).encode()).hexdigest()[:16]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def atomic(path):
    """A temporary path beside `path` to write to; renamed to `path` when the block ends well, else removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(temporary)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are the owner's alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def hardware(device="cpu"):
    """The processor, its cores, the threads torch uses, and the GPU if `device` is one, in words."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = [line.split(":")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        cpu = names[0].strip() if names else cpu
    kind = torch.device(device).type
    name = torch.cuda.get_device_name(device) if kind == "cuda" else kind
    gpu = "" if kind == "cpu" else f", {name}"
    return f"{cpu}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s){gpu}"


def versions():
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def prepare(path):
    """Makes the folder of an artifact before long work starts; ArtifactError if nothing can be written there.

    What a killed process left half-written of this artifact is removed.
    """
    for leftover in path.parent.glob(f".{path.stem}-*"):
        leftover.unlink(missing_ok=True)
    try:
        with atomic(path.with_suffix(".probe")):
            pass
        path.with_suffix(".probe").unlink()
    except OSError as error:
        raise ArtifactError(f"{path.parent} cannot be written to ({error}); nothing was started") from error


def write(path, config, code, seconds, files=(), device="cpu", **results):
    """Writes the artifact of results that `device` computed in `seconds`; `files` belong to it and are known by hash.

    A toy run refuses to replace a real one (ArtifactError).
    """
    if SMOKE and path.exists() and not json.loads(path.read_text())["smoke"]:
        raise ArtifactError(f"{path} is of the record; SMOKE=1 is for the scratch copy that ./run_all.sh --smoke makes")
    artifact = {
        "fingerprint": fingerprint(config, code),
        "config": config,
        "smoke": SMOKE,
        "seconds": round(seconds, 1),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "hardware": hardware(device),
        "versions": versions(),
        "files": {Path(os.path.relpath(file, path.parent)).as_posix(): sha256(file) for file in files},
        **results,
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(artifact, indent=1, allow_nan=False) + "\n")


def is_current(path, config, code):
    """Whether `path` holds the results of this configuration and this code."""
    try:
        read(path, config, code, "")
    except ArtifactError:
        return False
    return True


def read(path, config, code, command):
    """The artifact at `path`; ArtifactError, naming `command`, if it or one of its files is missing or stale."""
    try:
        artifact = json.loads(path.read_text())
        found = artifact["fingerprint"]
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing; make it with: {command}") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{path} is not a readable artifact ({error!r}); make it anew with: {command}") from None
    expected = fingerprint(config, code)
    if found != expected:
        raise ArtifactError(
            f"{path} is stale: its fingerprint is {found}, configuration and code now give {expected}; "
            f"make it anew with: {command}"
        )
    for name, known in artifact.get("files", {}).items():
        file = path.parent / name
        if not file.is_file() or sha256(file) != known:
            state = "is not the one" if file.is_file() else "is missing, one of those"
            raise ArtifactError(f"{file} {state} that {path.name} tells of; make it anew with: {command}")
    return artifact


def shared(items):
    """Yields (number, item): all of `items` in turn, or under torchrun those that fall to this process.

    Under torchrun each process takes the next item that none has taken, through the launcher's own key-value store.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield from enumerate(items)
        return
    environment = os.environ
    store = torch.distributed.TCPStore(environment["MASTER_ADDR"], int(environment["MASTER_PORT"]), is_master=False)
    # a restart by the launcher counts anew: what its predecessor finished is found up to date and skipped
    store = torch.distributed.PrefixStore(f"items/{environment.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    while (number := store.add("next", 1) - 1) < len(items):
        yield number, items[number]


def seconds_before(path):
    """What the run took when it was last done, even if that is stale by now; None if it never was."""
    try:
        return json.loads(path.read_text())["seconds"]
    except (OSError, ValueError, KeyError):
        return None


def perform(jobs, retrain=False):
    """Does those of `jobs` that are not up to date, with a line each and an estimate of what remains.

    A job is (path of its artifact, configuration, code, work); work(configuration) returns the results. Bytes among
    them, "weights" or a "picture", become files beside the artifact.
    """

    def is_done(path, config, code, _):
        return not retrain and is_current(path, config, code)

    todo = [number for number, job in enumerate(jobs) if not is_done(*job)]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} run(s) are up to date", flush=True)
    started, took = time.perf_counter(), []
    # shared are all, not those of todo: another process may have come later and found fewer of them undone
    for number, (path, config, code, work) in shared(jobs):
        if is_done(path, config, code, work):
            continue
        prepare(path)
        began = time.perf_counter()
        results = work(config)
        took.append(time.perf_counter() - began)
        files = [path.with_suffix(suffix) for name, suffix in SUFFIXES.items() if name in results]
        for name, suffix in SUFFIXES.items():
            if name in results:
                with atomic(path.with_suffix(suffix)) as temporary:
                    temporary.write_bytes(results.pop(name))
        write(path, config, code, took[-1], files, **results)
        ahead = [seconds_before(jobs[other][0]) or mean(took) for other in todo if other > number]
        minutes = sum(ahead) / int(os.environ.get("WORLD_SIZE", 1)) / 60
        label = f"[{number + 1}/{len(jobs)}] {path.parent.name}/{path.stem}"
        print(f"{label} {took[-1]:.0f} s; about {minutes:.0f} min remain", flush=True)
    print(f"{len(took)} run(s) in {time.perf_counter() - started:.0f} s", flush=True)
