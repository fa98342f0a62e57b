"""Tables, written once and shown twice: a header and rows, printed as LaTeX for the report or as Markdown.

    Table(["network", "accuracy"], [["LSTM", 0.5]], "lr").latex()

A cell is text or a number. In text, `$...$` is mathematics and `**...**` around a whole cell is bold (the best value);
everything else prints as it stands. A notebook shows the code that matters as a `Source`.
"""

import inspect
import re
import textwrap
from typing import NamedTuple

SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LITERAL = str.maketrans(SPECIAL | {character: f"\\{character}" for character in "&%$#_{}"})
RULES = {"r": "---:", "c": ":---:"}  # under a Markdown table's header


def escape(text):
    """`text` as LaTeX prints it literally."""
    return str(text).translate(LITERAL)


def commands(values):
    """Definitions of LaTeX commands, {name: what it prints}."""
    return "".join(f"\\newcommand{{\\{name}}}{{{value}}}\n" for name, value in values.items())


def cell(value):
    """A cell's text; numbers from 1,000 on get thousands separators."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def latex(value):
    """A cell as LaTeX: its mathematics kept, the rest printed literally."""
    text = cell(value)
    if bold := re.fullmatch(r"\*\*(.+)\*\*", text):
        return rf"\textbf{{{latex(bold[1])}}}"
    parts = re.split(r"(\$[^$]+\$)", text)  # every second one is mathematics
    return "".join(part if number % 2 else escape(part) for number, part in enumerate(parts))


def markdown(value):
    return cell(value).replace("|", r"\|").replace("\n", " ")


class Table(NamedTuple):
    """Rows of cells under a header; `align` has a letter per column: l, r, c, or p{30mm} for wrapped text."""

    header: list
    rows: list
    align: str

    def columns(self):
        return re.findall(r"[lrc]|p\{[^}]*\}", self.align)

    def latex(self, long=False):
        """A booktabs tabular, or a longtable, which may break across pages. A row None is a rule between groups."""
        if len(self.columns()) != len(self.header):
            raise ValueError(f"{len(self.header)} column(s) but align is {self.align!r}")
        environment = "longtable" if long else "tabular"
        head = " & ".join(map(latex, self.header)) + r" \\"
        lines = [rf"\begin{{{environment}}}{'' if long else '[t]'}{{{self.align}}}", r"\toprule", head, r"\midrule"]
        lines += [r"\endhead"] if long else []
        lines += [r"\midrule" if row is None else " & ".join(map(latex, row)) + r" \\" for row in self.rows]
        return "\n".join([*lines, r"\bottomrule", rf"\end{{{environment}}}", ""])

    def markdown(self):
        rule = [RULES.get(column, "---") for column in self.columns()]
        rows = [self.header, rule, *filter(None, self.rows)]
        return "\n".join("| " + " | ".join(map(markdown, row)) + " |" for row in rows)

    _repr_markdown_ = markdown  # what a notebook shows of it


class Source:
    """The source of functions and classes, which a notebook shows highlighted, as its HTML and its PDF do."""

    def __init__(self, *definitions):
        self.text = "\n\n".join(textwrap.dedent(inspect.getsource(each)).strip() for each in definitions)

    def __repr__(self):  # the same each time, as a saved notebook should be
        return self.text

    def _repr_latex_(self):  # for `jupyter nbconvert --to pdf`, whose own listings run over the margin
        from pygments import formatters, highlight, lexers

        style = formatters.LatexFormatter(verboptions=r"fontsize=\fontsize{7}{8.5}\selectfont")
        return highlight(self.text, lexers.PythonLexer(), style)

    def _repr_markdown_(self):
        return f"```python\n{self.text}\n```"
