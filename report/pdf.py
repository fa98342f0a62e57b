"""PDFs by LaTeX: the same bytes whenever they are built, and any name printed letter by letter."""

import os
import re
import shutil
import subprocess

import artifacts
import tables
from verify import BuildError, call

SOURCE_DATE = {"SOURCE_DATE_EPOCH": "1700000000", "FORCE_SOURCE_DATE": "1"}  # the same PDF whenever it is built
NO_MAKING = {"MKTEXTFM": "0", "MISSFONT_LOG": os.devnull}  # of fonts that are only asked for


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


def commands(author, source, **more):
    """build.tex: who the author is, as printed and as the PDF says, and what the PDF is made from."""
    return tables.commands({"Author": letters(author), "PlainAuthor": plain(author), "Source": source} | more)


def check_fonts(author, folder):
    """BuildError if a letter of the author's is in no font; `folder` is for files on the way."""
    if author.isascii():
        return
    folder.mkdir()
    shutil.copy(artifacts.HERE / "cjk.tex", folder)
    text = r"\documentclass{article}\input{cjk.tex}\begin{document}\raggedright " + letters(author) + r"\end{document}"
    (folder / "name.tex").write_text(text, encoding="utf-8")
    typeset(folder / "name.tex", folder / "name.pdf")


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


def says(path):
    """(author, subject) of a PDF; (None, None) if it is missing or unreadable."""
    done = subprocess.run(["pdfinfo", "-enc", "UTF-8", path], capture_output=True, encoding="utf-8", errors="replace")
    found = dict(re.findall(r"(?m)^(Author|Subject): +(.*)$", done.stdout))
    return found.get("Author"), found.get("Subject")
