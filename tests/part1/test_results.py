"""What is committed: results up to date, tables and README that say what was measured.

Most of this fails while a result is missing or stale, which an edit of the code makes it: it is marked `results`.
"""

import copy
import re
import shutil

import pytest
from common import ROOT, forked

import artifacts
import tables as house
from lstm_study import experiments, report, summaries, tables


@pytest.mark.results
@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_result_is_there_and_up_to_date(name):
    assert experiments.load(name)


@pytest.mark.results
def test_what_is_shipped_is_the_median_seed_and_trained_once():
    runs = [run for run in experiments.load("records") if run["config"]["initialisation"] == "bistable"]
    _, shipped = experiments.network("lstm_bistable")
    updates = sorted(run["solved_at"] for run in runs)
    (same,) = [run for run in runs if run["config"]["weights"] == shipped["config"]["weights"]]
    assert same["solved_at"] == updates[(len(updates) - 1) // 2] and len(updates) == 10
    weights = {artifacts.sha256(experiments.RESULTS.folder / same["config"]["weights"])}
    assert weights == {*shipped["files"].values()} == {run["config"]["sha256"] for run in experiments.load("far")}
    hashes = {digest for run in runs for digest in run["files"].values()}
    assert len(hashes) == 10 and hashes == {run["config"]["sha256"] for run in experiments.load("proofs")}


@pytest.mark.results
def test_numbers_follow_from_results(monkeypatch):
    """All are LaTeX commands with a value, and a changed result changes what they print."""
    values = report.numbers()
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in values)
    assert not [name for name, value in values.items() if value is None or str(value) in ("", "None", "nan")]
    load = experiments.load

    def changed(name):
        runs = copy.deepcopy(load(name))
        for run in runs if name == "A1" else ():
            run["accuracy"] = 0.4321
        return runs

    monkeypatch.setattr(experiments, "load", changed)
    assert "43.2" in report.numbers()["AoneLstm"] and "43.2" not in values["AoneLstm"]


@pytest.mark.results
def test_the_readme_says_what_was_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for measured, result in tables.summary().rows:
        assert f"| {measured} | {result} |" in text


@pytest.mark.results
@pytest.mark.parametrize("make", [*report.TABLES, tables.verdicts, tables.proof, tables.summary])
def test_tables_print_as_latex_and_markdown(make):
    table = make()
    assert isinstance(table, house.Table)
    assert all(row is None or len(row) == len(table.header) for row in table.rows)
    assert table.latex().count(r"\\") == 1 + sum(row is not None for row in table.rows)
    assert len(table.markdown().splitlines()) == 2 + sum(row is not None for row in table.rows)


def test_what_a_summary_says():
    def runs(*updates):
        return [{"solved_at": each} for each in updates]

    assert summaries.median_updates(runs(10, None, 30)) == 30
    assert summaries.median_updates(runs(10, None, None)) is None
    assert summaries.longest({5: runs(1), 10: runs(2), 15: runs(3, None), 20: runs(4)}) == 10
    assert summaries.longest({5: runs(None)}) is None
    assert summaries.percent([0.5]) == "50.0" and summaries.percent([0.5, 0.5]) == r"50.0 $\pm$ 0.0"


@pytest.mark.results
def test_the_dip_is_one_of_tuning():
    """README, notebook and report say so, and that most seeds solve T = 25 at the rate of T = 30."""
    runs, rates = experiments.load("race_dip"), experiments.chosen_rates()
    race = summaries.grouped("race", "T", "model", "initialisation", "input_dim")[25, "lstm", "pytorch", 10]
    assert len(runs) == 5 and summaries.n_solved(runs) >= 4 > summaries.n_solved(race)
    settings = [run["config"] | {"seed": None, "lr": None} for run in (*runs, *race)]
    assert all(each == settings[0] for each in settings)
    tuned, neighbours = rates[25, "lstm", "pytorch", 10], rates[30, "lstm", "pytorch", 10]
    assert {run["config"]["lr"] for run in runs} == {neighbours} != {tuned}
    assert {run["config"]["lr"] for run in race} == {tuned}


def test_what_the_race_says(monkeypatch):
    def runs(*accuracies):
        return [{"accuracy": each, "solved_at": 10 if each > 0.999 else None} for each in accuracies]

    lstm, rnn = runs(1, 1, 0.5), runs(0.2, 0.1, 0.3)
    sentence = "It is solved by 2 of 3 seeds of the LSTM and 0 of the RNN; their median accuracies are "
    assert report.race_sentence(lstm, rnn) == sentence + r"100.0\,\% and 20.0\,\%"
    rows = {(m, digits, 0): {5: found} for m, found in (("lstm", lstm), ("rnn", rnn)) for digits in (1, 10)}
    monkeypatch.setattr(summaries, "race_series", lambda: rows)
    assert summaries.race_ahead(0) == [0.8, 0.8]


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        ({5: 60, 10: 1, 15: 4}, "all 3 lengths (for $T > 5$ by epoch 4)"),
        ({5: 60, 10: None, 15: None}, "1 of 3 lengths"),
        ({5: None, 10: 2, 15: None}, "1 of 3 lengths (for $T > 5$ by epoch 2)"),
        ({5: None, 10: None, 15: None}, "0 of 3 lengths"),
    ],
)
def test_what_the_plain_command_gives_in_words(epochs, said):
    runs = []
    for T, epoch in epochs.items():
        runs.append({"config": {"T": T}, "val_accuracy": [0.1] * 60 if epoch is None else [0.1] * (epoch - 1) + [1.0]})
    assert report.plain_phrase(runs) == said


def test_lengths_stand_below_a_common_head():
    lines = report.tabular(
        house.Table(["", "ms, T = 5", "ms, T = 10", "MiB, T = 5"], [["a", 1, 2, 3]], "lrrr")
    ).splitlines()
    assert lines[2] == r" & \multicolumn{2}{c}{ms at $T=$} & \multicolumn{1}{c}{MiB at $T=$} \\"
    assert lines[3] == r" & 5 & 10 & 5 \\"


def test_gradients_fade_slowest_in_chrono_cells():
    values = report.about_gradients()
    assert values["FadeRnnPytorch"] < values["FadeLstmPytorch"] < values["FadeLstmForget"] < values["FadeLstmChrono"]


def test_tables_of_parameters_and_sizes_need_no_results():
    text = tables.parameters().latex()
    assert "72,458" in text and r"$128 \times 10$" in text and "$W_{gh}$" in text
    assert r"$g, i, f, o, c, h$" in tables.sizes().latex()


@pytest.mark.results
def test_an_edit_of_lstm_py_makes_results_stale(tmp_path):
    """Even one that computes the same. (By conftest.py, tests without the mark `results` pass even then.)"""
    for name in ("Part1", "report"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.pdf"))
    page, command = tmp_path / "Part1" / "lstm.py", ("-m", "lstm_study", "claims")
    current = forked(*command, cwd=page.parent)
    assert current.returncode == 0, current.stderr
    source = page.read_text(encoding="utf-8")
    assert source.count("            h = torch.tanh(c) * o  # (6)") == 1
    page.write_text(source.replace("h = torch.tanh(c) * o", "h = o * torch.tanh(c)"), encoding="utf-8")
    stale = forked(*command, cwd=page.parent)
    assert stale.returncode == 1 and "is stale" in stale.stderr
