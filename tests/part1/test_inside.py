"""Inside the networks: traces are the networks' own states, gradient norms agree with finite differences."""

import pytest
import torch

from lstm_study import inside_figures
from lstm_study.fast_lstm import FastLSTM
from lstm_study.joined import JoinedLSTM, JoinedRNN


@pytest.mark.parametrize("Model", [JoinedLSTM, JoinedRNN, FastLSTM])
def test_traces_are_the_networks_own_states(Model):
    digits = torch.randint(0, 10, (12,))
    network = Model(13, 10, 8, 10)
    traces = inside_figures.traces(network, digits)
    assert all(values.shape == (12, 8) for values in traces.values())
    torch.testing.assert_close(network.logits(traces["h"][-1:].T), network(digits[None]))
    if Model is not JoinedRNN:
        g, i, f, c = (traces[name] for name in "gifc")
        torch.testing.assert_close(c[1:], g[1:] * i[1:] + c[:-1] * f[1:])


@pytest.mark.parametrize("Model", [JoinedLSTM, JoinedRNN])
def test_gradient_norms_agree_with_a_finite_difference(Model):
    torch.manual_seed(0)
    network = Model(7, 10, 4, 10).double()
    x, y = torch.randint(0, 10, (1, 6)), torch.tensor([3])
    norms = inside_figures.gradient_norms(network, x, y)["h"]
    assert len(norms) == 6
    states = [step[-2:] if len(step) == 6 else step for step in network.steps(x[:, :3])]
    gradient = []
    for k in range(4):
        losses = []
        for eps in (1e-6, -1e-6):
            h = states[-1][-1].detach().clone()
            h[k] += eps
            state = (h, states[-1][0].detach()) if Model is JoinedLSTM else (h,)
            last = network.run(x[:, 3:], state)[0]
            losses.append(torch.nn.functional.cross_entropy(network.logits(last), y).item())
        gradient.append((losses[0] - losses[1]) / 2e-6)
    assert norms[2] == pytest.approx(torch.tensor(gradient).norm().item(), rel=1e-4)
