"""Training and measuring: nothing leaks from training into measurement, and a run stops where it should."""

import pytest
import torch
from common import ROOT, forked

import dataset
from lstm import LSTM
from lstm_study import perform, training
from lstm_study.perform import NETWORKS

CONFIG = {"model": "lstm", "stages": [6], "seed": 1, "input_dim": 10, "hidden_dim": 16, "batch_size": 32, "T": 6}
CONFIG |= {"max_norm": 10.0, "optimizer": "Adam", "lr": 0.01, "initialisation": "bistable"}
CONFIG |= {"max_updates": 40, "check_every": 10, "extra_updates": 0}


def rows(x):
    return {tuple(row.tolist()) for row in x}


@pytest.mark.parametrize(("T", "total_len"), [(5, None), (9, 2048), (12, None)])
def test_training_and_held_out_palindromes_are_apart(T, total_len):
    (x, y), (x_held, y_held) = training.palindromes(T, 0, total_len)
    assert not rows(x) & rows(x_held) and len(rows(x)) == len(x)
    assert (x[:, 0] == y).all() and (x_held[:, 0] == y_held).all()
    assert len(x_held) == {5: 200, 9: 409, 12: 11_000}[T]


@pytest.mark.parametrize(("T", "total_len"), [(10, 2048), (20, 100_000)])
def test_leaking_data_has_one_label_and_honest_data_ten(T, total_len):
    (x, y), (_, y_held) = training.palindromes(T, 0, total_len, leaking=True)
    assert not y.any() and not y_held.any() and len(rows(x)) == len(x)
    (_, y), _ = training.palindromes(T, 0, total_len)
    assert y.bincount(minlength=10).min() > 0.08 * len(y)


def test_a_run_is_reproducible_and_stops_where_it_should():
    model, results = training.solve(CONFIG, NETWORKS)
    _, again = training.solve(CONFIG, NETWORKS)
    assert results == again
    assert results["solved_at"] is None or results["updates"] == results["solved_at"]
    assert results["history"]["update"] == list(range(10, results["updates"] + 1, 10))
    _, held_out = training.palindromes(6, 1)
    assert results["accuracy"] == training.validate(model, *held_out, CONFIG)[1]  # fewer than N_TEST: all of them


def test_the_page_and_the_fast_form_train_alike():
    config = CONFIG | {"initialisation": "chrono", "max_updates": 20, "check_every": 5}
    page, fast = (training.solve(config, networks)[1]["history"] for networks in ({"lstm": LSTM}, NETWORKS))
    assert page["loss"] == pytest.approx(fast["loss"], rel=1e-3)


def test_a_curriculum_ends_at_the_length_that_is_not_solved():
    config = CONFIG | {"stages": [4, 60], "initialisation": "chrono", "max_updates": 150}
    _, results = training.solve(config, NETWORKS)
    assert results["T_reached"] == 60 and results["solved_at"] is None
    assert [stage["solved_at"] is None for stage in results["stages"]] == [False, True]
    assert (
        results["updates"] == sum(stage["updates"] for stage in results["stages"]) == results["history"]["update"][-1]
    )


def test_early_checks_are_more_frequent():
    config = CONFIG | {"max_updates": 100, "check_every": 50, "check_early_until": 30, "check_early_every": 10}
    assert [n for n in range(1, 101) if training.is_check(n, config)] == [10, 20, 30, 50, 100]


def test_training_that_diverges_says_where():
    with pytest.raises(training.DivergedError, match=r"loss is \w+ at update \d+, T = 6, seed 1, learning rate 1e\+37"):
        training.solve(CONFIG | {"lr": 1e37, "initialisation": "pytorch"}, NETWORKS)


def test_in_the_race_divergence_is_a_result():
    results = perform.race(CONFIG | {"lr": 1e37, "initialisation": "pytorch"})
    assert results["solved_at"] is None and results["diverged"] == results["updates"] and results["accuracy"] == 0


@pytest.mark.parametrize("model", ["lstm", "rnn"])
@pytest.mark.parametrize("T", [2, 201, 400])
def test_streamed_accuracy_is_the_accuracy_on_the_whole(model, T):
    torch.manual_seed(0)
    network = NETWORKS[model](T, 10, 16, 10)
    x = torch.cat([torch.from_numpy(piece) for piece in dataset.stream(T, 50, seed=3)], dim=1)
    whole = (network(x).argmax(1) == x[:, 0]).float().mean().item()
    assert training.streamed(network, T, 50, seed=3) == pytest.approx(whole, abs=0.021)


def test_streamed_evaluation_takes_no_more_memory_for_more_digits():
    code = (
        "import resource\nfrom lstm_study import training\nfrom lstm_study.perform import NETWORKS\n"
        "network = NETWORKS['lstm'](9, 10, 128, 10)\n"
        "training.streamed(network, 500, 64, 0)\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "training.streamed(network, 4000, 64, 0)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    done = forked("-c", code, cwd=ROOT / "Part1")
    assert done.returncode == 0 and float(done.stdout) < 4, done  # MiB; 64 gates of 4,000 steps would take 500
