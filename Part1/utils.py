"""What the other files share: a running average, accuracy, reading x, and the two initialisations both networks have.

An initialisation is a function that draws the parameters of a network anew. Parameters are called W_gx, W_gh, b_g, ...:
W_?x are input weights, W_?h recurrent weights (W_ph the output's), b_? biases.
"""

import torch
from torch.nn import functional as F


class AverageMeter:
    """Running average: `update(val, n)` adds a mean `val` over n items; `avg` is the mean over all items so far."""

    def __init__(self, name):
        self.name = name
        self.reset()

    def reset(self):
        self.val = self.sum = self.avg = 0.0
        self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return f"{self.name} {self.val:.4f} ({self.avg:.4f})"


def accuracy(output, target):
    """Share of rows of `output` (batch, classes) whose largest entry is at `target` (batch,), in [0, 1]."""
    return (output.argmax(dim=1) == target).float().mean().item()


def pytorch(network):
    """Every weight from U(-1/sqrt(H), 1/sqrt(H)), H hidden units; biases too, recurrent ones as the sum of two draws.

    Source: what torch.nn.LSTM, torch.nn.RNN and torch.nn.Linear do (the former add two biases).
    """
    bound = network.hidden_dim**-0.5
    biases = []
    for name, parameter in network.named_parameters():
        if name.startswith("W"):
            parameter.uniform_(-bound, bound)
        else:
            biases.append(parameter)
    for b in biases:
        if b is network.b_p:
            b.uniform_(-bound, bound)
        else:
            b.copy_(b.new_empty(2, len(b)).uniform_(-bound, bound).sum(0))


def glorot(network):
    """Input weights from U(-a, a) with a = sqrt(6 / (D + H)), D inputs; other weights as `pytorch`, biases 0.

    Source: Glorot & Bengio 2010, equation (16).
    """
    for name, parameter in network.named_parameters():
        if name.startswith("b"):
            parameter.zero_()
        else:
            bound = network.hidden_dim**-0.5
            if name.endswith("x"):
                bound = (6 / (network.input_dim + network.hidden_dim)) ** 0.5
            parameter.uniform_(-bound, bound)


@torch.no_grad()
def initialise(network, name, choices):
    """Calls choices[name](network); raises ValueError, with the names there are, for any other name."""
    if name not in choices:
        raise ValueError(f"initialisation is {name!r}; {type(network).__name__} has {', '.join(map(repr, choices))}")
    choices[name](network)


def check_sizes(**sizes):
    """Raises ValueError, naming the argument, unless every size is an integer of at least 1."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected an integer of at least 1")


def read(x, input_dim, dtype):
    """x as (batch, time, input_dim) of `dtype`.

    Accepted are that shape, (batch, time) if input_dim is 1, and integer digits (batch, time) if it is more: each digit
    becomes its one-hot vector. Raises ValueError for anything else.
    """
    if x.dim() == 2 and input_dim > 1 and not x.is_floating_point():
        check_digits(x, input_dim)
        x = F.embedding(x.int(), torch.eye(input_dim, dtype=dtype, device=x.device))
    elif x.dim() == 2 and input_dim == 1:
        x = x.unsqueeze(-1)
    if x.dim() != 3 or x.shape[2] != input_dim or x.shape[1] == 0:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected (batch, time, {input_dim}) with at least one step"
            + (", or (batch, time)" if input_dim == 1 else ", or integer digits (batch, time)")
        )
    return x.to(dtype)


def check_digits(x, input_dim):
    """Raises ValueError unless all digits x can be one-hot vectors of input_dim entries."""
    if x.numel() and not 0 <= x.min() <= x.max() < input_dim:
        raise ValueError(f"x has digits from {x.min()} to {x.max()}; expected 0 to {input_dim - 1}")
