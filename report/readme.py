"""Puts the measured results into README.md, between its two marks, and redraws its picture.

    python report/readme.py         or ./run_all.sh readme; says what it changed

The rows are those that both Parts wrote to generated/part1/readme.json and generated/part2/readme.json with the
report's numbers: {"rows": [["what was measured", "result"], ...]}.
"""

import json
import subprocess
from pathlib import Path

import artifacts
import tables

REPORT = Path(__file__).resolve().parent
PAGE = REPORT.parent / "README.md"
START, END = "<!-- results: written by report/readme.py -->", "<!-- end of results -->"
PICTURE = ("generated/part1/race.pdf", "race.png")


def results(folder=REPORT / "generated"):
    """The Markdown table of the README's results; ArtifactError if a Part did not write its rows."""
    rows = []
    for part in ("part1", "part2"):
        path = folder / part / "readme.json"
        try:
            rows += json.loads(path.read_text(encoding="utf-8"))["rows"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} is missing or no list of rows; make it: ./run_all.sh report"
            raise artifacts.ArtifactError(message) from error
    return tables.Table(["measured", "result"], rows, "lr").markdown()


def fill(text, table):
    """The README's text with `table` in its place; ArtifactError if the lines that mark the place are missing."""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not end:
        raise artifacts.ArtifactError(f"README.md lacks the line {END if start else START}; results go between the two")
    return f"{head}{start}\n{table}\n{end}{tail}"


def is_filled():
    """Whether README.md shows the results that were measured."""
    text = PAGE.read_text(encoding="utf-8")
    return fill(text, results()) == text


def main():
    text = PAGE.read_text(encoding="utf-8")
    filled = fill(text, results())
    if filled == text:
        print("README.md: up to date")
    else:
        with artifacts.atomic(PAGE) as temporary:
            temporary.write_text(filled, encoding="utf-8")
        print(f"README.md: {len(set(filled.splitlines()) - set(text.splitlines()))} line(s) of its results are new")
    source, picture = REPORT / PICTURE[0], REPORT / PICTURE[1]
    if source.exists():
        command = ["pdftoppm", "-r", "150", "-png", "-singlefile", source]
        image = subprocess.run(command, capture_output=True, check=True).stdout
        if not picture.exists() or picture.read_bytes() != image:
            with artifacts.atomic(picture) as temporary:
                temporary.write_bytes(image)
            print(f"report/{picture.name}: drawn anew")


if __name__ == "__main__":
    artifacts.script(main, "readme.py")
