"""A long short-term memory by hand: equations (1)-(8) of the assignment, a for loop over time, autograd backward.

    (1) g = tanh(W_gx x + W_gh h' + b_g)        (5) c = g * i + c' * f
    (2) i = sigmoid(W_ix x + W_ih h' + b_i)     (6) h = tanh(c) * o
    (3) f = sigmoid(W_fx x + W_fh h' + b_f)     (7) p = W_ph h + b_p
    (4) o = sigmoid(W_ox x + W_oh h' + b_o)     (8) y = softmax(p), inside the cross-entropy loss

h' and c' are the previous step's; h(0) = c(0) = 0. (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.)
"""

import torch
from torch import nn
from torch.nn import functional as F


class LSTM(nn.Module):
    """x (batch, time, input_dim), any real numbers -> logits (batch, output_dim) of the last step.

    The number of steps is x's own. `seq_length` says which memory the initialisation aims at: chrono initialisation
    (Tallec & Ollivier 2018, section 3), b_f = log U(1, seq_length - 1) and b_i = -b_f, gives each unit a forgetting
    time of its own up to that length. The other biases start at 0, input weights as Glorot & Bengio (2010) say,
    recurrent and output weights at torch's default. Instead of chrono initialisation there are
    - `forget_bias`: a number for b_f, and `input_bias` for b_i;
    - `bistable`: W_gh at this multiple of the identity, so that each cell's own output writes the cell's sign again
      (after the bistable cells of Vecoven et al. 2021); b_i = b_o = 4, gates open; and b_f = 20, where a float32
      sigmoid is exactly 1 and nothing is forgotten;
    - `torch_default=True`: everything as torch.nn.LSTM and torch.nn.Linear draw it.

    The older skeleton's fifth argument (a batch size, which is ignored, or a device) and its 2-D x (batch, time) are
    accepted. Integer 2-D x with input_dim > 1 is read as digits: each stands for its one-hot vector.

    Raises ValueError for a size below 1 or an x whose shape or digits do not fit input_dim.
    """

    def __init__(
        self,
        seq_length,
        input_dim,
        hidden_dim,
        output_dim,
        batch_size=None,
        device=None,
        *,
        forget_bias=None,
        input_bias=0.0,
        bistable=None,
        torch_default=False,
    ):
        super().__init__()
        check_sizes(seq_length=seq_length, input_dim=input_dim, hidden_dim=hidden_dim, output_dim=output_dim)
        if isinstance(batch_size, (str, torch.device)):
            device = batch_size
        self.input_dim, self.hidden_dim = input_dim, hidden_dim

        def weight(rows, columns, bound=hidden_dim**-0.5):  # torch's own default for recurrent layers
            return nn.Parameter(torch.empty(rows, columns, device=device).uniform_(-bound, bound))

        def bias(rows):
            return nn.Parameter(torch.zeros(rows, device=device))

        glorot = hidden_dim**-0.5 if torch_default else (6 / (input_dim + hidden_dim)) ** 0.5
        self.W_gx, self.W_gh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_ix, self.W_ih = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_fx, self.W_fh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_ox, self.W_oh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.b_g, self.b_i, self.b_f, self.b_o = (bias(hidden_dim) for _ in range(4))
        self.W_ph, self.b_p = weight(output_dim, hidden_dim), bias(output_dim)
        with torch.no_grad():
            if torch_default:  # torch.nn.LSTM adds two biases, each drawn like a weight
                for b in (self.b_g, self.b_i, self.b_f, self.b_o):
                    b.copy_(weight(2, hidden_dim).sum(0))
                self.b_p.copy_(weight(1, output_dim)[0])
            elif bistable is not None:
                self.W_gh.copy_(bistable * torch.eye(hidden_dim))
                self.b_f.fill_(20)
                self.b_i.fill_(4)
                self.b_o.fill_(4)
            elif forget_bias is not None:
                self.b_f.fill_(forget_bias)
                self.b_i.fill_(input_bias)
            else:
                self.b_f.uniform_(1, max(seq_length - 1, 1)).log_()
                self.b_i.copy_(-self.b_f)

    def forward(self, x):
        h, _ = self.run(x)
        return self.logits(h)

    def run(self, x, state=None):
        """The state (h, c), each (hidden_dim, batch), after x; it starts at zero or goes on from `state`."""
        for step in self.steps(x, state):
            state = step[:-3:-1]
        return state

    def steps(self, x, state=None):
        """Yields (g, i, f, o, c, h) of each step of x, each (hidden_dim, batch)."""
        W = self.joined()  # (4H, H + D + 1)
        h, c = state or [W.new_zeros(self.hidden_dim, len(x))] * 2  # (H, B), a column a palindrome
        # unbind, since indexing x[t] inside the loop would make the backward pass quadratic in time
        for x_t in columns(x, self.input_dim, W.dtype).unbind():  # (D + 1, B)
            g, i, f, o = (W @ torch.cat([h, x_t])).chunk(4)
            g, i, f, o = torch.tanh(g), torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)  # (1)-(4)
            c = g * i + c * f  # (5)
            h = torch.tanh(c) * o  # (6)
            yield g, i, f, o, c, h

    def joined(self):
        """All of (1)-(4) as one matrix (4H, H + D + 1) for [h'; x; 1]: one product a step instead of eight."""
        W_h = torch.cat([self.W_gh, self.W_ih, self.W_fh, self.W_oh])
        W_x = torch.cat([self.W_gx, self.W_ix, self.W_fx, self.W_ox])
        b = torch.cat([self.b_g, self.b_i, self.b_f, self.b_o])
        return torch.cat([W_h, W_x, b[:, None]], dim=1)

    def logits(self, h):
        return (self.W_ph @ h).T + self.b_p  # (7), (batch, output_dim)


def columns(x, input_dim, dtype):
    """x as [x; 1] of every step, a column an item: (time, input_dim + 1, batch). Digits become one-hot vectors."""
    if x.dim() == 2 and input_dim > 1 and not x.is_floating_point():
        if x.numel() and not 0 <= x.min() <= x.max() < input_dim:
            raise ValueError(f"x has digits from {x.min()} to {x.max()}; expected 0 to {input_dim - 1}")
        x = F.embedding(x.int(), torch.eye(input_dim, dtype=dtype, device=x.device))
    elif x.dim() == 2 and input_dim == 1:
        x = x.unsqueeze(-1)
    if x.dim() != 3 or x.shape[2] != input_dim or x.shape[1] == 0:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected (batch, time, {input_dim}) with at least one step"
            + (", or (batch, time)" if input_dim == 1 else ", or integer digits (batch, time)")
        )
    x = x.permute(1, 2, 0).to(dtype)
    return torch.cat([x, x.new_ones(len(x), 1, x.shape[2])], dim=1)


def check_sizes(**sizes):
    """Raises ValueError, naming the argument, unless every size is an integer of at least 1."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected an integer of at least 1")
