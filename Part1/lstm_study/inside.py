"""What happens inside a network while it reads: its gates and states, and the gradients that come back to them."""

import torch
from torch.nn.functional import cross_entropy

from lstm import LSTM
from utils import read


def steps(network, x):
    """[(g, i, f, o, c, h), ...] of an LSTM, [(h,), ...] of an RNN, step by step of x: each (batch, hidden_dim).

    Autograd can follow all of them.
    """
    W, letters, found = dict(network.named_parameters()), "gifo" if isinstance(network, LSTM) else "h", []
    h = c = network.b_p.new_zeros(len(x), network.hidden_dim)
    for x_t in read(x, network.input_dim, h.dtype).unbind(1):
        z = {k: x_t @ W[f"W_{k}x"].T + h @ W[f"W_{k}h"].T + W[f"b_{k}"] for k in letters}
        if "h" in z:
            h = torch.tanh(z["h"])
            found.append((h,))
        else:
            g, i, f, o = torch.tanh(z["g"]), torch.sigmoid(z["i"]), torch.sigmoid(z["f"]), torch.sigmoid(z["o"])
            c = g * i + c * f
            h = torch.tanh(c) * o
            found.append((g, i, f, o, c, h))
    return found


@torch.no_grad()
def traces(network, digits):
    """What happens while one palindrome is read: {"g": (steps, hidden_dim), ...} of an LSTM, {"h": ...} of an RNN."""
    found = zip(*steps(network, torch.as_tensor(digits)[None]), strict=True)
    names = "gifoch" if isinstance(network, LSTM) else "h"
    return {name: torch.cat(values) for name, values in zip(names, found, strict=True)}


def gradient_norms(network, x, y):
    """Norms of dL/dh(t), for an LSTM of dL/dc(t) too, at every step of x (n, steps): means over items, a list each."""
    found = steps(network, x)
    logits = found[-1][-1] @ network.W_ph.T + network.b_p
    loss = cross_entropy(logits, y, reduction="sum")
    norms = {}
    for name, at in (("h", -1), ("c", -2)) if isinstance(network, LSTM) else [("h", -1)]:
        gradients = torch.autograd.grad(loss, [step[at] for step in found], retain_graph=True)
        norms[name] = [g.norm(dim=1).mean().item() for g in gradients]
    return norms
