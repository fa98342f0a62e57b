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
    time of its own up to that length. A number as `forget_bias` sets b_f to it, and b_i to 0, instead. The other biases
    start at 0, input weights as Glorot & Bengio (2010) say, recurrent and output weights at torch's default.

    The older skeleton's fifth argument (a batch size, which is ignored, or a device) and its 2-D x (batch, time) are
    accepted. Integer 2-D x with input_dim > 1 is read as digits: each stands for its one-hot vector.

    Raises ValueError for a size below 1 or an x whose shape does not fit input_dim.
    """

    def __init__(
        self, seq_length, input_dim, hidden_dim, output_dim, batch_size=None, device=None, *, forget_bias=None
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

        glorot = (6 / (input_dim + hidden_dim)) ** 0.5  # Glorot & Bengio 2010
        self.W_gx, self.W_gh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_ix, self.W_ih = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_fx, self.W_fh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.W_ox, self.W_oh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.b_g, self.b_i, self.b_f, self.b_o = (bias(hidden_dim) for _ in range(4))
        self.W_ph, self.b_p = weight(output_dim, hidden_dim), bias(output_dim)
        with torch.no_grad():
            if forget_bias is None:
                self.b_f.uniform_(1, max(seq_length - 1, 1)).log_()
                self.b_i.copy_(-self.b_f)
            else:
                self.b_f.fill_(forget_bias)

    def forward(self, x):
        # The four gates' weights one above the other: one product a step instead of eight.
        W_x = torch.cat([self.W_gx, self.W_ix, self.W_fx, self.W_ox])  # (4H, D)
        W_h = torch.cat([self.W_gh, self.W_ih, self.W_fh, self.W_oh]).T  # (H, 4H)
        b = torch.cat([self.b_g, self.b_i, self.b_f, self.b_o])  # (4H)
        h = c = W_h.new_zeros(len(x), self.hidden_dim)  # (B, H)
        # unbind, since indexing x[:, t] inside the loop would make the backward pass quadratic in time
        for x_t in input_terms(x, W_x, b).unbind(1):  # (B, 4H), W_x x + b of step t
            g, i, f, o = torch.addmm(x_t, h, W_h).chunk(4, dim=1)
            g, i, f, o = torch.tanh(g), torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)  # (1)-(4)
            c = g * i + c * f  # (5)
            h = torch.tanh(c) * o  # (6)
        return h @ self.W_ph.T + self.b_p  # (7)


def input_terms(x, W_x, b):
    """W_x x + b of all steps: (batch, time, rows of W_x). A digit's product with its one-hot vector is a look-up."""
    input_dim = W_x.shape[1]
    if x.dim() == 2 and input_dim > 1 and not x.is_floating_point():
        return F.embedding(x.int(), W_x.T) + b
    if x.dim() == 2 and input_dim == 1:
        x = x.unsqueeze(-1)
    if x.dim() != 3 or x.shape[2] != input_dim or x.shape[1] == 0:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected (batch, time, {input_dim}) with at least one step"
            + (", or (batch, time)" if input_dim == 1 else ", or integer digits (batch, time)")
        )
    return F.linear(x.to(W_x.dtype), W_x, b)


def check_sizes(**sizes):
    """Raises ValueError, naming the argument, unless every size is an integer of at least 1."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is {size!r}; expected an integer of at least 1")
