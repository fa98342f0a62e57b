"""A long short-term memory by hand: equations (1)-(8) of the assignment, a for loop over time, autograd backward.

    (1) g = tanh(W_gx x + W_gh h' + b_g)        (5) c = g * i + c' * f
    (2) i = sigmoid(W_ix x + W_ih h' + b_i)     (6) h = tanh(c) * o
    (3) f = sigmoid(W_fx x + W_fh h' + b_f)     (7) p = W_ph h + b_p
    (4) o = sigmoid(W_ox x + W_oh h' + b_o)     (8) y = softmax(p), inside the cross-entropy loss

h' and c' are the previous step's; h(0) = c(0) = 0. (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.)
"""

import torch
from torch import nn

from utils import check_sizes, glorot, initialise, pytorch, read


def forget_bias_1(lstm):
    """As `glorot`, with b_f = 1: gates that tend to keep. Source: Gers et al. 2000; Jozefowicz et al. 2015."""
    glorot(lstm)
    lstm.b_f.fill_(1)


def chrono(lstm):
    """As `glorot`, with b_f = log U(1, seq_length - 1) and b_i = -b_f: forgetting times up to the sequence's length.

    Source: Tallec & Ollivier 2018, section 3.
    """
    glorot(lstm)
    lstm.b_f.uniform_(1, max(lstm.seq_length - 1, 1)).log_()
    lstm.b_i.copy_(-lstm.b_f)


def carousel(lstm):
    """As `glorot`, with b_f = 20, where a float32 sigmoid is exactly 1 and nothing is forgotten, and b_i = -3.

    Source: the cell without a forget gate, negative gate bias: Hochreiter & Schmidhuber 1997, sections 4 and 5.
    """
    glorot(lstm)
    lstm.b_f.fill_(20)
    lstm.b_i.fill_(-3)


def bistable(lstm):
    """As `glorot`, with W_gh = 8 I: each cell's own output writes the cell's sign again. b_f = 20, b_i = b_o = 4.

    Source: after the bistable cells of Vecoven et al. 2021.
    """
    glorot(lstm)
    lstm.W_gh.copy_(8 * torch.eye(lstm.hidden_dim))
    lstm.b_f.fill_(20)
    lstm.b_i.fill_(4)
    lstm.b_o.fill_(4)


INITIALISATIONS = {"pytorch": pytorch, "glorot": glorot, "forget bias 1": forget_bias_1}
INITIALISATIONS |= {"chrono": chrono, "carousel": carousel, "bistable": bistable}


class LSTM(nn.Module):
    """x (batch, time, input_dim), any real numbers -> logits (batch, output_dim) of the last step.

    The number of steps is x's own; `seq_length`, T - 1, matters to chrono initialisation alone. The older template's
    fifth argument (a batch size, which is ignored, or a device) and its x of shape (batch, time) are accepted. Integers
    of that shape with input_dim > 1 are digits, read as one-hot vectors. Raises ValueError for what does not fit.
    """

    def __init__(
        self, seq_length, input_dim, hidden_dim, output_dim, batch_size=None, device=None, *, initialisation="chrono"
    ):
        super().__init__()
        check_sizes(seq_length=seq_length, input_dim=input_dim, hidden_dim=hidden_dim, output_dim=output_dim)
        if isinstance(batch_size, (str, torch.device)):
            device = batch_size
        self.seq_length, self.input_dim, self.hidden_dim = seq_length, input_dim, hidden_dim

        def empty(*shape):
            return nn.Parameter(torch.empty(*shape, device=device))

        self.W_gx, self.W_gh = empty(hidden_dim, input_dim), empty(hidden_dim, hidden_dim)
        self.W_ix, self.W_ih = empty(hidden_dim, input_dim), empty(hidden_dim, hidden_dim)
        self.W_fx, self.W_fh = empty(hidden_dim, input_dim), empty(hidden_dim, hidden_dim)
        self.W_ox, self.W_oh = empty(hidden_dim, input_dim), empty(hidden_dim, hidden_dim)
        self.b_g, self.b_i, self.b_f, self.b_o = (empty(hidden_dim) for _ in range(4))
        self.W_ph, self.b_p = empty(output_dim, hidden_dim), empty(output_dim)
        initialise(self, initialisation, INITIALISATIONS)

    def forward(self, x):
        h = c = self.b_g.new_zeros(len(x), self.hidden_dim)  # (batch, hidden_dim)
        # unbind, since indexing x[:, t] inside the loop would make the backward pass quadratic in time
        for x_t in read(x, self.input_dim, h.dtype).unbind(1):  # (batch, input_dim)
            g = torch.tanh(x_t @ self.W_gx.T + h @ self.W_gh.T + self.b_g)  # (1)
            i = torch.sigmoid(x_t @ self.W_ix.T + h @ self.W_ih.T + self.b_i)  # (2)
            f = torch.sigmoid(x_t @ self.W_fx.T + h @ self.W_fh.T + self.b_f)  # (3)
            o = torch.sigmoid(x_t @ self.W_ox.T + h @ self.W_oh.T + self.b_o)  # (4)
            c = g * i + c * f  # (5)
            h = torch.tanh(c) * o  # (6)
        return h @ self.W_ph.T + self.b_p  # (7)
