"""Notebooks and report -> PDFs; the allow-list -> a zip that was unpacked elsewhere and re-run before it gets its name.

python report/submission.py notebooks|report [--student NUMBER] [--name "NAME"]
python report/submission.py zip [--student NUMBER]          <NUMBER>_assignment3.zip and VERIFIED.txt
python report/submission.py verify FILE.zip                 unpacks and re-runs a zip that is there already
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "Part1"))

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellControlSignal, DeadKernelError  # noqa: E402
from nbconvert import MarkdownExporter  # noqa: E402

import artifacts  # noqa: E402

NOTEBOOKS = ("Part1/task2.ipynb", "Part2/Part2.ipynb")
ALLOWED = (  # what the zip holds: patterns relative to the checkout; each must match something
    *("README.md", "requirements.txt", "run_all.sh", "pyproject.toml"),
    *("Part1/*.py", "Part1/task2.ipynb", "Part1/task2.pdf", "Part1/results/*.json", "Part1/results/*/*.json"),
    "Part1/results/shipped/*.pt",
    *("Part2/*.py", "Part2/Part2.ipynb", "Part2/Part2.pdf", "Part2/dataset/*.py"),
    *("Part2/results/*.json", "Part2/results/*.pt", "Part2/results/*.png", "Part2/results/*.gif"),
    *("Part2/results/*/*.json", "Part2/results/*/*.png", "Part2/images/*.png"),
    "Part2/mnist_generator.pt",
    *("report/*.py", "report/*.lua", "report/*.tex", "report/*.png", "report/report.pdf", "report/generated/*"),
    *("tests/*.py", "tests/browser/*.*"),
)
RERUN = (  # what must work in the unpacked zip: (folder, arguments of python)
    ("Part1", ("train.py", "--max_epoch", "1")),
    ("Part2", ("my_gan.py", "--dataset", "digits", "--n_epochs", "1")),
)
HASHED = ("Part1/task2.pdf", "Part2/Part2.pdf", "report/report.pdf", "Part2/mnist_generator.pt")  # in VERIFIED.txt
WIDGET = "application/vnd.jupyter.widget-view+json"
AWAY = ROOT / ".out_of_reach"  # run_all.sh puts back what a killed verification left here
SOURCE_DATE = {"SOURCE_DATE_EPOCH": "1700000000", "FORCE_SOURCE_DATE": "1"}  # the same PDF whenever it is built


class SubmissionError(Exception):
    """A step failed; the message says which, why, and what to look at."""


def call(command, cwd, **environment):
    """Runs a command; SubmissionError with the end of its output if it fails. Returns the output."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise SubmissionError(f"`{' '.join(map(str, command))}` ended with status {done.returncode} in {cwd}:\n{tail}")
    return done.stdout


def execute(path):
    """Runs a notebook top to bottom in its own folder and returns it; SubmissionError names the cell that failed."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": path.parent}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # else it warns of its own loopback connection
    )
    client.comm_open_handlers.clear()  # nbclient plays Output widgets by sending amid its wait for a reply: it can hang
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:  # a cell failed or hung, or its kernel died
        raise SubmissionError(f"{path}: a cell failed:\n{error}") from error
    notebook.metadata = {"kernelspec": notebook.metadata.get("kernelspec", {}), "language_info": {"name": "python"}}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            live = any(WIDGET in output.get("data", ()) for output in cell.outputs)
            cell.outputs = [] if live else cell.outputs  # a widget is for a running notebook: its names are random
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise SubmissionError(f"{path}: a cell wrote to stderr, expected no warnings:\n{output['text']}")
    return notebook


def notebook_pdf(notebook, path, author):
    """The notebook's prose and results, without its code, as a PDF at `path`."""
    exporter = MarkdownExporter(exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True)
    text, resources = exporter.from_notebook_node(notebook)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, data in resources["outputs"].items():
            (folder / name).write_bytes(data)
        (folder / "notebook.md").write_text(re.sub(r"!\[png\]", "![]", text), encoding="utf-8")
        options = ["--from=markdown-implicit_figures", "--shift-heading-level-by=-1", "--columns=110"]
        options += ["--lua-filter", ROOT / "report" / "notebook.lua", f"--metadata=author:{author}"]
        for header in ("cjk.tex", "notebook.tex"):
            options += ["--include-in-header", ROOT / "report" / header]
        for variable in ("papersize=a4", "geometry=margin=20mm", "colorlinks=true"):
            options += ["--variable", variable]
        call(["pandoc", "notebook.md", "-s", "-o", "notebook.tex", *options], folder)
        typeset(folder / "notebook.tex", path)


def typeset(source, path):
    """latexmk with XeLaTeX; the PDF replaces `path` when it is whole and no character is missing from its fonts."""
    build = source.parent / ".build"  # always the same relative path: the PDF's identifier depends on it
    shutil.rmtree(build, ignore_errors=True)
    try:
        command = ["latexmk", "-xelatex", "-halt-on-error", "-interaction=nonstopmode", "-outdir=.build", source.name]
        call(command, source.parent, **SOURCE_DATE)
        log = (build / source.with_suffix(".log").name).read_text(errors="replace")
        if missing := sorted(set(re.findall(r"Missing character: There is no (\S+)", log))):
            raise SubmissionError(
                f"{source.name}: no font here has {' '.join(missing)}; install Noto Serif CJK SC (Debian, Ubuntu: "
                "apt-get install fonts-noto-cjk) or write the name in other characters"
            )
        for line in re.findall(r"Overfull \\[hv]box .*", log):
            print(f"{source.name}: {line}", flush=True)
        with artifacts.atomic(path) as temporary:
            shutil.copyfile(build / source.with_suffix(".pdf").name, temporary)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def notebooks(args):
    for relative in NOTEBOOKS:
        path = ROOT / relative
        started = time.perf_counter()
        notebook = execute(path)
        with artifacts.atomic(path) as temporary:
            nbformat.write(notebook, temporary)
        notebook_pdf(notebook, path.with_suffix(".pdf"), " ".join(filter(None, (args.name, args.student))))
        print(f"{relative}: run and printed in {time.perf_counter() - started:.0f} s", flush=True)


def report(args):
    command = [sys.executable, "generate.py", "--student", args.student, "--name", args.name]
    call(command, ROOT / "report", **SOURCE_DATE)
    typeset(ROOT / "report" / "report.tex", ROOT / "report" / "report.pdf")


def build(path, folder):
    """Zips what ALLOWED names into `path`, below `folder`, in a fixed order with fixed times: the same zip again."""
    files = []
    for pattern in ALLOWED:
        found = sorted(path for path in ROOT.glob(pattern) if not path.name.startswith("."))
        if not found:
            raise SubmissionError(f"nothing matches {pattern}, which the zip must hold; run ./run_all.sh")
        files += found
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{folder}/{file.relative_to(ROOT).as_posix()}", (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.suffix == ".sh" else 0o644) << 16
            archive.writestr(entry, file.read_bytes())
    return len(files)


@contextlib.contextmanager
def out_of_reach():
    """The checkout's folders moved away while the block runs, so that nothing in it can be used by mistake."""
    moved = [name for name in ("Part1", "Part2", "report", "tests") if (ROOT / name).exists()]
    signals = (signal.SIGTERM, signal.SIGHUP)  # they would end the process without its `finally`
    handlers = [signal.signal(number, lambda *_: sys.exit("verify: terminated")) for number in signals]
    AWAY.mkdir()
    try:
        for name in moved:
            (ROOT / name).rename(AWAY / name)
        yield
    finally:
        for name in moved:
            if (AWAY / name).exists():
                (AWAY / name).rename(ROOT / name)
        AWAY.rmdir()
        for number, handler in zip(signals, handlers, strict=True):
            signal.signal(number, handler)


def verify(path):
    """Unpacks the zip in a folder with a space and a Chinese character and re-runs it there, the checkout moved away.

    Returns lines that say what was run and how long it took; SubmissionError if anything does not work.
    """
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "grader 评分"
        with zipfile.ZipFile(path) as archive:
            archive.extractall(place)
        if len(folders := list(place.iterdir())) != 1:
            raise SubmissionError(f"{path.name} holds {sorted(f.name for f in folders)}; expected one folder")
        unpacked = folders[0]
        with out_of_reach():
            for relative in NOTEBOOKS:
                started = time.perf_counter()
                if not (unpacked / relative).exists():
                    raise SubmissionError(f"{path.name}: {relative} is missing")
                execute(unpacked / relative)
                lines.append(f"{relative} top to bottom: {time.perf_counter() - started:.0f} s")
            for folder, arguments in RERUN:
                started = time.perf_counter()
                call([sys.executable, *arguments], unpacked / folder)
                lines.append(f"{folder}: python {' '.join(arguments)}: {time.perf_counter() - started:.0f} s")
    return lines


def make_zip(args):
    path = ROOT / f"{args.student}_assignment3.zip"
    with artifacts.atomic(path) as temporary:  # named as a submission only once it is verified
        count = build(temporary, path.stem)
        lines = verify(temporary)
    versions = ", ".join(f"{name} {version}" for name, version in artifacts.versions().items())
    head = [f"{path.name}: {count} files, {path.stat().st_size / 1e6:.1f} MB, sha256 {artifacts.sha256(path)}"]
    head += ["Unpacked elsewhere, the checkout out of reach, and re-run there without error:"]
    lines = [f"  {line}" for line in lines] + [f"With {versions}; {artifacts.hardware()}", "In it, by sha256:"]
    lines += [f"  {artifacts.sha256(ROOT / name)}  {name}" for name in HASHED]
    text = "\n".join([*head, *lines, ""])
    with artifacts.atomic(ROOT / "VERIFIED.txt") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text, end="")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("notebooks", "report", "zip", "verify"))
    parser.add_argument("file", nargs="?", type=Path, help="the zip to verify")
    parser.add_argument("--student", default="studentnumber", help="student number: title page and name of the zip")
    parser.add_argument("--name", default="", help="name, for the title page")
    args = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = "1"  # more threads add in another order: a figure's last digits, hence its bytes
    if args.step == "verify":
        if args.file is None or not zipfile.is_zipfile(args.file):
            parser.error(f"verify needs a zip file; found {args.file}")
        print("\n".join(verify(args.file.resolve())))
    else:
        {"notebooks": notebooks, "report": report, "zip": make_zip}[args.step](args)


if __name__ == "__main__":
    try:
        main()
    except (SubmissionError, artifacts.ArtifactError, OSError) as error:
        sys.exit(f"submission.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\nsubmission.py: interrupted")
