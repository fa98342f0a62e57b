"""README.md: its results are put in by a step of their own, and are those that were measured."""

import json
import re

import pytest
from common import ROOT, python

import artifacts
import readme


@pytest.fixture
def generated(tmp_path):
    """What both Parts write for the README."""
    for part, result in (("part1", "99.9%"), ("part2", "0.165")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "readme.json").write_text(json.dumps({"rows": [[f"a | of {part}", result]]}))
    return tmp_path


def test_the_rows_of_both_parts_make_one_table(generated):
    table = readme.results(generated).splitlines()
    assert table[:2] == ["| measured | result |", "| --- | ---: |"]
    assert table[2:] == [r"| a \| of part1 | 99.9% |", r"| a \| of part2 | 0.165 |"]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"rows": 3}'])
def test_rows_that_are_missing_or_none_are_an_error(generated, content):
    path = generated / "part2" / "readme.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(artifacts.ArtifactError, match=r"readme.json is missing or no list of rows.*run_all.sh report"):
        readme.results(generated)


def test_only_what_lies_between_the_marks_is_replaced():
    text = f"before\n{readme.START}\nold\n{readme.END}\nafter\n"
    filled = readme.fill(text, "| new |")
    assert (
        filled == f"before\n{readme.START}\n| new |\n{readme.END}\nafter\n" and readme.fill(filled, "| new |") == filled
    )
    for mark in (readme.START, readme.END):
        with pytest.raises(artifacts.ArtifactError, match=f"README.md lacks the line {re.escape(mark)}"):
            readme.fill(text.replace(mark, ""), "")


def test_the_step_says_what_it_changed_and_nothing_else_writes_the_readme(unbuilt):
    page = unbuilt / "README.md"
    for part in ("part1", "part2"):
        (unbuilt / "report/generated" / part).mkdir(parents=True)
        (unbuilt / "report/generated" / part / "readme.json").write_text('{"rows": [["x", "1"]]}')
    assert "line(s) of its results are new" in python("report/readme.py", cwd=unbuilt).stdout
    assert "| x | 1 |" in page.read_text() and page.read_text().endswith("The end.\n")
    date = page.stat().st_mtime_ns
    assert "README.md: up to date" in python("report/readme.py", cwd=unbuilt).stdout
    assert page.stat().st_mtime_ns == date


def test_only_the_steps_name_touches_the_readme(built_once, unbuilt):
    """The report, built without the step, leaves README.md as it was."""
    assert (unbuilt / "README.md").read_text() != (built_once / "README.md").read_text()
    source = (ROOT / "report" / "build.py").read_text(encoding="utf-8")
    assert "readme.main" not in source and "readme.fill" not in source


@pytest.mark.results
def test_the_readme_says_what_was_measured():
    if not (readme.REPORT / "generated" / "part1").exists():
        pytest.skip("report/generated is not there: ./run_all.sh report")
    assert readme.is_filled(), "./run_all.sh readme"


def test_the_readme_is_short_and_names_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    names = {name.split()[0] for name in re.findall(r"`((?:Part1|Part2|report|tests)/[^`]*)`", text)}
    made = re.compile("runs|MNIST|generated")  # not in a fresh clone
    assert [name for name in sorted(names) if not made.search(name) and not list(ROOT.glob(name.rstrip("/")))] == []
