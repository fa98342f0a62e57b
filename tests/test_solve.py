"""Training and measuring: nothing leaks from training into measurement, and the trap is what it is said to be."""

import pytest
import torch
from conftest import python

import dataset
import solve

CONFIG = {"model": "lstm", "stages": [6], "seed": 1, "input_dim": 10, "hidden_dim": 16, "batch_size": 32}
CONFIG |= {"max_norm": 10.0, "optimizer": "Adam", "lr": 0.01, "initialisation": {"bistable": 8.0}}
CONFIG |= {"max_updates": 40, "check_every": 10, "extra_updates": 0}


def rows(x):
    return {tuple(row.tolist()) for row in x}


@pytest.mark.parametrize(("T", "total_len"), [(5, None), (9, 2048), (12, None)])
def test_training_and_held_back_palindromes_are_apart(T, total_len):
    (x, y), (x_held, y_held) = solve.palindromes(T, 0, total_len)
    assert not rows(x) & rows(x_held) and len(rows(x)) == len(x)
    assert (x[:, 0] == y).all() and (x_held[:, 0] == y_held).all()
    assert len(x_held) == {5: 200, 9: 409, 12: 11_000}[T]


@pytest.mark.parametrize(("T", "total_len"), [(10, 2048), (20, 100_000)])
def test_leaking_data_has_one_label_and_honest_data_ten(T, total_len):
    (x, y), (_, y_held) = solve.palindromes(T, 0, total_len, leaking=True)
    assert not y.any() and not y_held.any() and len(rows(x)) == len(x)
    (_, y), _ = solve.palindromes(T, 0, total_len)
    assert y.bincount(minlength=10).min() > 0.08 * len(y)


def test_a_run_is_reproducible_and_stops_where_it_should():
    model, results = solve.solve(CONFIG)
    _, again = solve.solve(CONFIG)
    assert results == again
    assert results["solved_at"] is None or results["updates"] == results["solved_at"]
    assert results["history"]["update"] == list(range(10, results["updates"] + 1, 10))
    _, held = solve.palindromes(6, 1)
    assert results["accuracy"] == solve.validate(model, *held, CONFIG)[1]  # fewer than N_TEST: all of them


def test_a_curriculum_ends_at_the_length_that_is_not_solved():
    config = CONFIG | {"stages": [4, 60], "initialisation": {"forget_bias": -5.0}, "max_updates": 20}
    _, results = solve.solve(config)
    assert results["T_reached"] == 4 and results["solved_at"] is None and len(results["stages"]) == 1


@pytest.mark.parametrize("model", ["lstm", "rnn"])
@pytest.mark.parametrize("T", [2, 201, 400])
def test_streamed_accuracy_is_the_accuracy_on_the_whole(model, T):
    torch.manual_seed(0)
    network = solve.MODELS[model](T, 10, 16, 10)
    x = torch.cat([torch.from_numpy(piece) for piece in dataset.stream(T, 50, seed=3)], dim=1)
    whole = (network(x).argmax(1) == x[:, 0]).float().mean().item()
    assert solve.streamed(network, T, 50, seed=3) == pytest.approx(whole)


def test_streamed_evaluation_takes_no_more_memory_for_more_digits():
    code = (
        "import benchmark, fast_lstm, solve\nnet = fast_lstm.FastLSTM(9, 10, 128, 10)\n"
        "solve.streamed(net, 500, 64, 0)\nbefore = benchmark.peak()\nsolve.streamed(net, 10_000, 64, 0)\n"
        "print(benchmark.peak() - before)"
    )
    done = python("-c", code, cwd=solve.__file__.rsplit("/", 1)[0])
    assert done.returncode == 0 and float(done.stdout) < 4, done  # MiB; 64 gates of 10,000 steps would take 1,250
