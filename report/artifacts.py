"""Results: what one is, how it is kept, and how it is recognised as stale. Both Parts use this file.

A result is one run: its configuration, what was measured, the seconds it took, versions, hardware, and a fingerprint.
The runs of one experiment are the lines of results/NAME.jsonl, in a fixed order (`pandas.read_json(lines=True)` reads
them). Files that belong to a run, weights or pictures, lie beside it and are known by their hash; a line carries a
hash of its own content.

The fingerprint covers the configuration and every definition of the project that the run can reach. `definitions`
finds these in the sources, from the function that performs the run: the names in its code, the attributes it takes of
project modules, and so on for each definition found. Comments, docstrings and type hints do not count.
"""

import ast
import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import itertools
import json
import os
import platform
import signal
import sys
import tempfile
import time
import tokenize
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from filelock import FileLock, Timeout

HERE = Path(__file__).resolve().parent
SMOKE = os.environ.get("SMOKE") == "1"  # toy sizes; ./run_all.sh --smoke sets it, in a scratch copy
STYLE = HERE / "house.mplstyle"  # of every figure
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "scikit-learn", "torchmetrics")


class ArtifactError(Exception):
    """A result is missing, unreadable or stale; the message says which, and the command that makes it."""


# ---------------------------------------------------------------------- what a run can reach, and its fingerprint


def essence(source):
    """The Python source without comments, docstrings, type hints and blank lines, the same on every Python version."""
    tree, lines = ast.parse(source), source.encode().split(b"\n")
    cuts = []  # (row, first column, column after the last) in bytes, as ast counts

    def cut(start, end):  # a type hint, or a docstring, which may be of several lines
        for row in range(start[0], end[0] + 1):
            first, last = start[1] if row == start[0] else 0, end[1] if row == end[0] else len(lines[row - 1])
            cuts.append((row, first, last))

    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            cut((node.body[0].lineno, node.body[0].col_offset), (node.body[0].end_lineno, node.body[0].end_col_offset))
        if isinstance(node, ast.arg) and node.annotation:
            name_end = node.col_offset + len(node.arg.encode())
            cut((node.lineno, name_end), (node.annotation.end_lineno, node.annotation.end_col_offset))
        if isinstance(node, ast.AnnAssign):
            hint = node.annotation
            cut((node.target.end_lineno, node.target.end_col_offset), (hint.end_lineno, hint.end_col_offset))
        if isinstance(node, ast.FunctionDef) and node.returns:
            arrow = lines[node.returns.lineno - 1].rfind(b"->", 0, node.returns.col_offset)
            cut((node.returns.lineno, arrow), (node.returns.end_lineno, node.returns.end_col_offset))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, line = token.start[0], token.line
            cuts.append((row, len(line[: token.start[1]].encode()), len(lines[row - 1])))
    for row, first, last in sorted(cuts, reverse=True):
        lines[row - 1] = lines[row - 1][:first] + lines[row - 1][last:]
    return "\n".join(line.decode().rstrip() for line in lines if line.strip())


class Module:
    """A module of the project as its source says: which statement at its top level defines which name."""

    def __init__(self, path, root):
        self.path, self.root = path, root
        parts = path.relative_to(root).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.package = self.name if parts[-1] == "__init__" else self.name.rpartition(".")[0]
        source = path.read_text(encoding="utf-8")
        self.lines = source.splitlines(keepends=True)
        self.defined, self.imported, self.loose = {}, {}, []
        for node in ast.parse(source).body:
            self.add(node)

    def add(self, node):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imported |= self.imports(node)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self.defined.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            pass  # what runs only as a script
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            names = stored(node)
            for name in names:
                self.defined.setdefault(name, []).append(node)
            for each in ast.walk(node):
                if isinstance(each, (ast.Import, ast.ImportFrom)):
                    self.imported |= self.imports(each)
            if not names:
                self.loose.append(node)  # it may change what others do: whoever reaches the module reaches this

    def imports(self, node):
        """{name: (module, attribute or None)} of an import statement, as dotted names."""
        if isinstance(node, ast.Import):
            return {a.asname or a.name.partition(".")[0]: (a.name if a.asname else a.name.partition(".")[0], None)
                    for a in node.names}  # fmt: skip
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            base = ".".join([*filter(None, above), *filter(None, [base])])
        return {a.asname or a.name: (base, a.name) for a in node.names}

    def source(self, node):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return essence("".join(self.lines[first - 1 : node.end_lineno]))


@functools.cache
def module_at(path, root):
    return Module(path, root)


def find_module(dotted, root):
    """The project's module of that name below `root`, None if it is another's (torch, say) or there is none."""
    base = root.joinpath(*dotted.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return module_at(path, root)
    return None


def stored(node):
    """The names that `node` gives a value, those within functions and classes left out."""
    names = []
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            names.append(each.id)
        if isinstance(each, (ast.FunctionDef, ast.ClassDef)):
            names.append(each.name)
        elif not isinstance(each, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            pending.extend(ast.iter_child_nodes(each))
    return names


class References(ast.NodeVisitor):
    """The dotted names that a definition takes from outside itself, each as (name, where a local import finds it)."""

    def __init__(self, module):
        self.module, self.scopes, self.found = module, [], set()

    def visit_FunctionDef(self, node):
        for each in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(each)
        self.scoped(node.args, node.body)

    def visit_Lambda(self, node):
        for each in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(each)
        self.scoped(node.args, [node.body])

    def scoped(self, arguments, body):
        scope = {arg.arg: None for arg in ast.walk(arguments) if isinstance(arg, ast.arg)}
        for statement in body:
            scope |= dict.fromkeys(stored(statement))
        everything = [each for statement in body for each in ast.walk(statement)]
        for each in everything:
            if isinstance(each, (ast.Import, ast.ImportFrom)):
                scope |= self.module.imports(each)
            if isinstance(each, ast.Global):
                scope = {name: value for name, value in scope.items() if name not in each.names}
        self.scopes.append(scope)
        for statement in body:
            self.visit(statement)
        self.scopes.pop()

    def visit_comprehension_like(self, node):
        self.scopes.append(dict.fromkeys(n for part in node.generators for n in stored(part.target)))
        self.generic_visit(node)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_like

    def visit_AnnAssign(self, node):
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def visit_Attribute(self, node):
        chain, root = [node.attr], node.value
        while isinstance(root, ast.Attribute):
            chain, root = [root.attr, *chain], root.value
        if isinstance(root, ast.Name):
            self.take([root.id, *chain])
        else:
            self.visit(root)

    def visit_Name(self, node):
        self.take([node.id])

    def take(self, chain):
        for scope in reversed(self.scopes):
            if chain[0] in scope:
                if scope[chain[0]] is not None:
                    self.found.add((tuple(chain), scope[chain[0]]))
                return
        self.found.add((tuple(chain), None))


def resolve(chain, at, module):
    """The (module, name) that the dotted name `chain` means in `module`; None if it is not the project's.

    `at` is where a local import says that its first part comes from.
    """
    first, rest = chain[0], list(chain[1:])
    if at is None and first in module.defined:
        return module, first
    source = at or module.imported.get(first)
    if source is None:
        return None
    dotted, attribute = source
    if attribute is not None:
        rest.insert(0, attribute)
    while True:
        here = find_module(dotted, module.root)
        if not rest:
            return here and (here, None)  # the module itself: all of it can be reached
        if here and (rest[0] in here.defined or rest[0] in here.imported):
            return resolve([rest[0]], None, here) if rest[0] in here.defined else resolve(rest, None, here)
        if not here and not module.root.joinpath(*dotted.split(".")).is_dir():
            return None
        if find_module(f"{dotted}.{rest[0]}", module.root) is None:
            return None
        dotted, rest = f"{dotted}.{rest[0]}", rest[1:]


def place(function):
    """(the file that defines a function, the folder from which its module is imported)."""
    path = Path(inspect.getsourcefile(function)).resolve()
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    return path, root


def definitions(function):
    """{"module.name": essence of its source} of every project definition that `function` can reach, itself included.

    `function` stands at the top level of a module of the project. Raises TypeError if it does not.
    """
    path, root = place(function)
    if function.__qualname__ != function.__name__ or function.__name__ not in module_at(path, root).defined:
        raise TypeError(f"{function!r} is not a function at the top level of a module; its code cannot be followed")
    return closure(path, root, function.__name__)


@functools.cache
def closure(path, root, name):
    """`definitions` of what is called `name` in the module at `path`, whose package lies in the folder `root`."""
    module = module_at(path, root)
    found, pending, loose = {}, [(module, name)], set()
    while pending:
        module, name = pending.pop()
        if name is None:
            pending += [(module, each) for each in module.defined]
            continue
        if f"{module.name}.{name}" in found:
            continue
        nodes = list(module.defined[name])
        found[f"{module.name}.{name}"] = "\n".join(module.source(node) for node in nodes)
        if module.name not in loose and module.loose:
            loose.add(module.name)
            found[f"{module.name}.(statements)"] = "\n".join(module.source(node) for node in module.loose)
            nodes += module.loose
        for node in nodes:
            references = References(module)
            references.visit(node)
            reached = {resolve(chain, at, module) for chain, at in references.found}
            pending += [each for each in reached if each is not None]
    return dict(sorted(found.items()))


def fingerprint(config, function):
    """16 hex digits of a configuration (JSON-able) and of all that `function`, which performs it, can reach."""
    text = json.dumps([config, definitions(function)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ files and words


def sha256(content):
    """Hex digest of bytes, or of the file at a path."""
    return hashlib.sha256(content if isinstance(content, bytes) else Path(content).read_bytes()).hexdigest()


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
    import torch

    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = [line.split(":")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        cpu = names[0].strip() if names else cpu
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
        try:
            stat = path.stat()
        except FileNotFoundError:
            return {}
        state = stat.st_mtime_ns, stat.st_size
        if self.cache.get(name, (None,))[0] == state:
            return dict(self.cache[name][1])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                record = json.loads(line)
                run, known = record["name"], record["hash"]
            except (ValueError, TypeError, KeyError) as error:
                raise ArtifactError(
                    f"line {number} of {path} is not a result ({error!r}); restore the file, or remove that line and "
                    f"make it anew with: {self.command.format(name)}"
                ) from None
            if own_hash(record) != known:
                raise ArtifactError(
                    f"{path}: the run {run} was changed after it was written (its content's hash is "
                    f"{own_hash(record)}, it says {known}); restore the file, or remove line {number} and make it anew "
                    f"with: {self.command.format(name)}"
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
        found = self.records(name)
        order = [known.name for known in self.experiments[name].runs()]
        found[run.name] = record | {"hash": own_hash(record)}
        for file, content in files.items():
            with atomic(self.folder / file) as temporary:
                temporary.write_bytes(content)
        lines = [json.dumps(found[each], ensure_ascii=False) for each in order if each in found]
        with atomic(self.path(name)) as temporary:
            temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")

    @contextlib.contextmanager
    def writing(self, name):
        """Holds the lock of an experiment's results; waits, and says so, while another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"another process is making the results of {name}: waiting for it", flush=True)
            lock.acquire()
        try:
            for leftover in self.folder.glob(f".{name}-*"):  # a killed process left it half-written
                leftover.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def perform(self, names, select=lambda name, run: True, jobs=None, dask=None, retrain=False, settings=None):
        """Makes what is missing or stale of the experiments `names`, a line for each run that ends.

        `select(name, run)` chooses among their runs. `jobs` processes (one per core if None) of one thread each, or the
        workers of the Dask scheduler at `dask`, "HOST:PORT", take a run each. `settings` go to every perform.

        Raises ArtifactError, with what is kept, if a run fails, a worker dies or the disk is full.
        """
        self.refuse_toys(names)
        jobs = jobs or os.cpu_count()
        waves = itertools.groupby(self.in_order(names), key=lambda name: self.depth(name, names))
        for _, wave in waves:
            wave = list(wave)
            with contextlib.ExitStack() as held:
                for name in sorted(wave):
                    held.enter_context(self.writing(name))
                self.perform_wave(wave, select, jobs, dask, retrain, settings or {})

    def depth(self, name, names):
        """How many others an experiment has to wait for, one after the other; what runs alone comes last."""
        before = [self.depth(each, names) for each in self.experiments[name].after if each in names]
        return max(before, default=-1) + 1 + (1000 if self.experiments[name].alone else 0)

    def in_order(self, names):
        return sorted(names, key=lambda name: self.depth(name, names))

    def refuse_toys(self, names):
        """ArtifactError if a toy run would replace real results."""
        if SMOKE:
            for name in names:
                if any(not record["smoke"] for record in self.records(name).values()):
                    raise ArtifactError(
                        f"{self.path(name)} holds real results, which SMOKE=1 would replace by toys; unset SMOKE, or "
                        "use ./run_all.sh --smoke, which works in a scratch copy"
                    )

    def perform_wave(self, names, select, jobs, dask, retrain, settings):
        todo, total, before = [], 0, {}
        for name in names:
            found = self.records(name)
            for run in self.experiments[name].runs():
                if select(name, run):
                    total += 1
                    before[name, run.name] = found.get(run.name, {}).get("seconds")
                    if retrain or self.fault(name, run, found.get(run.name)):
                        todo.append((name, run))
        print(f"{', '.join(names)}: {total - len(todo)} of {total} run(s) are up to date", flush=True)
        if not todo:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        started, took = time.perf_counter(), {}
        alone = self.experiments[names[0]].alone
        tasks = [(self.experiments[name].perform, name, run, settings) for name, run in todo]
        try:
            for number, done in enumerate(map(measured, tasks) if alone else parallel(tasks, jobs, dask), 1):
                name, run, results, seconds, known, made = done
                if isinstance(results, str):
                    raise ArtifactError(f"the run {run.name} of {name} failed: {results}")
                if known != fingerprint(run.config, self.experiments[name].perform):
                    raise ArtifactError(f"the code of {name} was edited while it ran: {run.name} is not kept")
                self.write(name, run, results, seconds, **made)
                took[name, run.name] = seconds
                rest = [before[n, r.name] or mean(took.values()) for n, r in todo if (n, r.name) not in took]
                minutes = sum(rest) / (1 if alone or dask else jobs) / 60
                label = f"[{number}/{len(todo)}] {name}/{run.name}"
                print(f"{label} {seconds:.0f} s; about {minutes:.0f} min remain", flush=True)
        except ArtifactError as error:
            raise ArtifactError(f"{error}; {self.kept(took, names)}") from None
        except OSError as error:
            raise ArtifactError(f"cannot write to {self.folder} ({error}); {self.kept(took, names)}") from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; {self.kept(took, names)}") from None
        print(f"{len(took)} run(s) in {time.perf_counter() - started:.0f} s", flush=True)

    def kept(self, took, names):
        return f"{len(took)} run(s) that ended are kept; to go on: {self.command.format(' '.join(names))}"

    def show(self):
        """One line an experiment: how many of its runs are up to date, and what it is."""
        for name, experiment in self.experiments.items():
            try:
                done = "{} of {}".format(*self.status(name))
            except ArtifactError as error:
                done = "waits" if experiment.after else f"? {error}"
            print(f"{name:14} {done:>10}   {experiment.title or (experiment.runs.__doc__ or '').splitlines()[0]}")


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
    """Yields what `measured` returns of each task as it ends, on `jobs` processes or on a Dask cluster's workers."""
    import joblib
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    paths = [*{str(place(perform)[1]): None for perform, *_ in tasks}, str(HERE)]
    named = [(perform.__module__, perform.__name__, *rest) for perform, *rest in tasks]
    if dask:
        yield from on_cluster(named, paths, dask)
        return
    calls = (joblib.delayed(in_worker)(task, paths) for task in named)
    warnings.filterwarnings("ignore", module="joblib")  # of the tasks that an interruption cancels
    ended = False
    try:
        # for one job joblib would work in this process, which keeps its own threads and heeds Ctrl-C
        with joblib.parallel_config("loky", n_jobs=max(2, jobs), inner_max_num_threads=1):
            yield from joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)(calls)
        ended = True
    except BrokenProcessPool as error:
        raise ArtifactError(f"a worker process was killed (out of memory?): {str(error).splitlines()[0]}") from None
    finally:
        if not ended:  # those that still run are ended, not waited for
            get_reusable_executor().shutdown(wait=False, kill_workers=True)


def on_cluster(named, paths, address):
    """The same on the workers of a Dask scheduler, which see this checkout under the same path."""
    try:
        from distributed import Client
    except ImportError:
        raise ArtifactError("--dask needs distributed: pip install -r tests/requirements-cluster.txt") from None
    import joblib

    def remote(task):  # within a function, so that it travels as code: a worker cannot import it yet
        sys.path[:0] = [path for path in paths if path not in sys.path]
        import artifacts

        return artifacts.in_worker(task, paths)

    try:
        client = Client(f"tcp://{address}", timeout=10)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"no Dask scheduler answers at {address} ({error}); expected HOST:PORT") from error
    calls = (joblib.delayed(remote)((module, function, name, tuple(run), settings))
             for module, function, name, run, settings in named)  # fmt: skip
    with client, joblib.parallel_config("dask", client=client):
        try:
            yield from joblib.Parallel(return_as="generator_unordered")(calls)
        except ImportError as error:
            raise ArtifactError(f"a Dask worker does not see this checkout under the same path ({error})") from error


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
