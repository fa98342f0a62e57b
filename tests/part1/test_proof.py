"""The proofs prove nothing that is false, and what they assume of float32 arithmetic is so on this machine."""

import pytest
import torch
from common import ROOT

from dataset import PalindromeDataset
from lstm import LSTM
from lstm_study import proof
from lstm_study.fast_lstm import FastLSTM

FORMS = {"page": LSTM, "fast": FastLSTM}


@pytest.fixture(scope="module")
def shipped():
    """The network whose weights are shipped, as they are, even where an edit of the code has made them stale."""
    return load(FastLSTM)


def load(Form):
    network = Form(99, 10, 128, 10, initialisation="bistable")
    file = ROOT / "Part1" / "results" / "lstm_bistable.pt"
    network.load_state_dict(torch.load(file, weights_only=True, map_location="cpu"))
    return network.requires_grad_(False)


def half_trained(updates=6, hidden_dim=32):
    torch.manual_seed(0)
    network = FastLSTM(11, 10, hidden_dim, 10, initialisation="bistable")
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(updates):
        x = torch.randint(0, 10, (128, 11))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), x[:, 0]).backward()
        optimizer.step()
    return network.requires_grad_(False)


# --------------------------------------------------------------------------------------------- what the proof assumes


def samples():
    """Float32 numbers of all magnitudes up to 128, every 257th bit pattern, of both signs; and all specials."""
    bits = torch.arange(0, torch.tensor(128.0).view(torch.int32).item(), 257, dtype=torch.int32)
    positive = bits.view(torch.float32)
    return torch.cat([positive, -positive, torch.tensor([1e3, 1e30, -1e30, torch.inf, -torch.inf])])


def test_float32_sigmoids_and_tanhs_are_as_close_as_the_proof_assumes():
    z = samples()
    for piece in z.split(1 << 20):
        exact, double = torch.sigmoid(piece.double()), torch.tanh(piece.double())
        for values in (torch.sigmoid(piece), torch.cat([torch.sigmoid(part) for part in piece.split(1001)])):
            assert (values.double() - exact).abs().max() <= proof.SIGMOID_ERROR
            assert values.min() >= 0 and values.max() <= 1
        for values in (torch.tanh(piece), 2 * torch.sigmoid(2 * piece) - 1):
            assert (values.double() - double).abs().max() <= proof.TANH_ERROR
            assert values.abs().max() <= 1


def test_a_float32_sigmoid_is_exactly_1_from_where_the_proof_says():
    first, last = (torch.tensor(value).view(torch.int32).item() for value in (proof.SATURATED, 256.0))
    for start in range(first, last, 1 << 22):  # every float32 number there is between the two
        z = torch.arange(start, min(start + (1 << 22), last), dtype=torch.int32).view(torch.float32)
        assert (torch.sigmoid(z) == 1).all()


def test_a_step_in_float32_is_as_close_as_the_proof_assumes():
    """c and h after one step from random states, against the bounds for exactly these states."""
    torch.manual_seed(0)
    network = half_trained()
    h, c = torch.rand(32, 5000) * 2 - 1, torch.randn(32, 5000) * 3
    digits = torch.randint(0, 10, (5000, 1))
    h_next, c_next = network.run(digits, (h, c))
    bounds_h, bounds_c = one_step(network, h, c, digits[:, 0])
    for value, bound in ((h_next, bounds_h), (c_next, bounds_c)):
        assert (bound.low <= value.double()).all() and (value.double() <= bound.high).all()
        assert (bound.high - bound.low).max() < 1e-3  # the bounds say something


def one_step(network, h, c, digits):
    layers = layers_of(network)
    h, c = (proof.Interval(each.double(), each.double()) for each in (h, c))
    g, i, f, o = (layers[name].bounds(h, digits) for name in "gifo")
    g, i, f, o = proof.tanh(g), proof.sigmoid(i), proof.sigmoid(f), proof.sigmoid(o)
    c = g.times(i).plus(c.times(f)).wider(proof.CELL_ERROR * (c.low.abs() + 8))
    return proof.tanh(c).times(o).wider(proof.OUTPUT_ERROR), c


def layers_of(network):
    parts = ("W_{}h", "W_{}x", "b_{}")
    return {name: proof.Layer.of(*(getattr(network, part.format(name)) for part in parts)) for name in "gifo"}


@pytest.mark.parametrize("Form", FORMS.values(), ids=FORMS)
def test_states_and_logits_after_a_prefix_lie_within_their_bounds(Form):
    network = half_trained()
    single = Form(11, 10, 32, 10).requires_grad_(False)
    single.load_state_dict(network.state_dict())
    x = torch.randint(0, 10, (2000, 4))
    bounds = proof.after(layers_of(network), x, 32)
    logits = proof.Layer.of(network.W_ph, torch.zeros(10, 10), network.b_p).bounds(bounds[0])
    found = [(single(x).T, logits)]
    if Form is not LSTM:  # the page shows logits alone
        found += zip(single.run(x), bounds, strict=True)
    for value, bound in found:
        assert (bound.low <= value.double()).all() and (value.double() <= bound.high).all()
        assert (bound.high - bound.low).median() < 0.01


def test_interval_arithmetic_holds():
    torch.manual_seed(0)
    low = torch.randn(7, 1000, dtype=torch.float64)
    one = proof.Interval(low, low + torch.rand(7, 1000, dtype=torch.float64))
    other = proof.Interval(-low - 1, torch.rand(7, 1000, dtype=torch.float64) - low)
    a, b = (each.low + (each.high - each.low) * torch.rand(7, 1000, dtype=torch.float64) for each in (one, other))
    for bound, value in ((one.times(other), a * b), (one.plus(other), a + b), (one.wider(0.0), a)):
        assert (bound.low <= value).all() and (value <= bound.high).all() and (bound.low < bound.high).all()
    W, digits = torch.randn(5, 7), torch.randn(5, 10)
    layer = proof.Layer.of(W, digits, torch.zeros(5))
    inside, any_digit = layer.bounds(one), torch.randint(0, 10, (1000,))
    value = W.double() @ a + digits.double()[:, any_digit]
    assert (inside.low <= value).all() and (value <= inside.high).all()
    exact = layer.bounds(one, any_digit)
    assert (inside.low <= exact.low).all() and (exact.high <= inside.high).all()


# --------------------------------------------------------------------------------------------- what comes out of it


def test_the_shipped_network_is_proven(shipped):
    found = proof.proven(shipped, 4)
    assert found["proven"] == 1 and found["latched"] > 0.99 and found["lead"] > 1
    assert proof.proven(shipped, 3)["proven"] < 1  # after three digits, it is not yet certain of all


def test_no_attack_breaks_the_shipped_network_in_any_of_its_forms():
    torch.manual_seed(0)
    first = torch.arange(10).repeat(30)
    for Form in FORMS.values():
        network = load(Form)
        attacks = [torch.randint(0, 10, (300, 200)), *(torch.full((300, 200), digit) for digit in range(0, 10, 3))]
        for rest in attacks:
            assert (network(torch.cat([first[:, None], rest], dim=1)).argmax(1) == first).all()


@pytest.mark.parametrize("T", [2, 3, 4, 5, 6])
def test_the_shipped_network_is_right_on_every_palindrome_too_short_for_the_proof(T, shipped):
    x, y = PalindromeDataset(T - 1, 10 ** ((T + 1) // 2)).tensors()
    assert len(x) == 10 ** ((T + 1) // 2) and (shipped(x).argmax(1) == y).all()


@pytest.mark.parametrize("name", ["chrono", "forget bias 1", "pytorch", "bistable"])
def test_nothing_is_proven_of_a_network_that_was_not_trained(name):
    torch.manual_seed(0)
    assert proof.proven(FastLSTM(20, 10, 64, 10, initialisation=name), 2)["proven"] < 0.5


@pytest.mark.parametrize("updates", [8, 16, 32])
def test_what_is_proven_is_true_where_only_some_is(updates):
    """Of a network that is half trained: every beginning that is proven is answered rightly, whatever comes."""
    network = half_trained(updates)
    share = proof.proven(network, 2)["proven"]
    first = torch.arange(10)[:, None].repeat(1, 10).flatten()
    second = torch.arange(10).repeat(10)
    right = torch.ones(100, dtype=torch.bool)
    for attack in range(10):
        x = torch.cat([torch.stack([first, second], 1), torch.full((100, 60), attack)], dim=1)
        right &= network(x).argmax(1) == first
    assert 0 < share <= right.float().mean()


def test_a_network_that_forgets_is_not_proven(shipped):
    """One weight of each cell's forget gate made such that a digit can close it: the proof notices."""
    network = load(FastLSTM)
    network.W_fx[:, 7] -= 30.0
    assert proof.proven(network, 3)["proven"] == 0
