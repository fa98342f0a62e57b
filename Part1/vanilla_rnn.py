"""The baseline: a recurrent network without gates, by hand.

    h = tanh(W_hx x + W_hh h' + b_h)        p = W_ph h + b_p        y = softmax(p), inside the loss

h' is the previous step's; h(0) = 0. (Elman 1990.)
"""

import torch
from torch import nn

from lstm import check_sizes, input_terms


class VanillaRNN(nn.Module):
    """x (batch, time, input_dim), any real numbers -> logits (batch, output_dim) of the last step.

    Arguments and accepted shapes are those of `LSTM`; `input_length` is not needed by this initialisation. `identity`
    starts W_hh at that multiple of the identity matrix (Le et al. 2015 use 1, with ReLU) instead of at random.
    """

    def __init__(self, input_length, input_dim, hidden_dim, output_dim, batch_size=None, device=None, *, identity=None):
        super().__init__()
        check_sizes(input_length=input_length, input_dim=input_dim, hidden_dim=hidden_dim, output_dim=output_dim)
        if isinstance(batch_size, (str, torch.device)):
            device = batch_size
        self.input_dim, self.hidden_dim = input_dim, hidden_dim

        def weight(rows, columns, bound=hidden_dim**-0.5):  # torch's own default for recurrent layers
            return nn.Parameter(torch.empty(rows, columns, device=device).uniform_(-bound, bound))

        glorot = (6 / (input_dim + hidden_dim)) ** 0.5  # Glorot & Bengio 2010

        self.W_hx, self.W_hh = weight(hidden_dim, input_dim, glorot), weight(hidden_dim, hidden_dim)
        self.b_h = nn.Parameter(torch.zeros(hidden_dim, device=device))
        self.W_ph = weight(output_dim, hidden_dim)
        self.b_p = nn.Parameter(torch.zeros(output_dim, device=device))
        if identity is not None:
            with torch.no_grad():
                self.W_hh.copy_(identity * torch.eye(hidden_dim))

    def forward(self, x):
        W_h = self.W_hh.T
        h = W_h.new_zeros(len(x), self.hidden_dim)  # (B, H)
        # unbind, since indexing x[:, t] inside the loop would make the backward pass quadratic in time
        for x_t in input_terms(x, self.W_hx, self.b_h).unbind(1):  # (B, H), W_hx x + b_h of step t
            h = torch.tanh(torch.addmm(x_t, h, W_h))
        return h @ self.W_ph.T + self.b_p
