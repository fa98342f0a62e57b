"""Notebooks and report to PDF; the submission as a zip, unpacked elsewhere and re-run before it gets its name.

python report/build.py notebooks           run top to bottom, then Part1/task2.pdf and Part2/Part2.pdf (1 minute)
python report/build.py report              numbers, tables, figures of both Parts, then report/report.pdf
python report/build.py zip                 builds what is stale, then NUMBER_assignment3.zip and VERIFIED.txt
python report/build.py verify FILE.zip     unpacks and re-runs a zip that is there already
python report/build.py check               whether --student and --name can be printed
"""

import argparse
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

import artifacts
import pdf
import readme
import submission
import tables
import verify
from verify import NOTEBOOKS, ROOT, BuildError, call

REPORT = ROOT / "report"
BUILD = REPORT / ".build"  # work in progress; what a killed run leaves in it is removed by the next
NOTE = BUILD / "elsewhere"  # names the scratch folder of a verification
GENERATED = REPORT / "generated"
MADE = GENERATED / "made.json"  # what each Part wrote there, and from what
PARTS = {"Part1": "lstm_study", "Part2": "gan_study"}  # each writes generated/part1 or part2
NOBODY = "studentnumber"  # until the user gives one
HEADERS = ("build.tex", "cjk.tex", "notebook.tex")  # of a notebook's PDF
PRODUCTS = ("Part1/task2.pdf", "Part2/Part2.pdf", "report/report.pdf", "Part2/mnist_generator.pt")  # in VERIFIED.txt


# ---------------------------------------------------------------------------------------------- number and name


def check_student(student):
    """BuildError unless the student number can be the name of a file."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}", student):
        raise BuildError(
            f"--student is {student[:50]!r}; expected letters, digits, '-' and '_', 1 to 40 of them and no '-' first: "
            "it names the zip"
        )


def check_name(name):
    """The name as text; BuildError unless it can be printed on one title page."""
    try:
        name = os.fsencode(name).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BuildError(f"--name is not UTF-8 ({error}); expected text in UTF-8") from error
    if len(name) > 100:
        raise BuildError(f"--name has {len(name)} characters; expected at most 100")
    if not name.isprintable():
        raise BuildError(f"--name is {name!r}; expected one line without control characters")
    return name


# ------------------------------------------------------------------------------------------------ what is current


def digest(files, *more):
    """16 hex digits of files, by path and content, and of strings."""
    lines = [f"{file.relative_to(ROOT).as_posix()} {artifacts.sha256(file)}\n" for file in files]
    return artifacts.sha256("".join([*lines, *more]).encode())[:16]


def part_files(part):
    """What a Part's notebook, figures and tables are made from: its code, its results, and what both Parts share."""
    patterns = ("*.py", "*_study/*.py", "dataset/*.py", "results/*", "images/*.png", "*.pt")
    files = [file for pattern in patterns for file in sorted((ROOT / part).glob(pattern))]
    shared = ("artifacts.py", "closure.py", "publish.py", "tables.py", "house.mplstyle")
    found = [file for file in files if file.is_file() and not file.name.startswith(".")]
    return [*found, *(REPORT / name for name in shared)]


def stamp(notebook, part):
    """Of what a notebook was run with and what came of it: another edit of either and it has to run again."""
    cells = [[cell.cell_type, cell.source, cell.get("outputs")] for cell in notebook.cells]
    return digest(part_files(part), json.dumps(cells, sort_keys=True))


def pdf_fault(path, author, source):
    """What is wrong with a PDF that should be by `author` and made from `source`, in words; None if nothing is."""
    name = path.relative_to(ROOT).as_posix()
    if not path.exists():
        return f"{name} is missing"
    found, subject = pdf.says(path)
    if found != author:
        return f"{name} is by {found!r}, asked for is {author!r}"
    if source not in (subject or ""):
        return f"{name} is older than what it is made from"
    return None


def notebook_source(path, author):
    return digest([path, *(REPORT / name for name in (*HEADERS[1:], "notebook.lua"))], author)


def was_run(path):
    """Whether a notebook's outputs are those of its cells, with the code and the results that are there now."""
    notebook = verify.read_notebook(path)
    return notebook.metadata.get("stamp") == stamp(notebook, path.parent.name)


def notebook_fault(path, author):
    if not was_run(path):
        return f"{path.relative_to(ROOT).as_posix()} was not run since it, its code or its results changed"
    return pdf_fault(path.with_suffix(".pdf"), author, notebook_source(path, author))


def generated_by(part):
    """The files that a Part wrote for the report, with their hashes."""
    folder = GENERATED / part.lower()
    return {file.name: artifacts.sha256(file) for file in sorted(folder.glob("*")) if not file.name.startswith(".")}


def generated_fault():
    """What is wrong with report/generated, in words; None if it is complete and current."""
    try:
        known = json.loads(MADE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.keys() != PARTS.keys():
        return "report/generated was not made, or its making was interrupted"
    for part, made in known.items():
        folder = f"report/generated/{part.lower()}"
        if made["from"] != digest(part_files(part)):
            return f"{folder} is older than {part}'s code or results"
        now, then = generated_by(part), made["files"]
        if wrong := sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name)):
            return f"{folder}/{wrong[0]} is missing or was changed since it was made"
    return None


def report_fault(author):
    return generated_fault() or pdf_fault(REPORT / "report.pdf", author, report_source(author))


def report_source(author):
    files = [REPORT / "report.tex", REPORT / "cjk.tex"]
    return digest([*files, *(GENERATED / part.lower() / name for part in PARTS for name in generated_by(part))], author)


# ----------------------------------------------------------------------------------------------------------- PDFs


def run_notebook(path):
    """Runs a notebook and saves it with its outputs; BuildError if it was edited meanwhile, which keeps the edit."""
    before = path.read_bytes()
    notebook, _ = verify.run_notebook(path, BUILD / path.stem)
    notebook.metadata["stamp"] = stamp(notebook, path.parent.name)
    with artifacts.atomic(path) as temporary:
        nbformat.write(notebook, temporary)
        if path.read_bytes() != before:
            raise BuildError(f"{path} was changed while it ran; the change is kept; again: ./run_all.sh notebooks")


def print_notebook(path, author):
    """The notebook's prose and results, without its code, as a PDF beside it."""
    notebook = verify.read_notebook(path)
    hidden = dict.fromkeys(("exclude_input", "exclude_input_prompt", "exclude_output_prompt"), True)
    kinds = ["text/markdown", "image/png", "text/plain"]  # of a film, which is HTML too, the stills
    exporter = MarkdownExporter(config=Config({"NbConvertBase": {"display_data_priority": kinds}}), **hidden)
    text, resources = exporter.from_notebook_node(notebook)
    folder = BUILD / f"{path.stem}-pdf"
    folder.mkdir()
    for name, data in resources["outputs"].items():
        (folder / name).write_bytes(data)
    for name in (*HEADERS[1:], "notebook.lua"):  # pandoc takes a '#' or '%20' in a path for one of a URL
        shutil.copy(REPORT / name, folder)
    (folder / "build.tex").write_text(pdf.commands(author, notebook_source(path, author)), encoding="utf-8")
    (folder / "notebook.md").write_text(text.replace("![png]", "![]"), encoding="utf-8")
    options = ["--from=markdown-implicit_figures", "--shift-heading-level-by=-1", "--columns=110"]
    options += ["--lua-filter=notebook.lua", *(f"--include-in-header={name}" for name in HEADERS)]
    options += [f"--variable={each}" for each in ("papersize=a4", "geometry=margin=20mm", "colorlinks=true")]
    call(["pandoc", "notebook.md", "-s", "-o", "notebook.tex", *options], folder)
    pdf.typeset(folder / "notebook.tex", path.with_suffix(".pdf"))


def build_notebook(path, author, again=True):
    """Runs and prints a notebook; unless `again`, only as far as it is stale."""
    started, done = time.perf_counter(), "printed"
    if again or not was_run(path):
        run_notebook(path)
        done = "run and printed"
    print_notebook(path, author)
    print(f"{path.relative_to(ROOT).as_posix()}: {done} in {time.perf_counter() - started:.0f} s", flush=True)


def notebooks(args):
    verify.side_by_side(lambda path: build_notebook(ROOT / path, args.author), NOTEBOOKS)


def totals():
    """What the report says about all runs of both Parts, from their results."""
    files = sorted(ROOT.glob("Part[12]/results/[!.]*.jsonl"))
    runs = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {
        "Artifacts": digest(files),
        "Runs": f"{len(runs):,}",
        "RunMinutes": f"{sum(run['seconds'] for run in runs) / 60:,.0f}",
        "Hardware": tables.escape("; ".join(sorted({run["hardware"].rpartition(", ")[0] for run in runs}))),
        "Versions": tables.escape("; ".join(sorted({listed(run["versions"]) for run in runs}))),
    }


def listed(versions):
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def write_generated(part):
    """Has a Part write its numbers, tables and figures; returns what made.json says of them."""
    source = digest(part_files(part))
    environment = verify.clean_environment(BUILD / part) | pdf.SOURCE_DATE
    call([sys.executable, "-m", PARTS[part], "report"], ROOT / part, environment)
    return {"from": source, "files": generated_by(part)}


def generate():
    """Has both Parts write report/generated, and notes there what was written from what."""
    MADE.unlink(missing_ok=True)
    made = verify.side_by_side(write_generated, PARTS)
    with artifacts.atomic(MADE) as temporary:
        temporary.write_text(json.dumps(dict(zip(PARTS, made, strict=True)), indent=1), encoding="utf-8")


def build_report(author, again=True):
    """Prints the report, and before it has both Parts write for it; unless `again`, only if that is stale."""
    if again or generated_fault():
        generate()
    text = pdf.commands(author, report_source(author), **totals())
    (GENERATED / "build.tex").write_text(text, encoding="utf-8")
    pdf.typeset(REPORT / "report.tex", REPORT / "report.pdf", out=".build/report")
    print("report/report.pdf: written", flush=True)


def write_page():
    """report/explore.html, the page that needs nothing."""
    call([sys.executable, "explore.py"], REPORT, verify.clean_environment(BUILD / "explore"))
    print("report/explore.html: written", flush=True)


def report(args):
    build_report(args.author)
    write_page()


# ------------------------------------------------------------------------------------------------------------ zip


def stale(author):
    """Yields what of the notebooks and the report is not of the present sources, results and author, each as
    (what is wrong with it, in words; a function that builds it)."""
    for path in map(ROOT.joinpath, NOTEBOOKS):
        if fault := notebook_fault(path, author):
            yield fault, functools.partial(build_notebook, path, author, again=False)
    if fault := report_fault(author):
        yield fault, functools.partial(build_report, author, again=False)


def build_stale(author):
    """Builds what is stale, and says why."""
    for fault, build in stale(author):
        print(f"{fault}: building it", flush=True)
        build()
    write_page()
    if not readme.is_filled():
        raise BuildError("README.md's results are not those that were measured; put them in: ./run_all.sh readme")


def make_zip(args):
    path, known = ROOT / f"{args.student}_assignment3.zip", ROOT / "VERIFIED.txt"
    for old in (path, known):  # an older submission must not be taken for this one
        old.unlink(missing_ok=True)
    build_stale(args.author)
    files = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in submission.zipped()}
    made = BUILD / path.name
    submission.write_zip(made, path.stem, files)
    with verify.elsewhere(NOTE) as scratch:
        lines = verify.verify(made, scratch)
    about = (
        f"{path.name}: {len(files) + 1} files, {made.stat().st_size / 1e6:.1f} MB, sha256 {artifacts.sha256(made)}",
        "Unpacked elsewhere and re-run there without error; no file names the checkout, and every module that was",
        "loaded lay there or in the Python environment:",
        *(f"  {line}" for line in lines),
        f"With {listed(artifacts.versions())}; {artifacts.hardware()}",
        "In it, by sha256:",
        *(f"  {artifacts.sha256(files[name])}  {name}" for name in PRODUCTS),
    )
    text = "\n".join(about) + "\n"
    with artifacts.atomic(known) as temporary:
        temporary.write_text(text, encoding="utf-8")
        made.replace(path)
    print(text, end="")
    if args.student == NOBODY:
        print("It bears no student's number or name; to put yours in: ./run_all.sh zip --student NUMBER --name NAME")


def verify_file(args):
    with verify.elsewhere(NOTE) as scratch:
        print("\n".join(verify.verify(args.file.resolve(), scratch)))


# ---------------------------------------------------------------------------------------------------------- main


@contextlib.contextmanager
def alone():
    """One build in a checkout at a time; what a killed one left is removed."""
    BUILD.mkdir(exist_ok=True)
    with artifacts.locked(BUILD / "lock", "another build is under way in this checkout: waiting for it"):
        if NOTE.exists() and "assignment3-" in (left := Path(NOTE.read_text(encoding="utf-8"))).name:
            shutil.rmtree(left, ignore_errors=True)
        clean()
        try:
            yield
        finally:
            clean()


def clean():
    for path in BUILD.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "lock":
            path.unlink()


STEPS = {"notebooks": notebooks, "report": report, "zip": make_zip, "verify": verify_file, "check": lambda args: None}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("file", nargs="?", type=Path, help="the zip to verify")
    parser.add_argument("--student", default=NOBODY, help="student number: title page and name of the zip")
    parser.add_argument("--name", default="", help="name, for the title page")
    args = parser.parse_args(argv)
    if (args.step == "verify") != (args.file is not None):
        parser.error("verify needs the zip's name, and the other steps take none")
    check_student(args.student)
    args.author = " ".join(filter(None, (check_name(args.name), args.student)))
    with alone():
        pdf.check_fonts(args.author, BUILD / "fonts")
        STEPS[args.step](args)


def script():
    """Runs main as a command: each error is one message, and a signal ends the children, too."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number, _):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in numbers:
        signal.signal(number, stop)
    try:
        main()
    except (BuildError, artifacts.ArtifactError, OSError, ValueError) as error:
        sys.exit(f"build.py: {error}")
    except KeyboardInterrupt as stop:
        step = sys.argv[1] if sys.argv[1] in ("notebooks", "report") else "zip"
        sys.exit(f"build.py: {step} was stopped by {stop}; what was complete is kept; to go on: ./run_all.sh {step}")
    finally:
        verify.stop_children()


if __name__ == "__main__":
    script()
