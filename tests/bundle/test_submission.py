"""The zip: what it holds, and every fault that its verification must refuse."""

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest
from common import ROOT, python
from toy import STUDENT, build, state

import submission
import verify
from verify import BuildError

# ------------------------------------------------------------------- faults that the zip's own list of files shows


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def rewritten(path, change, listed=True):
    """The zip at `path` after `change` of its {name: content}; `listed`: with a list that fits."""
    files = contents(path)
    old_list = files.pop(verify.CONTENTS)
    change(files)
    submission.write_zip(path, "x_assignment3", files)
    if not listed:
        files[verify.CONTENTS] = old_list
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"x_assignment3/{name}", content)


@pytest.fixture
def zipped(built_once, tmp_path):
    """A copy of a verified zip, to break."""
    return Path(shutil.copy(built_once / f"{STUDENT}_assignment3.zip", tmp_path / "broken.zip"))


def test_a_good_zip_passes_its_list(zipped):
    verify.check_list(zipped)
    rewritten(zipped, lambda files: None)
    verify.check_list(zipped)


@pytest.mark.parametrize(
    ("change", "listed", "message"),
    [
        (lambda f: f.pop("Part1/utils.py"), False, "Part1/utils.py is missing"),
        (lambda f: f.pop("Part2/mnist_generator.pt"), False, "Part2/mnist_generator.pt is missing"),
        (lambda f: f.pop("Part1/task2.ipynb"), True, "Part1/task2.ipynb is missing"),
        (lambda f: f.pop("Part1/train.py"), True, "Part1/train.py is missing"),
        (lambda f: f.pop("report/verify.py"), True, "report/verify.py is missing"),
        (
            lambda f: f.update({"Part1/utils.py": b"1"}),
            False,
            "utils.py is not the file that report/generated/files",
        ),
        (lambda f: f.update({"Part1/more.py": b"1"}), False, "Part1/more.py is not in its list of files"),
        (lambda f: f.update({"Part1/a.txt": str(ROOT).encode()}), True, "Part1/a.txt holds the path of this checkout"),
        (
            lambda f: f.update({"Part1/a": f"x '{ROOT}/report'".encode()}),
            True,
            "Part1/a holds the path of this checkout",
        ),
        (lambda f: f.update({"../../x": b""}), True, "a path that leads out of its folder"),
    ],
)
def test_a_fault_that_the_list_shows_is_refused(zipped, change, listed, message):
    rewritten(zipped, change, listed)
    with pytest.raises(BuildError, match=re.escape(message)):
        verify.check_list(zipped)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a readable zip"),
        (b"PK\x03\x04 and then nothing", "is not a readable zip"),
        ({"a/x": "", "__MACOSX/x": ""}, "holds __MACOSX, a; expected one folder"),
        ({"x": "", "a/y": ""}, "expected one folder"),
        ({}, "holds nothing; expected one folder"),
        ({"a/x": ""}, "report/generated/files.txt is missing; it lists what the zip must hold"),
    ],
)
def test_what_is_no_submission_is_refused(tmp_path, content, message):
    path = tmp_path / "x.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    with pytest.raises(BuildError, match=re.escape(message)):
        verify.check_list(path)


def test_a_truncated_or_flipped_zip_is_refused(zipped):
    whole = zipped.read_bytes()
    zipped.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BuildError, match="not a readable zip"):
        verify.check_list(zipped)
    at = whole.index(b"task2.ipynb") + 200
    zipped.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(BuildError, match=r"not a readable zip|its hash differs"):
        verify.check_list(zipped)


def test_a_path_is_found_as_text_and_as_json_and_not_within_another(monkeypatch):
    for root in ("/home/张三/HW #3", "/src"):
        monkeypatch.setattr(verify, "ROOT", Path(root))
        escaped = root.encode("ascii", "backslashreplace")
        assert verify.names_of_checkout(f'"{root}/x"'.encode()) and verify.names_of_checkout(b'"' + escaped + b'"')
        assert not verify.names_of_checkout(f"a{root}b {root}-two .{root}".encode())


# ------------------------------------------------------------------------- faults that only show when the zip runs


@pytest.mark.slow
def test_a_zip_that_does_not_run_is_refused_and_nothing_of_the_checkout_helps(built, tmp_path):
    """utils.py is missing, in agreement with the list; the checkout has one, and PYTHONPATH names it."""
    path = built / f"{STUDENT}_assignment3.zip"
    rewritten(path, lambda files: files.pop("Part1/utils.py"))
    before = state(built)
    done = build(built, "verify", path.name, PYTHONPATH=str(built / "Part1"), TMPDIR=str(tmp_path))
    assert done.returncode != 0 and "No module named 'utils'" in done.stderr, done.stderr
    assert state(built) == before and not list(tmp_path.glob("assignment3-*"))


@pytest.mark.slow
@pytest.mark.parametrize("borrower", ["script", "notebook"])
def test_a_zip_that_loads_a_module_from_elsewhere_is_refused(built, borrower):
    """Its script, or its notebook, finds the checkout and takes a module from there."""
    path, borrow = built / f"{STUDENT}_assignment3.zip", "import os, sys; sys.path.insert(0, os.environ['BORROWED'])"

    def change(files):
        if borrower == "script":
            files["Part1/train.py"] = f"{borrow}; import utils".encode()
        else:
            notebook = files["Part1/task2.ipynb"].decode()
            files["Part1/task2.ipynb"] = notebook.replace('"import utils', f'"{borrow}\\n", "import utils').encode()

    rewritten(path, change)
    done = build(built, "verify", path.name, BORROWED=str(built / "Part1"))
    assert done.returncode != 0 and "utils.py, which lies outside the unpacked zip" in done.stderr, done.stderr


def test_which_modules_count_as_foreign(tmp_path, monkeypatch):
    unpacked, packages, other = (tmp_path / name for name in ("unpacked", "site-packages", "elsewhere"))
    for file in ("unpacked/Part1/utils.py", "unpacked/Part2/dataset/mnist.py", "site-packages/utils.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for file in ("site-packages/numpy/utils.py", "site-packages/dataset/__init__.py", "elsewhere/numpy.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for link, file in (("sitecustomize.py", other / "numpy.py"), ("borrowed.py", ROOT / "report/tables.py")):
        (packages / link).symlink_to(file)
    monkeypatch.setattr(verify.site, "getsitepackages", lambda: [str(packages)])
    good = [unpacked / "Part1/utils.py", packages / "numpy/utils.py", Path(os.__file__), Path(pytest.__file__)]
    good.append(packages / "sitecustomize.py")  # as Debian's, which is a link to /etc
    bad = [packages / "utils.py", packages / "dataset/__init__.py", other / "numpy.py", ROOT / "report/tables.py"]
    bad.append(packages / "borrowed.py")
    assert verify.foreign([*map(str, good), None, "<frozen os>"], unpacked) == []
    assert sorted(verify.foreign([*map(str, good + bad)], unpacked)) == sorted(map(str, bad))
    (tmp_path / "report").mkdir()
    (tmp_path / "report/tables.py").touch()
    (packages / "inner.py").symlink_to(tmp_path / "report/tables.py")
    monkeypatch.setattr(verify, "ROOT", tmp_path)  # the environment lies in the checkout, as .venv does
    assert verify.foreign([str(packages / "inner.py"), str(packages / "numpy/utils.py")], unpacked) == [
        str(packages / "inner.py")
    ]


# ---------------------------------------------------------------------------------------------------- its entries


def test_the_same_files_make_the_same_zip_with_a_date_for_each_content(built_once, tmp_path):
    path = built_once / f"{STUDENT}_assignment3.zip"
    files = contents(path)
    files.pop(verify.CONTENTS)
    submission.write_zip(tmp_path / "again.zip", path.stem, files)
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    old, new = submission.date_of(b"x = 1\n"), submission.date_of(b"x = 2\n")
    assert old != new and submission.date_of(b"x = 1\n") == old and {old[0], new[0]} == {2025}


def test_a_newer_zip_unpacked_over_a_used_older_one_runs_the_newer_code(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for number in (1, 2):  # sources of one length
        submission.write_zip(tmp_path / "x.zip", "x", {"m.py": f"print({number})".encode()})
        subprocess.run(["unzip", "-oq", "x.zip"], cwd=tmp_path, check=True)
        assert python("-c", "import m", cwd=tmp_path / "x", env=environment).stdout == f"{number}\n"


def test_whoever_unpacks_can_check_the_list_and_start_the_script(built_once, tmp_path):
    subprocess.run(["unzip", "-oq", built_once / f"{STUDENT}_assignment3.zip"], cwd=tmp_path, check=True)
    folder = tmp_path / f"{STUDENT}_assignment3"
    subprocess.run(["sha256sum", "--check", "--quiet", verify.CONTENTS], cwd=folder, check=True)
    assert os.access(folder / "run_all.sh", os.X_OK)


def test_every_tracked_file_is_in_the_zip():
    """A new kind of file in the repository is not forgotten."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists() and not name.startswith(".")}
    zipped = {path.relative_to(ROOT).as_posix() for pattern in submission.ZIPPED for path in ROOT.glob(pattern)}
    assert tracked - zipped == set()


def test_a_scratch_folder_is_left_nowhere(tmp_path):
    with pytest.raises(ZeroDivisionError), verify.elsewhere(tmp_path / "note") as folder:
        assert folder.is_dir() and ROOT not in folder.parents and (tmp_path / "note").read_text() == str(folder)
        raise ZeroDivisionError
    assert not folder.exists() and folder.parent == Path(tempfile.gettempdir()).resolve()
