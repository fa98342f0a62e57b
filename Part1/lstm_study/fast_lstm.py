"""LSTM and VanillaRNN with a backward pass derived by hand, about as fast as torch's own on a CPU, or faster.

The parameters, values and gradients are those of lstm.py and vanilla_rnn.py, up to rounding: 1e-5 in float32,
1e-10 in float64. (One exception: before training, bistable cells stand at a tipping point and amplify any rounding
eightfold per step, so that single float32 gradients differ by more.) What makes it fast:

- One-hot digits are not multiplied: W_x x + b is a row of a table of ten, looked up. The only product of a step is
  (batch, H) times (H, 4H), and the first step, where h(0) = 0, has none.
- tanh(a) = 2 sigmoid(2a) - 1, so that one sigmoid serves all gates. Factors of 2 and signs, which are exact, go into
  the weights: the loop keeps m = -h and C = 2c, and with s = sigmoid(2 z_g), k = sigmoid(C), z the gates' inputs,

      C = f C' + 4 s i - 2 i              m = o - 2 o k

- Going back in time from dm and dC (d* = dL/d*) of the last step, after which dC' = dC f:

      do = dm - 2 dm k    dC -= 2 dm o k (1 - k)    ds = 4 dC i    di = -2 (dC - 2 dC s)    df = dC C'
      dz = d* times the slopes y (1 - y), y the sigmoid's value        dm' = -dz W_h

  The factors 4 and -2 wait until the end. dz takes the place of the gates in memory, so that dW is one product over all
  steps and items.
- Every result is written into one block of memory, which serves all updates together with its views.

The RNN's loop keeps k = h / 2 = sigmoid(2z) - 1/2.
"""

import torch

from lstm import LSTM
from utils import check_digits, read
from vanilla_rnn import VanillaRNN

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input  # out = grad * s * (1 - s), in one pass


class Streaming:
    """Reads a sequence whole, or piece by piece with `run`. Without gradients, memory does not grow with its steps."""

    def forward(self, x):
        return self.logits(self.run(x)[0])

    def logits(self, h):
        return (self.W_ph @ h).T + self.b_p  # (batch, output_dim)


class FastLSTM(Streaming, LSTM):
    """As LSTM, in value and gradient."""

    def run(self, x, state=None):
        """The state (h, c), each (hidden_dim, batch), after x; it starts at zero or goes on from `state`."""
        W_h = torch.cat([self.W_gh, self.W_ih, self.W_fh, self.W_oh])  # (4H, H)
        W_x = torch.cat([self.W_gx, self.W_ix, self.W_fx, self.W_ox])  # (4H, D)
        b = torch.cat([self.b_g, self.b_i, self.b_f, self.b_o])
        x, W_x = inputs(x, W_x, b, self.input_dim)
        m, C = (None, None) if state is None else (-state[0].T, 2 * state[1].T)
        m, C = LSTMLoop.apply(W_h, W_x, x, m, C)
        return -m.T, C.T / 2


class FastRNN(Streaming, VanillaRNN):
    """As VanillaRNN, in value and gradient."""

    def run(self, x, state=None):
        """The state (h,), (hidden_dim, batch), after x; it starts at zero or goes on from `state`."""
        x, W_x = inputs(x, self.W_hx, self.b_h, self.input_dim)
        W_h = self.W_hh if torch.is_grad_enabled() else self.W_hh.detach()  # else the loop would keep all steps
        k = RNNLoop.apply(W_h, W_x, x, None if state is None else state[0].T / 2)
        return (2 * k.T,)


def inputs(x, W_x, b, input_dim):
    """(x, W) such that each step's share of z is W[:, x_t], for digits, or W @ x_t, for numbers.

    Digits become integers (time, batch), numbers [x; 1] (time, batch, D + 1).
    """
    if x.dim() == 2 and input_dim > 1 and not x.is_floating_point() and x.shape[1]:
        check_digits(x, input_dim)
        return x.T.long(), W_x + b[:, None]
    x = read(x, input_dim, W_x.dtype).transpose(0, 1)
    return torch.cat([x, x.new_ones(*x.shape[:2], 1)], dim=2), torch.cat([W_x, b[:, None]], dim=1)


def share(table, x_t, out):
    """What x_t gives to z, written into `out` (batch, rows of W); `table` is W^T."""
    if x_t.dim() == 1:
        torch.index_select(table, 0, x_t, out=out)
    else:
        torch.mm(x_t, table, out=out)


def share_backward(dz, W, x, needs_dx):
    """(dW, dx) of all steps' shares of z, from dz (time, batch, rows of W)."""
    dz = dz.flatten(0, 1)
    if x.dim() == 2:
        return torch.ops.aten.embedding_dense_backward(dz, x.flatten(), W.shape[1], -1, False).T, None
    return dz.T @ x.flatten(0, 1), (dz @ W).view(x.shape) if needs_dx else None


class Loop(torch.autograd.Function):
    """What both loops share: one block of memory for all steps, kept for the next pass of the same shape."""

    spare = None  # (key, memory) that the last backward pass was done with

    @classmethod
    def take(cls, T, B, W):
        """(key, memory) for T steps of B items: the spare one if it fits."""
        key = T, B, W.shape, W.dtype, W.device
        spare, cls.spare = cls.spare, None
        return spare if spare is not None and spare[0] == key else (key, cls.memory(T, B, W))

    @classmethod
    def give_back(cls, ctx):
        """The memory of ctx's forward pass, from now on spare; refuses a second backward pass."""
        if ctx.kept is None:
            raise RuntimeError("FastLSTM and FastRNN go backward once: their memory serves the next pass")
        cls.spare, ctx.kept = ctx.kept, None
        return cls.spare[1]


class LSTMLoop(Loop):
    """(W_h (4H, H), W_x (4H, D), x, m (B, H), C (B, H)) -> (m, C) after x's steps; None for m and C stands for 0."""

    @staticmethod
    def memory(T, B, W_h):
        """(gates (T, B, 4H), m (T + 1, B, H), views of every step)."""
        H = W_h.shape[1]
        gates, m = W_h.new_empty(T, B, 4 * H), W_h.new_empty(T + 1, B, H)
        C, k = W_h.new_empty(T + 1, B, H), W_h.new_empty(T, B, H)
        return gates, m, [(gates[t], *gates[t].chunk(4, dim=1), C[t], C[t + 1], k[t], m[t], m[t + 1]) for t in range(T)]

    @staticmethod
    def forward(ctx, W_h, W_x, x, m, C):
        keep, H = any(ctx.needs_input_grad), W_h.shape[1]
        has_state = ctx.has_state = m is not None
        kept = LSTMLoop.take(len(x) if keep else 1, x.shape[1], W_h)
        _, _, steps = kept[1]
        z, s, i, f, o, first_C, _, k, first_m, _ = steps[0]
        if not keep:
            steps = [(z, s, i, f, o, first_C, first_C, k, first_m, first_m)] * len(x)
        if has_state:
            first_m.copy_(m), first_C.copy_(C)
        else:
            first_m.zero_(), first_C.zero_()
        factors = W_h.new_ones(4 * H, 1)
        factors[:H] = 2
        table, W, a = (factors * W_x).T.contiguous(), (-factors * W_h).T, torch.empty_like(z)
        for x_t, (z, s, i, f, o, C_before, C, k, m_before, m) in zip(x.unbind(), steps, strict=True):
            share(table, x_t, out=a)
            if has_state:
                a.addmm_(m_before, W)
            torch.sigmoid(a, out=z)  # (1)-(4)
            torch.mul(f, C_before, out=C).addcmul_(s, i, value=4).sub_(i, alpha=2)  # (5)
            torch.sigmoid(C, out=k)
            torch.addcmul(o, o, k, value=-2, out=m)  # (6)
            has_state = True
        ctx.save_for_backward(W_h, W_x, x)
        ctx.kept = kept if keep else None
        return m.clone(), C.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dm, dC):
        W_h, W_x, x = ctx.saved_tensors
        gates, m, steps = LSTMLoop.give_back(ctx)
        H = W_h.shape[1]
        first = 0 if ctx.has_state else 1  # the first step that has a product with m
        factors = W_h.new_ones(4 * H, 1)
        factors[:H], factors[H : 2 * H] = 8, -2  # 2 of the 8 since z_g was doubled
        W = -factors * W_h
        dm, dC = dm.clone(memory_format=torch.contiguous_format), dC.clone(memory_format=torch.contiguous_format)
        d, e = torch.empty_like(dC), torch.empty_like(dC)
        for t in range(len(steps) - 1, -1, -1):
            z, s, i, f, o, C_before, _, k, _, _ = steps[t]  # of these, s, i, f, o and so z become their gradients
            torch.mul(dm, o, out=d)
            dC.add_(sigmoid_backward(d, k, grad_input=d), alpha=-2)
            torch.addcmul(dm, dm, k, value=-2, out=d)
            sigmoid_backward(d, o, grad_input=o)
            torch.mul(dC, i, out=d)
            torch.addcmul(dC, dC, s, value=-2, out=e)
            sigmoid_backward(d, s, grad_input=s)
            sigmoid_backward(e, i, grad_input=i)
            torch.mul(dC, C_before, out=d)
            dC.mul_(f)
            sigmoid_backward(d, f, grad_input=f)
            if t >= first:
                torch.mm(z, W, out=dm)
        dW_h = (m[first:-1].flatten(0, 1).T @ gates[first:].flatten(0, 1)).T
        dW_h = torch.mul(dW_h, -factors, out=torch.empty_like(W))
        dW_x, dx = share_backward(gates, factors * W_x, x, ctx.needs_input_grad[2])
        return dW_h, factors * dW_x, dx, *((dm, dC) if ctx.has_state else (None, None))


class RNNLoop(Loop):
    """(W_h (H, H), W_x (H, D), x, k (B, H)) -> k after x's steps; None for k stands for 0."""

    @staticmethod
    def memory(T, B, W_h):
        """(sigmoids (T, B, H), k (T + 1, B, H), views of every step)."""
        s, k = W_h.new_empty(T, B, len(W_h)), W_h.new_empty(T + 1, B, len(W_h))
        return s, k, [(s[t], k[t], k[t + 1]) for t in range(T)]

    @staticmethod
    def forward(ctx, W_h, W_x, x, k):
        keep = any(ctx.needs_input_grad)
        has_state = ctx.has_state = k is not None
        kept = RNNLoop.take(len(x) if keep else 1, x.shape[1], W_h)
        _, _, steps = kept[1]
        s, first, _ = steps[0]
        if not keep:
            steps = [(s, first, first)] * len(x)
        if has_state:
            first.copy_(k)
        else:
            first.zero_()
        table, W, a = (2 * W_x).T.contiguous(), (4 * W_h).T, torch.empty_like(s)
        for x_t, (s, k_before, k) in zip(x.unbind(), steps, strict=True):
            share(table, x_t, out=a)
            if has_state:
                a.addmm_(k_before, W)
            torch.sub(torch.sigmoid(a, out=s), 0.5, out=k)
            has_state = True
        ctx.save_for_backward(W_h, W_x, x)
        ctx.kept = kept if keep else None
        return k.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dk):
        W_h, W_x, x = ctx.saved_tensors
        s, k, steps = RNNLoop.give_back(ctx)
        first = 0 if ctx.has_state else 1  # the first step that has a product with k
        W, dk = 4 * W_h, dk.clone(memory_format=torch.contiguous_format)
        for t in range(len(steps) - 1, -1, -1):
            dz, _, _ = steps[t]
            sigmoid_backward(dk, dz, grad_input=dz)
            if t >= first:
                torch.mm(dz, W, out=dk)
        dW_h = 4 * (s[first:].flatten(0, 1).T @ k[first:-1].flatten(0, 1))
        dW_x, dx = share_backward(s, 2 * W_x, x, ctx.needs_input_grad[2])
        return dW_h, 2 * dW_x, dx, dk if ctx.has_state else None
