"""A bundle whose Parts do next to nothing, around the real report/*.py, run_all.sh and LaTeX headers.

What a build, a zip or a verification does with files, names, signals and faults shows in it within seconds.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from common import ROOT

STUDENT = "12345678"
NAME = "- x -- \"O'Neil\" `fi'' $x^2$ %#&_{}~ \\input{/etc/passwd} Иван Γιώργος 张三 李喆"  # TeX Live's fonts lack 喆

REAL = ("run_all.sh", "requirements.txt", "pyproject.toml", "report/house.mplstyle", "report/notebook.lua")
REAL += ("report/cjk.tex", "report/notebook.tex", "report/build.py", "report/verify.py", "report/readme.py")
REAL += tuple(f"report/{name}.py" for name in ("artifacts", "closure", "pdf", "publish", "submission", "tables"))
EMPTY = ("report/explore.py", "report/explore.html", "report/explore/page.html", "report/race.png")
EMPTY += ("Part1/results/a.pt", "Part2/results/a.pt", "Part2/results/a.png", "Part2/results/a.gif")
EMPTY += ("Part2/dataset/mnist.py", "tests/common.py", "tests/bundle/test_toy.py", "tests/more.txt", "tests/a/more.txt")
RECORD = {"seconds": 60, "hardware": "a processor, 2 cores, 1 thread(s)", "versions": {"python": "3"}}
STUDY = '''"""Toy."""
import json, os, pathlib, sys, time

part = pathlib.Path.cwd().name.lower()
if "all" in sys.argv:
    time.sleep(float(os.environ.get("TOY_SECONDS", 0)))
    pathlib.Path("done.txt").write_text(" ".join(sys.argv[1:]))
if "report" in sys.argv:
    folder = pathlib.Path("../report/generated") / part
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "numbers.tex").write_text("\\\\newcommand{\\\\Of%s}{5}" % part[:4])
    (folder / "readme.json").write_text(json.dumps({"rows": [["a number of " + part, "5%"]]}))
'''
SCRIPT = '''"""Toy."""
import os, sys, time

import utils

time.sleep(float(os.environ.get("TOY_SECONDS", 0)))
print(utils.WORD, *sys.argv[1:])
'''
TEX = r"""\documentclass{article}
\input{cjk.tex}
\usepackage[hidelinks]{hyperref}
\input{generated/build.tex}
\input{generated/part1/numbers.tex}
\hypersetup{pdfauthor={\PlainAuthor},pdfsubject={Made from artifacts \Artifacts, sources \Source}}
\title{Toy}\author{\parbox{0.9\textwidth}{\centering\Author}}\date{}
\begin{document}\maketitle \Ofpart{} of \Runs{} runs, \RunMinutes{} minutes, on \Hardware{} with \Versions.
\end{document}
"""
README = "# Toy\n\n<!-- results: written by report/readme.py -->\nold\n<!-- end of results -->\n\nThe end.\n"


def notebook(path, title, *cells):
    cells = [nbformat.v4.new_code_cell(source) for source in cells]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {title}\n\nProse -- of a toy."), *cells])
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(book, path)


def make(folder):
    """The toy bundle in `folder`, which must not exist."""
    for name in REAL:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    files = dict.fromkeys(EMPTY, "") | {
        "README.md": README,
        "report/report.tex": TEX,
        "Part1/utils.py": 'WORD = "one"\n',
        "Part1/train.py": SCRIPT,
        "Part2/utils.py": 'WORD = "two"\n',
        "Part2/my_gan.py": SCRIPT,
        "Part2/images/1.png": "picture",
        "Part2/mnist_generator.pt": "weights",
    }
    for part, package in (("Part1", "lstm_study"), ("Part2", "gan_study")):
        files |= {f"{part}/{package}/__init__.py": '"""Toy."""\n', f"{part}/{package}/__main__.py": STUDY}
        files |= {f"{part}/results/a.jsonl": json.dumps(RECORD) + "\n"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    wait = "import os, time\ntime.sleep(float(os.environ.get('TOY_SECONDS', 0)))"
    notebook(folder / "Part1/task2.ipynb", "Part I", "import utils\nprint(utils.WORD)", wait)
    notebook(folder / "Part2/Part2.ipynb", "Part II", "import utils\nprint(utils.WORD)", wait)
    return Path(folder)


def build(folder, *arguments, **environment):
    """Runs build.py of the bundle in `folder`; returns the completed process."""
    command = [sys.executable, "report/build.py", *arguments]
    environment = os.environ | environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800)


def run_all(folder, *arguments, **environment):
    """Runs run_all.sh of the bundle in `folder` from another folder."""
    command = ["bash", str(folder / "run_all.sh"), *arguments]
    environment = os.environ | {"PYTHON": sys.executable} | environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600, cwd="/")


def state(folder):
    """{file: (content, date)} of all that a user could miss in a bundle."""
    skipped = {".git", ".venv", "runs", "__pycache__", ".pytest_cache", ".ruff_cache", ".build"}
    files = (path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.relative_to(folder).parts))
    return {path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def mentioning(folder):
    """Processes whose command line names `folder`."""
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


def ended(folder):
    """Whether nothing that mentions `folder` runs any more, within a minute."""
    deadline = time.monotonic() + 60
    while mentioning(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not mentioning(folder)
