"""What is committed: artifacts up to date, notebooks saved from one clean run, a README that says what was measured."""

import copy
import json
import re
import subprocess

import matplotlib as mpl
import pytest
import quantities
import readme
from conftest import ROOT

import artifacts
import evaluate
import experiments
import gan_benchmark
import gan_experiments
import generate
import my_gan
import submission
import tables


def test_every_artifact_is_there_and_up_to_date():
    assert all(experiments.load(name) for name in experiments.EXPERIMENTS)
    assert all(gan_experiments.load(name) for name in gan_experiments.EXPERIMENTS)
    my_gan.record()
    evaluate.load()
    gan_benchmark.load()


@pytest.mark.parametrize("path", submission.NOTEBOOKS)
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


def test_the_readme_says_what_was_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.fill(text) == text
    assert len(text.splitlines()) <= 120
    with pytest.raises(artifacts.ArtifactError, match=r"README.md lacks the line <!-- end of results -->"):
        readme.fill(text.replace(readme.END, ""))


def test_the_reports_numbers_come_from_artifacts(monkeypatch):
    """Every command that the report uses is generated, and a changed artifact changes what it prints."""
    values = quantities.numbers()
    source = (ROOT / "report" / "report.tex").read_text(encoding="utf-8")
    used = set(re.findall(r"\\([A-Z][A-Za-z]+)", source)) - {"E", "FloatBarrier", "LTcapwidth", "Author"}
    assert used == set(values)  # none is missing, none is made for nothing
    load = gan_experiments.load

    def changed(name):
        runs = copy.deepcopy(load(name))
        for run in runs.values():
            run["reporting"]["frechet"] = 99.94
        return runs

    monkeypatch.setattr(gan_experiments, "load", changed)
    assert quantities.numbers()["Frechet"] == "99.940" != values["Frechet"]


def test_the_report_was_made_from_these_artifacts():
    told = subprocess.run(["pdfinfo", ROOT / "report" / "report.pdf"], capture_output=True, text=True, check=True)
    source = artifacts.sha256(ROOT / "report" / "report.tex")[:16]
    subject = f"Made from artifacts {quantities.fingerprint()}, text {source}"
    assert subject in told.stdout, "report.pdf is stale: ./run_all.sh report"


RESULT = re.compile(  # what a typed result looks like: per cent, decimals, ratios, times
    r"\d[\d,.]*(?:\\,|\s)*\\?%|\d[\d,]*\.\d+|1/\d+(?:\.\d+)?|\d[\d,]*\s+(?:times|minutes|seconds|hours|updates|MiB|ms)\b"
)
SETTINGS = {  # what looks like one and is a setting, an aim or arithmetic
    *("0.001", "0.8", "1.39", "0.0005", "1,000 updates", "2,000 updates", "625 updates", "200 updates", "50 updates"),
    *("99.9%", "99%", "80%", "1/14", "1/20", "1/4", "1/2.2", "12.5", "0.69", "16 times"),
}


def typed(text):
    """What looks like a result in a source of prose, but for settings."""
    text = re.sub(r"(?m)(?<!\\)%.*$|\\(?:set|renew|includegraphics|hypersetup|usepackage|cite).*|p\{\d+mm\}", "", text)
    text = re.sub(r"\\begin\{thebibliography\}.*|\d?\.\d+\\linewidth|https?:\S+", "", text, flags=re.DOTALL)
    return {found.replace(r"\,", "").replace("\\", "") for found in RESULT.findall(text)} - SETTINGS


def test_no_result_is_typed_into_the_report_or_the_notebooks():
    assert typed(r"reaches 97.3\,\% in 12 minutes, 1/37") == {"97.3%", "12 minutes", "1/37"}
    assert typed((ROOT / "report" / "report.tex").read_text(encoding="utf-8")) == set()
    for path in submission.NOTEBOOKS:
        cells = json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        assert typed(prose.replace("%", r"\%")) == set(), path


def test_the_readmes_picture_shows_these_artifacts(tmp_path):
    with mpl.rc_context({"pdf.fonttype": 42, "font.size": 9}):
        generate.FIGURES["updates"]().savefig(tmp_path / "updates.png", dpi=150)
    drawn, shown = (mpl.image.imread(folder / "updates.png") for folder in (tmp_path, ROOT / "report"))
    assert drawn.shape == shown.shape and abs(drawn - shown).mean() < 1e-3


def test_each_figure_says_which_command_makes_it():
    source = (ROOT / "report" / "report.tex").read_text(encoding="utf-8")
    captions = re.findall(r"\\includegraphics.*?\\label", source, flags=re.DOTALL)
    commands = [re.search(r"\\code\{python ([\w\\]+\.py)", caption) for caption in captions]
    assert len(captions) == len(generate.FIGURES) and all(commands)
    scripts = {command[1].replace("\\", "") for command in commands}
    assert all(any((ROOT / part / script).exists() for part in ("Part1", "Part2")) for script in scripts)


def test_every_table_and_figure_is_used():
    source = (ROOT / "report" / "report.tex").read_text(encoding="utf-8")
    assert set(re.findall(r"\\includegraphics\{(\w+)\.pdf\}", source)) == set(generate.FIGURES)


def test_names_print_as_they_are():
    assert tables.escape(r"A_b & 50% \x~") == r"A\_b \& 50\% \textbackslash{}x\textasciitilde{}"


def test_a_character_without_a_font_is_an_error(tmp_path):
    source = tmp_path / "a.tex"
    source.write_text("\\documentclass{article}\\begin{document}x\U00020bb7\\end{document}", encoding="utf-8")
    with pytest.raises(submission.SubmissionError, match="no font here has"):
        submission.typeset(source, tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_the_same_source_makes_the_same_pdf(tmp_path):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        source = tmp_path / name / "a.tex"
        source.write_text("\\documentclass{article}\\begin{document}\\today\\end{document}")
        submission.typeset(source, tmp_path / f"{name}.pdf")
        made.append((tmp_path / f"{name}.pdf").read_bytes())
        assert list(source.parent.iterdir()) == [source]
    assert made[0] == made[1]


def test_latex_errors_are_shown(tmp_path):
    source = tmp_path / "a.tex"
    source.write_text("\\documentclass{article}\\begin{document}\\nonsense\\end{document}", encoding="utf-8")
    with pytest.raises(submission.SubmissionError, match=r"latexmk.*\n(.*\n)*.*[Uu]ndefined control sequence"):
        submission.typeset(source, tmp_path / "a.pdf")
