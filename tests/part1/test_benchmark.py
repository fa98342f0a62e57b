"""The benchmark: what it compares computes the same, and its result keeps its promises."""

import pytest
import torch

from lstm_study import benchmark, summaries


def test_all_that_is_compared_computes_the_same():
    for ours, theirs, others, gates in (
        ("FastLSTM", "torch.nn.LSTM", ("LSTM",), "ifgo"),
        ("FastRNN", "torch.nn.RNN", ("VanillaRNN",), "h"),
    ):
        torch.manual_seed(0)
        ours, theirs, *others = (benchmark.NETWORKS[name](9, 10, 16, 10) for name in (ours, theirs, *others))
        for other in others:
            other.load_state_dict(ours.state_dict())
        with torch.no_grad():
            for torchs, letter in (("weight_ih_l0", "W_{}x"), ("weight_hh_l0", "W_{}h"), ("bias_ih_l0", "b_{}")):
                parts = torch.cat([getattr(ours, letter.format(gate)) for gate in gates])
                getattr(theirs.recurrent, torchs).copy_(parts)
            theirs.recurrent.bias_hh_l0.zero_()
            theirs.linear.weight.copy_(ours.W_ph)
            theirs.linear.bias.copy_(ours.b_p)
            x = torch.randint(0, 10, (5, 8), dtype=torch.uint8)
            for other in (*others, theirs):
                torch.testing.assert_close(other(x), ours(x), rtol=1e-5, atol=1e-5)


@pytest.mark.results
def test_the_result_keeps_its_promises():
    result = summaries.benchmark()
    assert summaries.growth("milliseconds") <= 11  # linear in T, from 100 to 1,000
    assert summaries.growth("memory") <= 11
    assert summaries.speed_up("FastLSTM", "torch.nn.LSTM", 100) >= 1.0
    assert summaries.speed_up("FastLSTM", "LSTM", 100) >= 1.4  # what a backward pass by hand has to pay
    least, most = sorted(result["evaluation_memory"])
    assert most - least < 4  # MiB, for ten times the digits
    assert summaries.measured("memory", "FastLSTM")[100] == result["memory"]["FastLSTM"][2]


SMALL = {"batch_size": 4, "hidden_dim": 8, "threads": 1, "rounds": 1, "time_steps": 10, "lengths": [5]}
SMALL |= {"memory_lengths": [5], "evaluation": {"n": 4, "lengths": [30]}}


def test_every_network_is_measured(monkeypatch):
    asked = []
    monkeypatch.setattr(benchmark, "in_a_process_of_its_own", lambda config, name, T: asked.append((name, T)) or 1.5)
    result = benchmark.perform(SMALL)
    names = list(benchmark.NETWORKS)
    assert list(result["milliseconds"]) == list(result["memory"]) == names
    assert all(value > 0 for values in result["milliseconds"].values() for value in values)
    assert asked == [*((name, 5) for name in names), ("evaluation", 30)]


@pytest.mark.slow
def test_a_process_of_its_own_measures_one_network():
    assert 0 <= benchmark.in_a_process_of_its_own(SMALL | {"hidden_dim": 128}, "VanillaRNN", 20) < 200
    with pytest.raises(RuntimeError, match="the process that measures the memory of nonsense at T = 5 failed"):
        benchmark.in_a_process_of_its_own(SMALL, "nonsense", 5)
