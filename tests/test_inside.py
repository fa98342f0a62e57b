"""Inside the networks: traces and gradients against autograd, and a proof that proves nothing that is false."""

import pytest
import torch

import experiments
import grid
import inside
import solve
from dataset import PalindromeDataset
from fast_lstm import FastLSTM
from lstm import LSTM
from vanilla_rnn import VanillaRNN


def test_traces_are_the_networks_own_states():
    digits = torch.randint(0, 10, (12,))
    for network in (LSTM(13, 10, 8, 10), VanillaRNN(13, 10, 8, 10)):
        traces = inside.traces(network, digits)
        assert all(values.shape == (12, 8) for values in traces.values())
        torch.testing.assert_close(network.logits(traces["h"][-1:].T), network(digits[None]))
        if "c" in traces:
            g, i, f, c = (traces[name] for name in "gifc")
            torch.testing.assert_close(c[1:], g[1:] * i[1:] + c[:-1] * f[1:])


@pytest.mark.parametrize("Model", [LSTM, VanillaRNN])
def test_gradient_norms_agree_with_a_finite_difference(Model):
    torch.manual_seed(0)
    network = Model(7, 10, 4, 10).double()
    x, y = torch.randint(0, 10, (1, 6)), torch.tensor([3])
    norms = inside.gradient_norms(network, x, y)["h"]
    assert len(norms) == 6
    states = [step[-2:] if len(step) == 6 else step for step in network.steps(x[:, :3])]
    gradient = []
    for k in range(4):
        losses = []
        for eps in (1e-6, -1e-6):
            h = states[-1][-1].detach().clone()
            h[k] += eps
            state = (h, states[-1][0].detach()) if Model is LSTM else (h,)
            last = network.run(x[:, 3:], state)[0]
            losses.append(torch.nn.functional.cross_entropy(network.logits(last), y).item())
        gradient.append((losses[0] - losses[1]) / 2e-6)
    assert norms[2] == pytest.approx(torch.tensor(gradient).norm().item(), rel=1e-4)


def test_interval_bounds_hold():
    torch.manual_seed(0)
    W, low = torch.randn(5, 7), torch.randn(7, 100)
    high = low + torch.rand(7, 100)
    below, above = inside.interval(W, low, high)
    values = W @ (low + (high - low) * torch.rand(7, 100))
    assert (below <= values + 1e-5).all() and (values <= above + 1e-5).all()


def test_the_shipped_network_is_proven_and_no_attack_breaks_it():
    network, artifact = experiments.network("lstm_bistable")
    assert inside.certified(network, 3)["proven"] == artifact["proof"]["proven"] == 1
    torch.manual_seed(0)
    first = torch.arange(10).repeat(30)
    attacks = [torch.randint(0, 10, (300, 400)), *(torch.full((300, 400), digit) for digit in range(10))]
    for rest in attacks:
        assert (network(torch.cat([first[:, None], rest], dim=1)).argmax(1) == first).all()


@pytest.mark.parametrize("T", [2, 3, 4, 5, 6])
def test_the_shipped_network_is_right_on_every_palindrome_too_short_for_the_proof(T):
    network, artifact = experiments.network("lstm_bistable")
    assert artifact["proof"]["prefix"] == 5  # longer ones begin with five digits and are proven
    x, y = PalindromeDataset(T - 1, 10 ** ((T + 1) // 2)).tensors()
    assert len(x) == 10 ** ((T + 1) // 2) and (network(x).argmax(1) == y).all()


@pytest.mark.parametrize("settings", [{}, {"forget_bias": 1.0}, {"torch_default": True}, {"bistable": 8.0}])
def test_nothing_is_proven_of_a_network_that_was_not_trained(settings):
    torch.manual_seed(0)
    assert inside.certified(FastLSTM(20, 10, 64, 10, **settings), 2)["proven"] < 0.5


def test_what_is_proven_is_true_where_only_some_is():
    """Of a network that is half trained: every beginning that is proven is answered rightly, whatever comes."""
    config = next(config for name, config in grid.records())
    model, _ = solve.solve(config | {"stages": [12], "max_updates": 5, "extra_updates": 0})
    share = inside.certified(model, 2)["proven"]
    first = torch.arange(10)[:, None].repeat(1, 10).flatten()
    second = torch.arange(10).repeat(10)
    right = torch.ones(100, dtype=torch.bool)
    for attack in range(10):
        x = torch.cat([torch.stack([first, second], 1), torch.full((100, 60), attack)], dim=1)
        right &= model(x).argmax(1) == first
    assert share <= right.float().mean()
