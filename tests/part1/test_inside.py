"""Inside the networks: traces are the networks' own states, gradient norms agree with finite differences."""

import pytest
import torch

from lstm import LSTM
from lstm_study import inside
from lstm_study.fast_lstm import FastLSTM, FastRNN
from vanilla_rnn import VanillaRNN


@pytest.mark.parametrize("Model", [LSTM, VanillaRNN, FastLSTM, FastRNN])
def test_traces_are_the_networks_own_states(Model):
    digits = torch.randint(0, 10, (12,))
    network = Model(13, 10, 8, 10)
    traces = inside.traces(network, digits)
    assert all(values.shape == (12, 8) for values in traces.values())
    torch.testing.assert_close(traces["h"][-1:] @ network.W_ph.T + network.b_p, network(digits[None]))
    if issubclass(Model, LSTM):
        g, i, f, o, c, h = (traces[name] for name in "gifoch")
        torch.testing.assert_close(c[1:], g[1:] * i[1:] + c[:-1] * f[1:])
        torch.testing.assert_close(h, torch.tanh(c) * o)


@pytest.mark.parametrize(("Model", "name"), [(FastLSTM, "h"), (FastLSTM, "c"), (FastRNN, "h")])
def test_gradient_norms_agree_with_a_finite_difference(Model, name):
    torch.manual_seed(0)
    network = Model(7, 10, 4, 10).double()
    x, y = torch.randint(0, 10, (1, 6)), torch.tensor([3])
    norms = inside.gradient_norms(network, x, y)[name]
    assert len(norms) == 6
    *_, h = third = [each.detach() for each in inside.steps(network, x)[2]]
    gradient = []
    for k in range(4):
        losses = []
        for eps in (1e-6, -1e-6):
            change = eps * torch.eye(4, dtype=torch.float64)[k]
            if name == "c":  # and what h shows of it
                o, c = third[3], third[4] + change
                state = torch.tanh(c) * o, c
            else:
                state = h + change, *third[4:5]
            last, *_ = network.run(x[:, 3:], tuple(each.T for each in state))
            losses.append(torch.nn.functional.cross_entropy(network.logits(last), y).item())
        gradient.append((losses[0] - losses[1]) / 2e-6)
    assert norms[2] == pytest.approx(torch.tensor(gradient).norm().item(), rel=1e-4)
