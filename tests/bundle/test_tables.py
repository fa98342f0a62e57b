"""Tables that are written once and printed as LaTeX and as Markdown."""

import pytest

from tables import Source, Table, escape

TABLE = Table(["network", "share, %", "$x$"], [["A_b & c", 12345, r"$W_{gx}$"], None, ["**best**", 0.5, "1|2"]], "lrc")


def test_names_print_as_they_are():
    assert escape(r"A_b & 50% \x~") == r"A\_b \& 50\% \textbackslash{}x\textasciitilde{}"


def test_a_table_is_latex():
    assert TABLE.latex().splitlines() == [
        r"\begin{tabular}[t]{lrc}",
        r"\toprule",
        r"network & share, \% & $x$ \\",
        r"\midrule",
        r"A\_b \& c & 12,345 & $W_{gx}$ \\",
        r"\midrule",
        r"\textbf{best} & 0.5 & 1|2 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert r"\endhead" in TABLE.latex(long=True)


def test_the_same_table_is_markdown():
    assert TABLE.markdown().splitlines() == [
        "| network | share, % | $x$ |",
        "| --- | ---: | :---: |",
        "| A_b & c | 12,345 | $W_{gx}$ |",
        r"| **best** | 0.5 | 1\|2 |",
    ]


def test_columns_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="3 column"):
        TABLE._replace(align="lr").latex()


def test_source_is_shown_as_python():
    assert Source(Table.columns)._repr_markdown_().startswith("```python\ndef columns(self):\n    return ")
    assert r"\PY{n+nf}{columns}" in Source(Table.columns)._repr_latex_()
