"""Inside a trained network: gate values over time, and the gradient's way back."""

import torch
from torch.nn.functional import cross_entropy


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
