"""The baseline: a recurrent network without gates, by hand.

    h = tanh(W_hx x + W_hh h' + b_h)        p = W_ph h + b_p        y = softmax(p), inside the loss

h' is the previous step's; h(0) = 0. (Elman 1990.)
"""

import torch
from torch import nn

from utils import check_sizes, glorot, initialise, pytorch, read


def identity(rnn):
    """As `glorot`, with W_hh = I. Source: Le et al. 2015 (there with ReLU)."""
    glorot(rnn)
    nn.init.eye_(rnn.W_hh)


def orthogonal(rnn):
    """As `glorot`, with a random orthogonal W_hh. Source: Saxe et al. 2014."""
    glorot(rnn)
    nn.init.orthogonal_(rnn.W_hh)


def bistable(rnn):
    """As `glorot`, with W_hh = 4 I: each unit's own output writes its sign again. Source: as the LSTM's `bistable`."""
    glorot(rnn)
    nn.init.eye_(rnn.W_hh).mul_(4)


INITIALISATIONS = {"pytorch": pytorch, "glorot": glorot}
INITIALISATIONS |= {"identity": identity, "orthogonal": orthogonal, "bistable": bistable}


class VanillaRNN(nn.Module):
    """x (batch, time, input_dim), any real numbers -> logits (batch, output_dim) of the last step.

    Arguments and accepted shapes are those of `LSTM`; no initialisation here looks at `input_length`.
    """

    def __init__(
        self, input_length, input_dim, hidden_dim, output_dim, batch_size=None, device=None, *, initialisation="glorot"
    ):
        super().__init__()
        check_sizes(input_length=input_length, input_dim=input_dim, hidden_dim=hidden_dim, output_dim=output_dim)
        if isinstance(batch_size, (str, torch.device)):
            device = batch_size
        self.input_dim, self.hidden_dim = input_dim, hidden_dim
        self.W_hx = nn.Parameter(torch.empty(hidden_dim, input_dim, device=device))
        self.W_hh = nn.Parameter(torch.empty(hidden_dim, hidden_dim, device=device))
        self.b_h = nn.Parameter(torch.empty(hidden_dim, device=device))
        self.W_ph = nn.Parameter(torch.empty(output_dim, hidden_dim, device=device))
        self.b_p = nn.Parameter(torch.empty(output_dim, device=device))
        initialise(self, initialisation, INITIALISATIONS)

    def forward(self, x):
        h = self.b_h.new_zeros(len(x), self.hidden_dim)  # (batch, hidden_dim)
        # unbind, since indexing x[:, t] inside the loop would make the backward pass quadratic in time
        for x_t in read(x, self.input_dim, h.dtype).unbind(1):  # (batch, input_dim)
            h = torch.tanh(x_t @ self.W_hx.T + h @ self.W_hh.T + self.b_h)
        return h @ self.W_ph.T + self.b_p  # (batch, output_dim)
