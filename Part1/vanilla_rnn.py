"""The baseline: a recurrent network without gates, by hand.

    h = tanh(W_hx x + W_hh h' + b_h)        p = W_ph h + b_p        y = softmax(p), inside the loss

h' is the previous step's; h(0) = 0. (Elman 1990.)
"""

import torch
from torch import nn

from lstm import check_sizes, columns


class VanillaRNN(nn.Module):
    """x (batch, time, input_dim), any real numbers -> logits (batch, output_dim) of the last step.

    Arguments and accepted shapes are those of `LSTM`; `input_length` is not needed by this initialisation. `recurrent`
    says how W_hh starts: "uniform", torch's default; "identity" (Le et al. 2015, there with ReLU) or "orthogonal" (Saxe
    et al. 2014), times `gain`. Well above a gain of 1, identity makes each unit bistable (see `LSTM`).
    """

    def __init__(
        self,
        input_length,
        input_dim,
        hidden_dim,
        output_dim,
        batch_size=None,
        device=None,
        *,
        recurrent="uniform",
        gain=1.0,
    ):
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
        if recurrent in ("identity", "orthogonal"):
            (nn.init.eye_ if recurrent == "identity" else nn.init.orthogonal_)(self.W_hh)
            self.W_hh.data *= gain
        elif recurrent != "uniform":
            raise ValueError(f"recurrent is {recurrent!r}; expected 'uniform', 'identity' or 'orthogonal'")

    def forward(self, x):
        (h,) = self.run(x)
        return self.logits(h)

    def run(self, x, state=None):
        """The state (h,), (hidden_dim, batch), after x; it starts at zero or goes on from `state`."""
        for step in self.steps(x, state):
            state = step
        return state

    def steps(self, x, state=None):
        """Yields (h,) of each step of x, (hidden_dim, batch)."""
        W = torch.cat([self.W_hh, self.W_hx, self.b_h[:, None]], dim=1)  # (H, H + D + 1), for [h'; x; 1]
        (h,) = state or [W.new_zeros(self.hidden_dim, len(x))]  # (H, B), a column a palindrome
        # unbind, since indexing x[t] inside the loop would make the backward pass quadratic in time
        for x_t in columns(x, self.input_dim, W.dtype).unbind():  # (D + 1, B)
            h = torch.tanh(W @ torch.cat([h, x_t]))
            yield (h,)

    def logits(self, h):
        return (self.W_ph @ h).T + self.b_p  # (batch, output_dim)
