"""What is committed: prose without typed results, figures and tables that are used, nothing that is stale."""

import json
import re

import pytest
from common import ROOT

import build as builder
import pdf
from verify import NOTEBOOKS

REPORT = (ROOT / "report" / "report.tex").read_text(encoding="utf-8")
BODY = REPORT.partition(r"\begin{document}")[2].partition(r"\begin{thebibliography}")[0]
BODY = re.sub(r"(?m)(?<!\\)%.*$", "", BODY)

RESULT = re.compile(  # what a typed result looks like: per cent, speed-ups, decimals, ratios, times
    r"\d[\d,.]*(?:\\,|\s)*\\?%|\d[\d.,]*x\b|\d[\d,]*\.\d+|1/\d+(?:\.\d+)?"
    r"|\d[\d,]*\s+(?:times|minutes|seconds|hours|updates|MiB|ms)\b"
)
SETTINGS = {  # what looks like one and is a setting, an aim or arithmetic
    *("0.001", "0.8", "1.39", "0.0005", "1,000 updates", "2,000 updates", "625 updates", "200 updates", "50 updates"),
    *("99.9%", "99%", "80%", "1/14", "1/20", "1/4", "1/2.2", "12.5", "0.69", "16 times"),
    *("100%", "12.5%", "10%"),  # of a path: a jump, an even step; of the samples: an even share
}


def typed(text):
    """What looks like a result in a source of prose, but for settings."""
    text = re.sub(r"(?m)(?<!\\)%.*$|\\(?:set|renew|includegraphics|hypersetup|usepackage|cite).*|p\{\d+mm\}", "", text)
    text = re.sub(r"\\begin\{thebibliography\}.*|\d?\.\d+\\(?:line|text)width|https?:\S+", "", text, flags=re.DOTALL)
    return {found.replace(r"\,", "").replace("\\", "") for found in RESULT.findall(text)} - SETTINGS


def test_what_a_typed_result_is():
    assert typed(r"reaches 97.3\,\% in 12 minutes, 1/37, 2.4x") == {"97.3%", "12 minutes", "1/37", "2.4x"}
    assert typed(r"\Frechet{} at 99.9\,\%, learning rate 0.001 % 5.5") == set()


def test_no_result_is_typed_into_the_report():
    assert typed(REPORT) == set()


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_no_result_is_typed_into_a_notebook(path):
    cells = json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert typed(prose.replace("%", r"\%")) == set()


# ---------------------------------------------------------------------------------- numbers, figures and tables used


def used(pattern):
    return re.findall(pattern, BODY)


@pytest.mark.parametrize("kind", ["fig", "tab"])
def test_every_figure_and_table_is_referred_to_in_order(kind):
    labels, referred = used(rf"\\label\{{({kind}:\w+)\}}"), used(rf"\\ref\{{({kind}:\w+)\}}")
    assert labels == list(dict.fromkeys(referred)) and len(labels) > 10


def generated(part):
    folder = builder.GENERATED / part
    if not folder.exists():
        pytest.skip("report/generated is not there: ./run_all.sh report")
    return folder


@pytest.mark.results
def test_every_number_of_the_report_is_generated_and_none_for_nothing():
    files = [generated(part) / "numbers.tex" for part in ("part1", "part2")] + [builder.GENERATED / "build.tex"]
    made = {name for file in files for name in re.findall(r"\\newcommand\{\\(\w+)\}", file.read_text(encoding="utf-8"))}
    assert set(re.findall(r"\\([A-Z][A-Za-z]+)", REPORT)) - {"E", "FloatBarrier", "LTcapwidth", "Large"} == made


@pytest.mark.results
def test_every_generated_figure_and_table_is_included():
    made = [path.name for part in ("part1", "part2") for path in generated(part).glob("*.pdf")]
    assert sorted(made) == sorted(set(used(r"\\includegraphics(?:\[[^]]*\])?\{(\w+\.pdf)\}")))
    for part in ("part1", "part2"):
        tables = {path.name for path in generated(part).glob("table_*.tex")}
        assert tables == set(used(rf"generated/{part}/(table_\w+\.tex)"))


def test_each_command_that_the_report_names_exists():
    named = [
        (f"Part{1 if study == 'lstm' else 2}", name)
        for study, names in used(r"python -m (lstm|gan)\\_study ([^}]*)")
        for name in names.replace("\\", "").split()
    ]
    for part, name in named:
        known = {path.stem for path in (ROOT / part / "results").glob("*.jsonl")} | {
            "claims",
            "interpolate",
            "report",
            "benchmark",
        }
        assert name in known or name.startswith(("-", '"', "3", "8")) or name == ">", f"{part}: {name}"
    assert len(named) > 10


# ---------------------------------------------------------------------------------------------- nothing is stale


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_the_notebooks_were_saved_from_one_clean_run(path):
    notebook = json.loads((ROOT / path).read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert max(len(cell["source"]) for cell in cells) <= 15
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", ()) for output in outputs) >= 4
    shown = [o.get("text") or (o["data"] if len(o["data"]) == 1 else sorted(o["data"])) for o in outputs]
    assert not re.search(r"/(home|root|Users|tmp)/|<Figure|it/s\]", json.dumps(shown))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.results
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_the_notebooks_and_their_pdfs_are_of_these_results(path):
    assert builder.notebook_fault(ROOT / path, "studentnumber") is None, "./run_all.sh notebooks"


@pytest.mark.results
def test_the_report_is_of_these_results():
    author, subject = pdf.says(ROOT / "report" / "report.pdf")
    assert author == "studentnumber" and builder.totals()["Artifacts"] in subject, "./run_all.sh report"
    if builder.GENERATED.exists():
        assert builder.report_fault("studentnumber") is None, "./run_all.sh report"
