"""Notebooks and report to PDF; the submission as a zip, unpacked elsewhere and re-run before it gets its name.

python report/build.py notebooks           run top to bottom, then Part1/task2.pdf and Part2/Part2.pdf (1 minute)
python report/build.py report              numbers, tables, figures of both Parts, then report/report.pdf
python report/build.py zip                 builds what is stale, then NUMBER_assignment3.zip and VERIFIED.txt
python report/build.py verify FILE.zip     unpacks and re-runs a zip that is there already
python report/build.py check               whether --student and --name can be printed
"""

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

import artifacts
import readme
import tables
import verify
from verify import NOTEBOOKS, ROOT, BuildError, call

REPORT = ROOT / "report"
BUILD = REPORT / ".build"  # work in progress; what a killed run leaves in it is removed by the next
GENERATED = REPORT / "generated"
EXPLORE = REPORT / "explore.py"
PARTS = {"Part1": "lstm_study", "Part2": "gan_study"}  # each writes generated/part1 or part2
STAGES = ("setup", "part1", "part2", "notebooks", "report", "readme", "zip", "test", "browser")  # of run_all.sh
SOURCE_DATE = {"SOURCE_DATE_EPOCH": "1700000000", "FORCE_SOURCE_DATE": "1"}  # the same PDF whenever it is built
NO_MAKING = {"MKTEXTFM": "0", "MISSFONT_LOG": os.devnull}  # of fonts that are only asked for
NOBODY = "studentnumber"  # until the user gives one
HEADERS = ("build.tex", "cjk.tex", "notebook.tex")  # of a notebook's PDF
ZIPPED = (  # what the zip holds, as patterns; each must match something
    *("README.md", "requirements.txt", "run_all.sh", "pyproject.toml"),
    *("Part1/*.py", "Part1/lstm_study/*.py", "Part1/task2.ipynb", "Part1/task2.pdf", "Part1/results/*.jsonl"),
    *("Part2/*.py", "Part2/gan_study/*.py", "Part2/dataset/*.py", "Part2/Part2.ipynb", "Part2/Part2.pdf"),
    *("Part2/results/*.jsonl", "Part2/images/*.png", "Part2/mnist_generator.pt"),
    *("report/*.py", "report/*.lua", "report/*.tex", "report/*.mplstyle", "report/report.pdf"),
    *("report/generated/*.*", "report/generated/part1/*", "report/generated/part2/*"),
    *("tests/*.py", "tests/*/*.py", "tests/*/*.txt"),
)
ZIPPED_IF_THERE = (
    *("Part[12]/results/*.pt", "Part[12]/results/*.png", "Part[12]/results/*.gif", "tests/*.txt"),
    *("report/*.png", "report/*.html", "report/explore/*.*"),
)
PRODUCTS = ("Part1/task2.pdf", "Part2/Part2.pdf", "report/report.pdf", "Part2/mnist_generator.pt")  # in VERIFIED.txt


# ---------------------------------------------------------------------------------------------- number and name


def check_student(student):
    """BuildError unless the student number can be the name of a file."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}", student):
        shown = student if len(student) <= 50 else f"{student[:47]}... ({len(student)} characters)"
        raise BuildError(
            f"--student is {shown!r}; expected letters, digits, '-' and '_', 1 to 40 of them and no '-' first: it "
            "names the zip"
        )
    if student in STAGES:
        raise BuildError(f"--student is {student!r}, which is a stage of run_all.sh; expected a student number")


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


def letters(text):
    """LaTeX that prints `text` letter by letter; see \\Letter in cjk.tex."""
    words = []
    for word in text.split(" "):
        wraps = len(word) > 30 or any(ord(letter) >= 0x2E80 for letter in word)
        words.append("".join(rf"\Letter{{{ord(letter):04X}}}" + r"\allowbreak " * wraps for letter in word))
    return r"\ ".join(words)


def plain(text):
    """LaTeX whose PDF string is `text`: an empty group keeps hyphens and quotes from becoming others."""
    return re.sub(r"(?<!\\)([-'`?!,<>])", r"\1{}", tables.escape(text))


def commands(values):
    return "".join(f"\\newcommand{{\\{name}}}{{{value}}}\n" for name, value in values.items())


def check_fonts(author):
    """BuildError if a letter of the author's is in no font; nothing was built or removed by then."""
    if author.isascii():
        return
    folder = BUILD / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPORT / "cjk.tex", folder)
    text = r"\documentclass{article}\input{cjk.tex}\begin{document}\raggedright " + letters(author) + r"\end{document}"
    (folder / "name.tex").write_text(text, encoding="utf-8")
    typeset(folder / "name.tex", folder / "name.pdf")


# ------------------------------------------------------------------------------------------------ what is current


def digest(files, *more):
    """16 hex digits of files, by path and content, and of strings."""
    lines = [f"{file.relative_to(ROOT).as_posix()} {artifacts.sha256(file)}\n" for file in files]
    return artifacts.sha256("".join([*lines, *more]).encode())[:16]


def part_files(part):
    """What a Part's notebook, figures and tables are made from: its code and its results."""
    patterns = ("*.py", "*_study/*.py", "dataset/*.py", "results/*", "images/*.png", "*.pt")
    files = [file for pattern in patterns for file in sorted((ROOT / part).glob(pattern))]
    return [*(file for file in files if file.is_file() and not file.name.startswith(".")), *house_files()]


def house_files():
    return [REPORT / name for name in ("artifacts.py", "closure.py", "publish.py", "tables.py", "house.mplstyle")]


def stamp(notebook, part):
    """Of what a notebook was run with and what came of it: another edit of either and it has to run again."""
    cells = [[cell.cell_type, cell.source, cell.get("outputs")] for cell in notebook.cells]
    return digest(part_files(part), json.dumps(cells, sort_keys=True))


def pdf_says(path):
    """(author, subject) of a PDF; (None, None) if it is missing or unreadable."""
    done = subprocess.run(["pdfinfo", "-enc", "UTF-8", path], capture_output=True, encoding="utf-8", errors="replace")
    found = dict(re.findall(r"(?m)^(Author|Subject): +(.*)$", done.stdout))
    return found.get("Author"), found.get("Subject")


def pdf_fault(path, author, source):
    """What is wrong with a PDF that should be by `author` and made from `source`, in words; None if nothing is."""
    name = path.relative_to(ROOT).as_posix()
    if not path.exists():
        return f"{name} is missing"
    found, subject = pdf_says(path)
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
        made = json.loads((GENERATED / "made.json").read_text(encoding="utf-8"))
        made = made if isinstance(made, dict) else {}
    except (OSError, ValueError):
        made = {}
    if not made:
        return "report/generated was not made, or its making was interrupted"
    for part in PARTS:
        folder, found = f"report/generated/{part.lower()}", made.get(part, {})
        if found.get("from") != digest(part_files(part)):
            return f"{folder} is older than {part}'s code or results"
        now, then = generated_by(part), found.get("files", {})
        if wrong := sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name)):
            return f"{folder}/{wrong[0]} is missing or was changed since it was made"
    return None


def report_fault(author):
    return generated_fault() or pdf_fault(REPORT / "report.pdf", author, report_source(author))


def report_source(author):
    files = [REPORT / "report.tex", REPORT / "cjk.tex"]
    return digest([*files, *(GENERATED / part.lower() / name for part in PARTS for name in generated_by(part))], author)


# ----------------------------------------------------------------------------------------------------------- PDFs


def typeset(source, path, out="out"):
    """latexmk with XeLaTeX; the PDF replaces `path` when it is whole and no character is missing from its fonts.

    `out` is relative to the source's folder and always the same: the PDF's identifier depends on it.
    """
    command = ["latexmk", "-norc", "-xelatex", "-halt-on-error", "-interaction=nonstopmode", f"-outdir={out}"]
    build = source.parent / out
    shutil.rmtree(build, ignore_errors=True)
    log = build / source.with_suffix(".log").name
    try:
        call([*command, source.name], source.parent, os.environ | SOURCE_DATE | NO_MAKING)
    except BuildError as error:
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if found := re.search(r"(?m)^! .*(?:\n.*){0,6}", said):
            raise BuildError(f"{source.name}: LaTeX stopped:\n{found[0]}") from error
        raise
    log = log.read_text(encoding="utf-8", errors="replace")
    if missing := sorted(set(re.findall(r"Missing character: There is no (\S+)", log))):
        raise BuildError(
            f"{source.name}: no font here has {' '.join(missing)}; install Noto Serif CJK SC (Debian, Ubuntu: "
            "apt-get install fonts-noto-cjk) or write the name in other characters"
        )
    for line in re.findall(r"Overfull \\[hv]box .*", log):
        print(f"{source.name}: {line}", flush=True)
    with artifacts.atomic(path) as temporary:
        shutil.copyfile(build / source.with_suffix(".pdf").name, temporary)
    shutil.rmtree(build, ignore_errors=True)


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
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in resources["outputs"].items():
        (folder / name).write_bytes(data)
    for name in (*HEADERS[1:], "notebook.lua"):  # pandoc takes a '#' or '%20' in a path for one of a URL
        shutil.copy(REPORT / name, folder)
    values = {"Author": letters(author), "PlainAuthor": plain(author), "Source": notebook_source(path, author)}
    (folder / "build.tex").write_text(commands(values), encoding="utf-8")
    (folder / "notebook.md").write_text(re.sub(r"!\[png\]", "![]", text), encoding="utf-8")
    options = ["--from=markdown-implicit_figures", "--shift-heading-level-by=-1", "--columns=110"]
    options += ["--lua-filter=notebook.lua", *(f"--include-in-header={name}" for name in HEADERS)]
    options += [f"--variable={each}" for each in ("papersize=a4", "geometry=margin=20mm", "colorlinks=true")]
    call(["pandoc", "notebook.md", "-s", "-o", "notebook.tex", *options], folder)
    typeset(folder / "notebook.tex", path.with_suffix(".pdf"))


def build_notebook(path, author, again=True):
    """Runs and prints a notebook; unless `again`, only as far as it is stale."""
    started, done = time.perf_counter(), "printed"
    if again or not was_run(path):
        run_notebook(path)
        done = "run and printed"
    print_notebook(path, author)
    print(f"{path.relative_to(ROOT).as_posix()}: {done} in {time.perf_counter() - started:.0f} s", flush=True)


def notebooks(args):
    verify.side_by_side(*(lambda path=path: build_notebook(ROOT / path, args.author) for path in NOTEBOOKS))


def totals():
    """What the report says about all runs of both Parts, from their results."""
    files = sorted(ROOT.glob("Part[12]/results/*.jsonl"))
    runs = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line]
    versions = [", ".join(f"{name} {version}" for name, version in run["versions"].items()) for run in runs]
    return {
        "Artifacts": digest(files),
        "Runs": f"{len(runs):,}",
        "RunMinutes": f"{sum(run['seconds'] for run in runs) / 60:,.0f}",
        "Hardware": tables.escape("; ".join(sorted({run["hardware"].rpartition(", ")[0] for run in runs}))),
        "Versions": tables.escape("; ".join(sorted(set(versions)))),
    }


def write_generated(part):
    """Has a Part write its numbers, tables and figures; returns what made.json says of them."""
    source = digest(part_files(part))
    shutil.rmtree(GENERATED / part.lower(), ignore_errors=True)
    environment = verify.clean_environment(BUILD / part)
    call([sys.executable, "-m", PARTS[part], "report"], ROOT / part, environment | SOURCE_DATE)
    if not generated_by(part):
        raise BuildError(f"python -m {PARTS[part]} report, run in {part}, wrote nothing to report/generated")
    return {"from": source, "files": generated_by(part)}


def generate():
    """Has both Parts write report/generated, and notes there what was written from what."""
    note = GENERATED / "made.json"
    note.unlink(missing_ok=True)
    made = verify.side_by_side(*(lambda part=part: write_generated(part) for part in PARTS))
    with artifacts.atomic(note) as temporary:
        temporary.write_text(json.dumps(dict(zip(PARTS, made, strict=True)), indent=1), encoding="utf-8")


def print_report(author):
    values = {"Author": letters(author), "PlainAuthor": plain(author), "Source": report_source(author)}
    (GENERATED / "build.tex").write_text(commands(values | totals()), encoding="utf-8")
    typeset(REPORT / "report.tex", REPORT / "report.pdf", out=".build/report")
    print("report/report.pdf: written", flush=True)


def write_page():
    """report/explore.html, the page that needs nothing, where its sources are there."""
    if EXPLORE.exists():
        call([sys.executable, EXPLORE], REPORT, verify.clean_environment(BUILD / "explore"))


def page_is_current():
    command = [sys.executable, EXPLORE, "--check"]
    return not EXPLORE.exists() or subprocess.run(command, capture_output=True).returncode == 0


def report(args):
    generate()
    print_report(args.author)
    write_page()


# ------------------------------------------------------------------------------------------------------------ zip


def zipped():
    """The files that the zip holds, in a fixed order; BuildError if a pattern of ZIPPED matches nothing."""
    files = []
    for pattern in (*ZIPPED, *ZIPPED_IF_THERE):
        found = [file for file in sorted(ROOT.glob(pattern)) if file.is_file() and not file.name.startswith(".")]
        if not found and pattern in ZIPPED:
            raise BuildError(f"nothing matches {pattern}, which the zip must hold; run ./run_all.sh")
        files += [file for file in found if file.relative_to(ROOT).as_posix() != verify.CONTENTS]
    return list(dict.fromkeys(files))


def date_of(content):
    """A date of 2025 that follows from the content: with one date for all versions of a file, Python would run the
    compiled form of an older version over which a newer zip was unpacked. The same content keeps the same date."""
    seconds = int(artifacts.sha256(content)[:12], 16) % (365 * 86_400)
    return (datetime.datetime(2025, 1, 1) + datetime.timedelta(seconds=seconds // 2 * 2)).timetuple()[:6]


def write_zip(path, folder, files):
    """Zips {name: content} below `folder`, with a list of their hashes."""
    listed = "".join(f"{artifacts.sha256(content)}  {name}\n" for name, content in files.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, verify.CONTENTS: listed.encode()}.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", date_of(content))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(entry, content)


def faults(author):
    """What of the notebooks and the report is not of the present sources, results and author, in words."""
    return [*filter(None, [*(notebook_fault(ROOT / path, author) for path in NOTEBOOKS), report_fault(author)])]


def build_stale(author):
    """Builds what has a fault, and says which."""
    for path in map(ROOT.joinpath, NOTEBOOKS):
        if fault := notebook_fault(path, author):
            print(f"{fault}: building it", flush=True)
            build_notebook(path, author, again=False)
    if fault := report_fault(author):
        print(f"{fault}: building it", flush=True)
        if generated_fault():
            generate()
        print_report(author)
    if not page_is_current():
        print("report/explore.html is older than what it is made from: building it", flush=True)
        write_page()
    if not readme.is_filled():
        raise BuildError("README.md's results are not those that were measured; put them in: ./run_all.sh readme")


def make_zip(args):
    path, known = ROOT / f"{args.student}_assignment3.zip", ROOT / "VERIFIED.txt"
    for old in (path, known):  # an older submission must not be taken for this one
        old.unlink(missing_ok=True)
    build_stale(args.author)
    files = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in zipped()}
    made = BUILD / path.name
    write_zip(made, path.stem, files)
    with verify.elsewhere(BUILD / "elsewhere") as scratch:
        lines = verify.verify(made, scratch)
    versions = ", ".join(f"{name} {version}" for name, version in artifacts.versions().items())
    head = [f"{path.name}: {len(files) + 1} files, {made.stat().st_size / 1e6:.1f} MB, sha256 {artifacts.sha256(made)}"]
    head += ["Unpacked elsewhere and re-run there without error; no file names the checkout, and every module that was"]
    head += ["loaded lay there or in the Python environment:"]
    lines = [f"  {line}" for line in lines] + [f"With {versions}; {artifacts.hardware()}", "In it, by sha256:"]
    lines += [f"  {artifacts.sha256(files[name])}  {name}" for name in PRODUCTS]
    text = "\n".join([*head, *lines, ""])
    with artifacts.atomic(known) as temporary:
        temporary.write_text(text, encoding="utf-8")
        made.replace(path)
    print(text, end="")
    if args.student == NOBODY:
        print("It bears no student's number or name; to put yours in: ./run_all.sh zip --student NUMBER --name NAME")


def verify_file(args):
    with verify.elsewhere(BUILD / "elsewhere") as scratch:
        print("\n".join(verify.verify(args.file.resolve(), scratch)))


# ---------------------------------------------------------------------------------------------------------- main


class Stopped(BaseException):
    """Ctrl-C or a signal that ends processes."""


@contextlib.contextmanager
def alone():
    """One build in a checkout at a time; what a killed one left is removed."""
    BUILD.mkdir(exist_ok=True)
    with artifacts.locked(BUILD / "lock", "another build is under way in this checkout: waiting for it"):
        note = BUILD / "elsewhere"
        if note.exists() and (name := note.read_text(encoding="utf-8")) and "assignment3-" in Path(name).name:
            shutil.rmtree(name, ignore_errors=True)
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
    if args.step == "verify" and not (args.file and args.file.is_file()):
        raise BuildError(f"verify needs a zip file; found {args.file}")
    if args.step != "verify" and args.file:
        raise BuildError(f"{args.step} takes no file; found {args.file}")
    check_student(args.student)
    args.author = " ".join(filter(None, (check_name(args.name), args.student)))
    with alone():
        check_fonts(args.author)
        STEPS[args.step](args)


def script():
    """Runs main as a command: each error is one message, and a signal ends the children, too."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number, _):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    for number in numbers:
        signal.signal(number, stop)
    try:
        main()
    except (BuildError, artifacts.ArtifactError, OSError, ValueError) as error:
        sys.exit(f"build.py: {error}")
    except Stopped as stopped:
        step = sys.argv[1] if sys.argv[1] in STAGES else "zip"
        sys.exit(f"build.py: {step} was stopped by {stopped}; what was complete is kept; to go on: ./run_all.sh {step}")
    finally:
        verify.stop_children()


if __name__ == "__main__":
    script()
