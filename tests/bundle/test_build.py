"""Names on title pages, PDFs that are the same each time and known when stale, and errors that say what to do."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import toy
from common import python
from filelock import FileLock, Timeout
from toy import NAME, STUDENT, build, ended, mentioning

import build as builder
import pdf
import verify
from verify import BuildError

PDFS = ("Part1/task2.pdf", "Part2/Part2.pdf", "report/report.pdf")

# ---------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ("", "--student is ''; expected letters, digits"),
        ("-x", "no '-' first"),
        ("../x", "--student is '../x'; expected letters"),
        ("a b", "expected letters, digits, '-' and '_'"),
        ("学号", "expected letters"),
        ("١٢٣", "expected letters"),
        ("12345678\n", "expected letters"),
        ("1" * 41, "1 to 40"),
        ("1" * 500, f"--student is '{'1' * 50}'; expected"),
    ],
)
def test_a_student_number_that_cannot_name_a_file_is_refused(student, message):
    with pytest.raises(BuildError, match=re.escape(message)):
        builder.check_student(student)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 101, "--name has 101 characters; expected at most 100"),
        ("a\nb", r"--name is 'a\nb'; expected one line without control characters"),
        ("bell\x07", "without control characters"),
        ("\u202eabc", "without control characters"),
        ("\udcff", "--name is not UTF-8"),
    ],
)
def test_a_name_that_cannot_be_printed_is_refused(name, message):
    with pytest.raises(BuildError, match=re.escape(message)):
        builder.check_name(name)


def test_good_names_and_numbers_pass():
    for student in ("studentnumber", "12345678", "s_1-2", "9" * 40):
        builder.check_student(student)
    assert builder.check_name(" 张三 ") == "张三" and builder.check_name("") == ""


@pytest.mark.parametrize("path", PDFS)
def test_the_pdfs_print_and_tell_the_name_letter_by_letter(built_once, path):
    text = subprocess.run(["pdftotext", built_once / path, "-"], capture_output=True, text=True, check=True).stdout
    assert f"{NAME} {STUDENT}" in " ".join(text.split())
    assert pdf.says(built_once / path)[0] == f"{NAME} {STUDENT}"
    fonts = subprocess.run(["pdffonts", built_once / path], capture_output=True, text=True, check=True).stdout
    assert all(re.search(r" yes +(yes|no) +(yes|no) +\d+ +\d+$", line) for line in fonts.splitlines()[2:]), fonts


def test_a_letter_without_a_font_is_said_before_anything_is_touched(built):
    before = {path: (built / path).read_bytes() for path in PDFS}
    for step in ("check", "notebooks", "zip"):
        done = build(built, step, "--name", "x\U0001faa9", "--student", STUDENT)
        assert done.returncode != 0 and "no font here has" in done.stderr and "Traceback" not in done.stderr
    assert {path: (built / path).read_bytes() for path in PDFS} == before
    assert (built / f"{STUDENT}_assignment3.zip").exists()


def test_a_long_name_stays_on_the_page(unbuilt):
    done = build(unbuilt, "report", "--name", "张" * 50 + "W" * 50)
    assert done.returncode == 0 and "Overfull" not in done.stdout, done.stdout + done.stderr


# ------------------------------------------------------------------------------------------- the same PDF each time


def test_the_same_pdfs_from_a_strange_place_in_a_plain_locale(built_once, tmp_path):
    place = tmp_path / "HW #3? 100%20 'a' 评分 & $x"
    shutil.copytree(built_once, place)
    for path in PDFS:
        (place / path).unlink()
    for step in ("notebooks", "report"):
        done = build(place, step, "--name", NAME, "--student", STUDENT, LC_ALL="C")
        assert done.returncode == 0, done.stderr
    for path in PDFS:
        assert (place / path).read_bytes() == (built_once / path).read_bytes(), path
    assert sorted(path.name for path in (place / "report" / ".build").iterdir()) == ["lock"]


# --------------------------------------------------------------------------------------------------------- stale


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def output_by_hand(path):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs[0]["text"] = "100%\n"
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: edit(b / "Part1/utils.py", "one", "1"), "Part1/task2.ipynb was not run since it, its code or its"),
        (lambda b: edit(b / "Part2/results/a.jsonl", "60", "61"), "Part2/Part2.ipynb was not run since"),
        (lambda b: edit(b / "Part1/task2.ipynb", "Prose", "Words"), "Part1/task2.ipynb was not run since"),
        (lambda b: output_by_hand(b / "Part1/task2.ipynb"), "Part1/task2.ipynb was not run since"),
        (lambda b: (b / "Part2/Part2.pdf").unlink(), "Part2/Part2.pdf is missing"),
        (lambda b: edit(b / "report/notebook.tex", "22mm", "23mm"), "task2.pdf is older than what it is made from"),
        (lambda b: edit(b / "report/report.tex", "Toy", "Tay"), "report/report.pdf is older than what it is made from"),
        (lambda b: (b / "report/generated/part1/numbers.tex").unlink(), "part1/numbers.tex is missing or was changed"),
        (lambda b: edit(b / "report/generated/part2/numbers.tex", "5", "6"), "part2/numbers.tex is missing or was"),
        (lambda b: (b / "report/generated/made.json").unlink(), "report/generated was not made, or its making"),
        (lambda b: (b / "report/generated/made.json").write_text('{"Part1'), "report/generated was not made, or its"),
    ],
)
def test_zip_builds_what_is_stale_and_says_why(built, change, message):
    change(built)
    script = f"import build; print([*build.stale({f'{NAME} {STUDENT}'!r})])"
    done = python("-c", script, cwd=built / "report")
    assert message in done.stdout, done.stdout + done.stderr


def test_nothing_is_stale_after_a_build_but_for_another_author(built):
    script = "import sys, build; print([*build.stale(sys.argv[1])])"
    for author, expected in ((f"{NAME} {STUDENT}", 0), (STUDENT, 3)):
        done = python("-c", script, author, cwd=built / "report")
        assert done.stdout.count(" is by ") == expected and "is older" not in done.stdout, done.stdout + done.stderr


def test_zip_makes_pdfs_by_whom_it_was_asked_for(built):
    done = build(built, "zip", "--student", "87654321", "--name", "李四")
    assert done.returncode == 0 and "asked for is '李四 87654321': building it" in done.stdout, done.stderr
    assert {pdf.says(built / path)[0] for path in PDFS} == {"李四 87654321"}
    assert "run and printed" not in done.stdout  # another name is no reason to run a notebook


def test_zip_refuses_a_readme_that_does_not_say_what_was_measured(built):
    edit(built / "README.md", "5%", "6%")
    done = build(built, "zip", "--student", STUDENT, "--name", NAME)
    assert done.returncode != 0 and "./run_all.sh readme" in done.stderr
    assert not (built / f"{STUDENT}_assignment3.zip").exists()


# --------------------------------------------------------------------------------------------- errors and signals


def test_a_notebook_that_was_changed_while_it_ran_is_kept(unbuilt):
    path = unbuilt / "Part1" / "task2.ipynb"
    command = [sys.executable, "report/build.py", "notebooks"]
    environment = os.environ | {"TOY_SECONDS": "3"}
    process = subprocess.Popen(command, cwd=unbuilt, env=environment, text=True, stderr=subprocess.PIPE)
    while not (unbuilt / "report/.build/task2").exists():
        time.sleep(0.05)
    time.sleep(1)
    edit(path, "Prose", "My new sentence")
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0 and "task2.ipynb was changed while it ran; the change is kept" in errors
    assert "My new sentence" in path.read_text(encoding="utf-8") and not path.with_suffix(".pdf").exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\nwarnings.warn('beware')", "a cell wrote to stderr"),
        ("import nothing_of_the_kind", "No module named 'nothing_of_the_kind'"),
        ("import os\nos._exit(1)", "died"),
    ],
)
def test_a_notebook_that_fails_is_one_error(tmp_path, cell, message):
    toy.notebook(tmp_path / "task2.ipynb", "Part I", cell)
    with pytest.raises(BuildError, match=rf"task2.ipynb: [\s\S]*{re.escape(message)}"):
        verify.run_notebook(tmp_path / "task2.ipynb", tmp_path / "scratch")


def test_a_kernel_has_sockets_of_its_own_and_no_ports(tmp_path, monkeypatch):
    """Of two notebooks that start at once, both could choose the same port. A socket's path has about 100 bytes."""
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    says = "from ipykernel.connect import get_connection_info as info\nprint(info(unpack=True)['transport'])"
    toy.notebook(folder / "task2.ipynb", "Part I", says)
    notebook, _ = verify.run_notebook(folder / "task2.ipynb", folder / "scratch")
    assert notebook.cells[1].outputs[0].text == "ipc\n"


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"nbformat": 4', '{"nbformat": 4, "cells": 3}', "\0"])
def test_a_file_that_is_no_notebook_is_one_error(tmp_path, content):
    if content is not None:
        (tmp_path / "task2.ipynb").write_text(content)
    with pytest.raises(BuildError, match=r"task2.ipynb is missing or no notebook"):
        verify.read_notebook(tmp_path / "task2.ipynb")


def test_errors_of_latex_and_of_a_part_are_shown(unbuilt):
    edit(unbuilt / "report/report.tex", r"\maketitle", r"\maketitle\nonsense")
    done = build(unbuilt, "report")
    assert done.returncode != 0 and re.search(r"[Uu]ndefined control sequence", done.stderr)
    assert "Traceback" not in done.stderr
    fails = "import sys\nsys.exit('lstm_study: results of B1 are stale')\n"
    (unbuilt / "Part1/lstm_study/__main__.py").write_text(fails)
    done = build(unbuilt, "report")
    assert done.returncode != 0 and "results of B1 are stale" in done.stderr and "Traceback" not in done.stderr
    assert not (unbuilt / "report/generated/made.json").exists()


@pytest.mark.parametrize("arguments", [("verify",), ("verify", "nowhere.zip"), ("zip", "file"), ("nonsense",)])
def test_wrong_arguments_end_with_one_error(unbuilt, arguments):
    done = build(unbuilt, *arguments)
    assert done.returncode != 0 and "Traceback" not in done.stderr and "build.py: " in done.stderr


def under_way(folder, *arguments, seconds="30"):
    """A build that hangs in its notebooks."""
    environment = os.environ | {"TOY_SECONDS": seconds}
    command = [sys.executable, "report/build.py", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (folder / "report/.build/task2").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    return process


def test_what_a_killed_build_had_started_ends(unbuilt):
    process = under_way(unbuilt, "notebooks", seconds="600")
    process.kill()
    process.communicate()
    assert ended(unbuilt)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_build_with_one_line_and_no_orphans(unbuilt, number):
    before = (unbuilt / "Part1/task2.ipynb").read_bytes()
    process = under_way(unbuilt, "notebooks")
    assert mentioning(unbuilt)
    with pytest.raises(Timeout):
        FileLock(unbuilt / "report/.build/lock").acquire(timeout=0)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and len(errors.strip().splitlines()) == 1, errors
    assert f"notebooks was stopped by {number.name}" in errors and "to go on: ./run_all.sh notebooks" in errors
    assert ended(unbuilt) and (unbuilt / "Part1/task2.ipynb").read_bytes() == before
    assert [path.name for path in (unbuilt / "report/.build").iterdir()] == ["lock"]


def test_two_builds_at_once_one_waits_and_says_so(unbuilt):
    lock = unbuilt / "report/.build/lock"
    lock.parent.mkdir()
    with FileLock(lock):
        second = subprocess.Popen(
            [sys.executable, "report/build.py", "check"], cwd=unbuilt, stdout=subprocess.PIPE, text=True
        )
        assert "another build is under way in this checkout: waiting for it" in second.stdout.readline()
        assert second.poll() is None
    second.communicate(timeout=60)
    assert second.returncode == 0


def test_the_zips_patterns_must_match_something(built):
    (built / "Part2/images/1.png").unlink()
    done = python("-c", "import submission; submission.zipped()", cwd=built / "report")
    assert "nothing matches Part2/images/*.png, which the zip must hold; run ./run_all.sh" in done.stderr


def test_generated_numbers_are_summed_over_both_parts(built):
    text = (built / "report/generated/build.tex").read_text(encoding="utf-8")
    assert r"\newcommand{\Runs}{2}" in text and r"\newcommand{\RunMinutes}{2}" in text
    assert json.loads((built / "report/generated/made.json").read_text())["Part1"]["files"].keys() == {
        "numbers.tex",
        "readme.json",
    }
