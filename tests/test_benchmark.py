"""The benchmark: what it compares computes the same, its record keeps its promises, and its table can be read."""

import torch
from conftest import ROOT, python

import benchmark


def test_all_that_is_compared_computes_the_same():
    torch.manual_seed(0)
    ours, literal = (benchmark.NETWORKS[name](9, 10, 16, 10) for name in ("FastLSTM", "literal"))
    theirs = benchmark.NETWORKS["torch.nn.LSTM"](9, 10, 16, 10)
    literal.load_state_dict(ours.state_dict())
    with torch.no_grad():
        for torchs, letter in (("weight_ih_l0", "W_{}x"), ("weight_hh_l0", "W_{}h"), ("bias_ih_l0", "b_{}")):
            parts = torch.cat([getattr(ours, letter.format(gate)) for gate in "ifgo"])
            getattr(theirs.lstm, torchs).copy_(parts)
        theirs.lstm.bias_hh_l0.zero_()
        theirs.linear.weight.copy_(ours.W_ph)
        theirs.linear.bias.copy_(ours.b_p)
        x = torch.randint(0, 10, (5, 8), dtype=torch.uint8)
        for other in (literal, theirs):
            torch.testing.assert_close(other(x), ours(x), rtol=1e-5, atol=1e-5)


def test_the_record_keeps_its_promises():
    artifact = benchmark.load()
    assert benchmark.growth("milliseconds", "lengths") <= 11  # linear in T, from 100 to 1,000
    assert benchmark.growth("memory", "memory_lengths") <= 11
    assert benchmark.ratio("LSTM", "FastLSTM", 300) >= 1.2  # what a backward pass by hand has to pay
    least, most = sorted(artifact["evaluation_memory"])
    assert most - least < 4  # MiB, for ten times the digits
    table = benchmark.table(artifact)
    rows = [line for line in table.splitlines() if line.split(" ")[1:2] and line.split(" ")[1] in benchmark.NETWORKS]
    assert len(rows) == 2 * len(benchmark.NETWORKS) + 1 and max(map(len, table.splitlines())) <= 120


def test_a_process_of_its_own_measures_one_network():
    done = python("benchmark.py", "--child", "VanillaRNN", "20", cwd=ROOT / "Part1")
    assert done.returncode == 0 and 0 <= float(done.stdout) < 200
    done = python("benchmark.py", "--nonsense", cwd=ROOT / "Part1")
    assert done.returncode == 2 and "unrecognized arguments: --nonsense" in done.stderr
