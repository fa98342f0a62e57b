"""report/generated/: what each Part writes for the report, README.md and report/explore.html."""

import json
import re
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt

import artifacts
from tables import commands

GENERATED = artifacts.HERE / "generated"


def as_latex(value):
    """A number or text for prose: 1,000 without the space that LaTeX sets after the comma in mathematics."""
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return re.sub(r"(?<=\d),(?=\d{3})", "{,}", text)


def publish(part, numbers, tables, figures, about, svg=None):
    """Writes generated/PART anew, whole or not at all: numbers.tex, table_NAME.tex, NAME.pdf, readme.json.

    `numbers` are {LaTeX command: value}, `tables` {NAME: LaTeX}, `figures` functions NAME() that draw one, and `about`
    is what readme.json holds. The figure of the function `svg` becomes lengths.svg as well.
    """
    folder, fresh = GENERATED / part, GENERATED / f".{part}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    texts = {f"table_{name}.tex": text for name, text in tables.items()}
    texts["numbers.tex"] = commands({name: as_latex(value) for name, value in numbers.items()})
    texts["readme.json"] = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
    for name, text in texts.items():
        (fresh / name).write_text(text, encoding="utf-8")
    mpl.use("agg")
    with plt.style.context(artifacts.STYLE), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": part}):
        for draw in figures:
            fig = draw()
            fig.savefig(fresh / f"{draw.__name__}.pdf", metadata={"CreationDate": None})
            if draw is svg:
                fig.savefig(fresh / "lengths.svg", metadata={"Date": None})
            plt.close(fig)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    print(f"wrote {len(texts) + len(figures)} files to {folder}")
