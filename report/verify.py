"""A zip of the submission, unpacked elsewhere and re-run there as a grader would; nothing of the checkout is touched.

What is run gets a clean environment: no PYTHONPATH, no user site, another home. Every module that it loads must lie
in the unpacked folder or in the Python environment, and no file of the zip may name the checkout.

    python report/verify.py NOTEBOOK RESULT PARENT      the child process in which a notebook runs: RESULT is a JSON
                                                        file; it ends when the process PARENT, its caller's id, ends
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import matplotlib as mpl
import nbformat

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NOTEBOOKS = ("Part1/task2.ipynb", "Part2/Part2.ipynb")
SCRIPTS = {  # what else must work in the unpacked zip
    "Part1": ("train.py", "--max_epoch", "1"),
    "Part2": ("my_gan.py", "--dataset", "digits", "--n_epochs", "1"),
}
CONTENTS = "report/generated/files.txt"  # in the zip: each file and its hash, for `sha256sum --check`
LOADED = "import json, sys; print(json.dumps([getattr(m, '__file__', None) for m in list(sys.modules.values())]))"
RUN_AND_SAY = f"import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__'); {LOADED}"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


class BuildError(Exception):
    """A step failed; the message says which, why, and what to do."""


# ------------------------------------------------------------------------------------------------ child processes

RUNNING = set()


def stop_children():
    """Ends the processes that `call` started, and theirs."""
    running, deadline = list(RUNNING), time.monotonic() + 5
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))


def call(command, cwd, environment=None):
    """Runs a command in a process group of its own and returns its output; BuildError, with its end, if it fails."""
    words = list(map(str, command))
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        process_group=0,
    )
    RUNNING.add(process)
    try:
        output, _ = process.communicate()
    finally:
        if process.poll() is not None:
            RUNNING.discard(process)
    if process.returncode:
        tail = "\n".join(output.strip().splitlines()[-25:])
        raise BuildError(f"`{' '.join(words)}` ended with status {process.returncode} in {cwd}:\n{tail}")
    return output


def side_by_side(function, *arguments):
    """Like map, with a thread for each call; returns the results in order, and the first error ends what runs."""
    calls = [*zip(*arguments, strict=True)]
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(function, *each) for each in calls]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            stop_children()
            raise
    return [future.result() for future in futures]


def clean_environment(home):
    """The environment without what could change a Python process: PYTHONPATH, user site, profiles, styles.

    The folder `home` is made, and stands for the user's.
    """
    taken = re.compile("PYTHON|JUPYTER|IPYTHON|MPL|OMP_")
    kept = {name: value for name, value in os.environ.items() if not taken.match(name)}
    fixed = {"PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    home.mkdir(parents=True, exist_ok=True)
    for fonts in Path(mpl.get_cachedir()).glob("fontlist-*.json"):  # else Matplotlib looks for all, and says so
        shutil.copy(fonts, home)
    return kept | fixed | {name: str(home) for name in ("HOME", "MPLCONFIGDIR", "XDG_CONFIG_HOME")}


# ------------------------------------------------------------------------------------------------------ notebooks


def read_notebook(path):
    """The notebook at a path; BuildError if it is missing or is none."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise BuildError(f"{path} is missing or no notebook: {str(error).splitlines()[0]}") from error


def run_notebook(path, scratch, report=HERE):
    """Runs a notebook in a process of its own, by `report`'s verify.py; returns (notebook, files of its modules)."""
    scratch.mkdir(parents=True, exist_ok=True)
    result = scratch / "result.json"
    read_notebook(path)
    command = [sys.executable, report / "verify.py", path, result, os.getpid()]
    call(command, path.parent, clean_environment(scratch))
    found = json.loads(result.read_text(encoding="utf-8"))
    if found["error"]:
        raise BuildError(f"{path}: {found['error']}")
    return nbformat.from_dict(found["notebook"]), found["loaded"]


def execute(path):
    """{"error", "notebook", "loaded"}: the notebook run top to bottom by this interpreter, in its own folder."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    notebook = read_notebook(path)
    notebook.cells.append(nbformat.v4.new_code_cell(LOADED))
    with tempfile.TemporaryDirectory(prefix="kernel-", dir="/tmp") as folder:  # a socket's path must be short
        kernel = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # this interpreter's, whatever else is installed
            transport="ipc",  # of two notebooks that start at once, both could choose the same TCP port
            ip=f"{folder}/socket",
        )
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=600,
            startup_timeout=600,
            iopub_timeout=600,  # else a busy machine could lose a cell's output, without an error
            raise_on_iopub_timeout=True,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": path.parent}},
        )
        client.comm_open_handlers.clear()  # it plays Output widgets by sending amid its wait for a reply: it can hang
        try:
            client.execute(cleanup_kc=True)  # ends the kernel, before its sockets are removed
        except (CellControlSignal, DeadKernelError) as error:  # a cell failed or hung, or its kernel died
            return {"error": f"a cell failed:\n{error}"}
    loaded = json.loads(notebook.cells.pop().outputs[0]["text"])
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            live = any(WIDGET in output.get("data", ()) for output in cell.outputs)
            cell.outputs = [] if live else cell.outputs  # a widget is for a running notebook: its names are random
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                return {"error": f"a cell wrote to stderr, expected no warnings:\n{output['text']}"}
    return {"error": None, "notebook": notebook, "loaded": loaded}


# ------------------------------------------------------------------------------------- what was loaded from where


def foreign(loaded, unpacked):
    """The files among `loaded` that a re-run must not use.

    Allowed are those in `unpacked`, and those of the Python environment unless they stand in for a module of the zip.
    """
    own = {
        path.stem for folder in ("Part1", "Part2", "report", "Part2/dataset") for path in (unpacked / folder).glob("*")
    }
    own -= sys.stdlib_module_names
    paths = {*sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix}
    environment = sorted((Path(path).resolve() for path in paths), key=lambda path: -len(path.parts))
    found = []
    for name in sorted(set(filter(None, loaded))):
        file = Path(name).resolve()
        if file.is_relative_to(unpacked.resolve()) or not file.exists():
            continue
        # where it lies or, unless that is the checkout, is found: Debian's sitecustomize.py lies in /etc, found in /usr
        places = [file] if file.is_relative_to(ROOT) else [file, Path(name).absolute()]
        held = ((folder, place) for folder in environment for place in places if place.is_relative_to(folder))
        holder, place = next(held, (None, None))
        in_checkout = file.is_relative_to(ROOT) and not (holder and holder.is_relative_to(ROOT))
        top = place.relative_to(holder).parts[0].removesuffix(".py") if holder else ""
        if holder is None or in_checkout or top in own:
            found.append(name)
    return found


def names_of_checkout(content):
    """Whether bytes hold this checkout's absolute path, as text or as JSON writes it."""
    forms = {str(ROOT), json.dumps(str(ROOT))[1:-1]}
    pattern = b"|".join(re.escape(form.encode("utf-8", "surrogateescape")) for form in forms)
    return Path("/") != ROOT and re.search(rb"(?<![\w.])(?:" + pattern + rb")(?![\w-])", content) is not None


# --------------------------------------------------------------------------------------------------- verification


def check_list(path):
    """BuildError unless the zip can be read, is one folder, and holds just what its own list says, hash by hash."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except Exception as error:  # zipfile raises many kinds: for a missing, damaged or encrypted file, say
        raise BuildError(f"{path} is not a readable zip ({error}); make it anew: ./run_all.sh zip") from error
    tops = sorted({name.split("/")[0] for name in files})
    if len(tops) != 1 or not all("/" in name for name in files):
        raise BuildError(f"{path.name} holds {', '.join(tops) or 'nothing'}; expected one folder")
    inside = {name.partition("/")[2]: content for name, content in files.items()}
    if any(".." in name.split("/") or name.startswith("/") for name in inside):
        raise BuildError(f"{path.name} holds a path that leads out of its folder")
    if CONTENTS not in inside:
        raise BuildError(f"{path.name}: {CONTENTS} is missing; it lists what the zip must hold")
    lines = inside.pop(CONTENTS).decode("utf-8", "replace").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    needed = {*NOTEBOOKS, *(f"{part}/{script[0]}" for part, script in SCRIPTS.items()), "report/verify.py"}
    for name in sorted(needed | set(listed) | set(inside)):
        if name not in inside:
            raise BuildError(f"{path.name}: {name} is missing")
        if name not in listed:
            raise BuildError(f"{path.name}: {name} is not in its list of files, {CONTENTS}")
        if hashlib.sha256(inside[name]).hexdigest() != listed[name]:
            raise BuildError(f"{path.name}: {name} is not the file that {CONTENTS} tells of: its hash differs")
        if names_of_checkout(inside[name]):
            raise BuildError(f"{path.name}: {name} holds the path of this checkout, {ROOT}, which no reader has")


def rerun(unpacked, part, notebook, scratch):
    """Runs a Part's notebook and script in the unpacked folder; returns lines that say how long each took."""
    started = time.perf_counter()
    _, by_notebook = run_notebook(unpacked / notebook, scratch, unpacked / "report")
    between = time.perf_counter()
    output = call([sys.executable, "-c", RUN_AND_SAY, *SCRIPTS[part]], unpacked / part, clean_environment(scratch))
    ended = time.perf_counter()
    runs = (
        (f"{notebook} top to bottom", by_notebook, between - started),
        (f"{part}: python {' '.join(SCRIPTS[part])}", json.loads(output.splitlines()[-1]), ended - between),
    )
    for what, loaded, _ in runs:
        if wrong := foreign(loaded, unpacked):
            raise BuildError(f"{what} loaded {', '.join(wrong[:3])}, which lies outside the unpacked zip")
    return [f"{what}: {seconds:.0f} s" for what, _, seconds in runs]


def verify(path, scratch):
    """Checks a zip's list, unpacks it below `scratch`, a folder with a space and Chinese characters, and re-runs it.

    Returns lines that say what was run and how long it took; BuildError if anything does not work.
    """
    check_list(path)
    place = scratch / "grader 评分"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(place)
    (unpacked,) = place.iterdir()
    one, two = side_by_side(lambda part, notebook: rerun(unpacked, part, notebook, scratch / part), SCRIPTS, NOTEBOOKS)
    return one + two


@contextlib.contextmanager
def elsewhere(note):
    """A scratch folder outside the checkout, removed at the end; the file `note` names it, in case it is left over."""
    with tempfile.TemporaryDirectory(prefix="assignment3-", ignore_cleanup_errors=True) as folder:
        folder = Path(folder).resolve()
        note.write_text(str(folder), encoding="utf-8")
        yield folder


def end_with(parent):
    """Ends this process, and with it the kernel, when the one that started it is gone: it may have been killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the kernel is ended, too
    notebook, result, parent = sys.argv[1:]
    threading.Thread(target=end_with, args=[int(parent)], daemon=True).start()
    Path(result).write_text(json.dumps(execute(Path(notebook).resolve())), encoding="utf-8")
