"""Inside a trained network: gate values over time, the gradient's way back, and a proof that a latch holds.

`certified` proves of an LSTM that no digits whatever, and no number of them, make it forget. After the first few
digits its cells have signs. Assume of some cells that they keep them: bounds on all h follow (interval arithmetic),
from them bounds on the gates for every next digit, and it can be checked that each of these cells has f = 1 exactly
and g of its own sign. Then c moves away from zero or stays, the assumption holds at the next step as well, and so, by
induction, for ever. Cells that fail the check are dropped from the assumption, until none fails. If the output layer
then prefers the first digit for every h within the bounds, all palindromes that begin with these digits are answered
rightly, at any length.
"""

import torch
from torch.nn.functional import cross_entropy

MARGIN = 1e-3  # demanded of every inequality: hundreds of times what float32 rounding can take away


@torch.no_grad()
def traces(network, digits):
    """What happens while one palindrome is read: {"g": (steps, hidden_dim), ...} of an LSTM, {"h": ...} of an RNN."""
    steps = list(network.steps(torch.as_tensor(digits)[None]))
    names = ("g", "i", "f", "o", "c", "h") if len(steps[0]) == 6 else ("h",)
    return {name: torch.cat(values, dim=1).T for name, values in zip(names, zip(*steps, strict=True), strict=True)}


def gradient_norms(network, x, y):
    """Norms of dL/dh(t), for an LSTM of dL/dc(t) too, at every step of x (n, steps): means over items, a list each."""
    steps = list(network.steps(x))
    loss = cross_entropy(network.logits(steps[-1][-1]), y, reduction="sum")
    norms = {}
    for name, at in {"h": -1, "c": -2}.items() if len(steps[0]) == 6 else [("h", -1)]:
        gradients = torch.autograd.grad(loss, [step[at] for step in steps], retain_graph=True)
        norms[name] = [g.norm(dim=0).mean().item() for g in gradients]
    return norms


def interval(W, low, high):
    """Bounds of W h for low <= h <= high: (rows, n) each."""
    positive, negative = W.clamp(min=0), W.clamp(max=0)
    return positive @ low + negative @ high, positive @ high + negative @ low


@torch.no_grad()
def certified(network, prefix):
    """Of all 10^prefix beginnings, the share proven to be answered rightly at any length T > prefix.

    Also the share of cells that keep their sign. The network is an LSTM of one-hot digits.
    """
    proven, latched = [], []
    for first in range(10):
        rest = torch.cartesian_prod(*[torch.arange(10)] * (prefix - 1)).view(10 ** (prefix - 1), -1)
        x = torch.cat([torch.full((len(rest), 1), first), rest], dim=1)
        h, c = network.run(x)
        positive, least = c > 0, torch.tanh(c.abs())  # from now on least <= |tanh(c)| <= 1 in a cell that latches

        def gate(name, low, high):  # its bounds before the sigmoid or tanh, over h and over the next digit
            W_x, b = getattr(network, f"W_{name}x"), getattr(network, f"b_{name}")[:, None]
            below, above = interval(getattr(network, f"W_{name}h"), low, high)
            return below + W_x.amin(1, keepdim=True) + b, above + W_x.amax(1, keepdim=True) + b

        keeps, checked = torch.ones_like(positive), None
        while checked is None or (checked != keeps).any():
            keeps = keeps if checked is None else checked
            o_low, o_high = torch.zeros_like(c), torch.ones_like(c)
            for _ in range(4):  # bounds of o give bounds of h give tighter bounds of o
                small, large = least * o_low, o_high
                low = torch.where(keeps, torch.where(positive, small, -large), -large).minimum(h)
                high = torch.where(keeps, torch.where(positive, large, -small), large).maximum(h)
                o_low, o_high = (torch.sigmoid(z) for z in gate("o", low, high))
            g_low, g_high = gate("g", low, high)
            f_low, _ = gate("f", low, high)
            away = torch.where(positive, g_low, -g_high) > MARGIN
            checked = keeps & away & (torch.sigmoid(f_low - MARGIN) == 1)
        lead, _ = interval(network.W_ph[first] - network.W_ph, low, high)  # of the right answer over each other
        lead = lead + (network.b_p[first] - network.b_p)[:, None]
        lead[first] = torch.inf
        proven.append((lead.amin(0) > MARGIN).float().mean().item())
        latched.append(keeps.float().mean().item())
    return {"prefix": prefix, "proven": sum(proven) / 10, "latched": sum(latched) / 10}
