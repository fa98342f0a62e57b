"""The zip of the submission: which files it holds, and how it is written so that the same files make the same zip."""

import datetime
import zipfile

import artifacts
from verify import CONTENTS, ROOT, BuildError

ZIPPED = (  # what the zip holds, as patterns; each must match something
    *("README.md", "requirements.txt", "run_all.sh", "pyproject.toml"),
    *("Part1/*.py", "Part1/lstm_study/*.py", "Part1/task2.ipynb", "Part1/task2.pdf"),
    *("Part1/results/*.jsonl", "Part1/results/*.pt"),
    *("Part2/*.py", "Part2/gan_study/*.py", "Part2/dataset/*.py", "Part2/Part2.ipynb", "Part2/Part2.pdf"),
    *("Part2/results/*.jsonl", "Part2/results/*.pt", "Part2/results/*.png", "Part2/results/*.gif"),
    *("Part2/images/*.png", "Part2/mnist_generator.pt"),
    *("report/*.py", "report/*.lua", "report/*.tex", "report/*.mplstyle", "report/report.pdf", "report/*.png"),
    *("report/generated/*.*", "report/generated/part1/*", "report/generated/part2/*"),
    *("report/explore.html", "report/explore/*.*"),
    *("tests/*.py", "tests/*.txt", "tests/*/*.py", "tests/*/*.txt"),
)


def zipped():
    """The files that the zip holds, in a fixed order; BuildError if a pattern matches nothing."""
    files = []
    for pattern in ZIPPED:
        found = [file for file in sorted(ROOT.glob(pattern)) if file.is_file() and not file.name.startswith(".")]
        if not found:
            raise BuildError(f"nothing matches {pattern}, which the zip must hold; run ./run_all.sh")
        files += [file for file in found if file.relative_to(ROOT).as_posix() != CONTENTS]
    return files


def date_of(content):
    """A date of 2025 that follows from the content: with one date for all versions of a file, Python would run the
    compiled form of an older version over which a newer zip was unpacked. The same content keeps the same date."""
    seconds = int(artifacts.sha256(content)[:12], 16) % (365 * 86_400)
    return (datetime.datetime(2025, 1, 1) + datetime.timedelta(seconds=seconds // 2 * 2)).timetuple()[:6]


def write_zip(path, folder, files):
    """Zips {name: content} below `folder`, with a list of their hashes."""
    listed = "".join(f"{artifacts.sha256(content)}  {name}\n" for name, content in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, CONTENTS: listed.encode()}.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", date_of(content))
            entry.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
