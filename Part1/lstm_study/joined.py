"""The networks of lstm.py and vanilla_rnn.py with one product a step: same parameters, same values up to rounding.

Written side by side, [W_h W_x b] is one matrix W (4H, H + D + 1), for a column [h'; x; 1] an item: one product a step
instead of eight. `run` reads a sequence piece by piece, `steps` shows every step's states. Here h and c are
(hidden_dim, batch), while the pages have (batch, hidden_dim).

`JoinedFastLSTM` has a backward pass derived by hand. Autograd keeps and frees fresh memory at every step; here one
block of memory serves all steps of all updates. With d* = dL/d*, going back in time from dh and dc of the last step:

    do = dh * tanh(c)       dc += dh * o * (1 - tanh(c)^2)              from (6)
    dg = dc * i     di = dc * g     df = dc * c'     dc' = dc * f       from (5)
    dz = [dg * (1 - g^2), di * i (1 - i), df * f (1 - f), do * o (1 - o)]       from (1)-(4), z = W [h'; x; 1]
    dW += dz [h'; x; 1]^T       [dh'; dx; .] = W^T dz

tanh is taken as tanh(a) = 2 sigmoid(2a) - 1, so that one sigmoid serves all gates: it is several times faster than
torch.tanh on a CPU, but near 0 its error is 1e-7 of 1 and not of tanh(a). Gradients agree with autograd's to 1e-5 in
float32, with one exception: before training, bistable cells stand at a tipping point and amplify any rounding eightfold
a step, so that single entries differ by more. In float64 all agree to 1e-10.
"""

import torch

from lstm import LSTM
from utils import read
from vanilla_rnn import VanillaRNN


class JoinedLSTM(LSTM):
    """As LSTM; the backward pass is autograd's."""

    def forward(self, x):
        h, _ = self.run(x)
        return self.logits(h)

    def run(self, x, state=None):
        """The state (h, c), each (hidden_dim, batch), after x; it starts at zero or goes on from `state`."""
        for _, _, _, _, c, h in self.steps(x, state):
            state = h, c
        return state

    def steps(self, x, state=None):
        """Yields (g, i, f, o, c, h) of each step of x, each (hidden_dim, batch)."""
        W = self.joined()  # (4H, H + D + 1)
        h, c = state or [W.new_zeros(self.hidden_dim, len(x))] * 2  # (H, B), a column an item
        # unbind, since indexing x[t] inside the loop would make the backward pass quadratic in time
        for x_t in columns(x, self.input_dim, W.dtype).unbind():  # (D + 1, B)
            g, i, f, o = (W @ torch.cat([h, x_t])).chunk(4)
            g, i, f, o = torch.tanh(g), torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)  # (1)-(4)
            c = g * i + c * f  # (5)
            h = torch.tanh(c) * o  # (6)
            yield g, i, f, o, c, h

    def joined(self):
        """All of (1)-(4) as one matrix (4H, H + D + 1)."""
        W_h = torch.cat([self.W_gh, self.W_ih, self.W_fh, self.W_oh])
        W_x = torch.cat([self.W_gx, self.W_ix, self.W_fx, self.W_ox])
        b = torch.cat([self.b_g, self.b_i, self.b_f, self.b_o])
        return torch.cat([W_h, W_x, b[:, None]], dim=1)

    def logits(self, h):
        return (self.W_ph @ h).T + self.b_p  # (7), (batch, output_dim)


class JoinedRNN(VanillaRNN):
    """As VanillaRNN."""

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
        W = torch.cat([self.W_hh, self.W_hx, self.b_h[:, None]], dim=1)  # (H, H + D + 1)
        (h,) = state or [W.new_zeros(self.hidden_dim, len(x))]  # (H, B), a column an item
        # unbind, since indexing x[t] inside the loop would make the backward pass quadratic in time
        for x_t in columns(x, self.input_dim, W.dtype).unbind():  # (D + 1, B)
            h = torch.tanh(W @ torch.cat([h, x_t]))
            yield (h,)

    def logits(self, h):
        return (self.W_ph @ h).T + self.b_p  # (batch, output_dim)


def columns(x, input_dim, dtype):
    """x as [x; 1] of every step, a column an item: (time, input_dim + 1, batch). Digits become one-hot vectors."""
    x = read(x, input_dim, dtype).permute(1, 2, 0)
    return torch.cat([x, x.new_ones(len(x), 1, x.shape[2])], dim=1)


class JoinedFastLSTM(JoinedLSTM):
    """As JoinedLSTM, in value and gradient; without gradients its memory does not grow with the number of steps."""

    def run(self, x, state=None):
        W = self.joined()
        h, c = state or [W.new_zeros(self.hidden_dim, len(x))] * 2
        W = torch.cat([2 * W[: self.hidden_dim], W[self.hidden_dim :]])  # g = 2 sigmoid(2 z_g) - 1
        return Loop.apply(W, columns(x, self.input_dim, W.dtype), h, c)


class Loop(torch.autograd.Function):
    """(W (4H, H + D + 1), x (T, D + 1, B), h (H, B), c (H, B)) -> (h, c) after T steps."""

    spare = None  # the block of memory that the last backward pass was done with

    @staticmethod
    def forward(ctx, W, x, h, c):
        (T, D, B), H = x.shape, len(h)
        keep = any(ctx.needs_input_grad)
        inputs, gates, cells, tanhs = memory = Loop.memory(T if keep else 1, H, D, B, W)
        inputs[0, :H], cells[0] = h, c
        for t, x_t in enumerate(x.unbind()):
            now, then = (t, t + 1) if keep else (0, 0)
            inputs[now, H:] = x_t
            g, i, f, o = torch.mm(W, inputs[now], out=gates[now]).sigmoid_().chunk(4)  # here g is sigmoid(2 z_g)
            c = torch.mul(f, cells[now], out=cells[then]).addcmul_(g, i, value=2).sub_(i)  # (5)
            tanh_c = torch.mul(c, 2, out=tanhs[now]).sigmoid_().mul_(2).sub_(1)
            torch.mul(tanh_c, o, out=inputs[then, :H])  # (6)
        ctx.save_for_backward(W)
        ctx.memory = memory if keep else None
        return inputs[then, :H].clone(), c.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dh, dc):
        if ctx.memory is None:
            raise RuntimeError("JoinedFastLSTM goes backward once: its memory serves the next pass")
        (W,), (inputs, gates, cells, tanhs) = ctx.saved_tensors, ctx.memory
        T, H = len(gates), len(dh)
        # What sigmoid(2 z_g) leaves out of dz: a 2 in its derivative; and di below comes out with the wrong sign.
        factors = torch.ones(4 * H, 1, dtype=W.dtype, device=W.device)
        factors[:H], factors[H : 2 * H] = 2, -1
        W_hT, W_xT = ((W * factors)[:, part].T.contiguous() for part in (slice(H), slice(H, None)))
        dW, dx = torch.zeros_like(W), inputs.new_empty(T, len(W_xT), dh.shape[1]) if ctx.needs_input_grad[1] else None
        dh, dc = dh.clone(memory_format=torch.contiguous_format), dc.clone(memory_format=torch.contiguous_format)
        dz, slope, through, square = (torch.empty_like(v) for v in (gates[0], gates[0], dc, dc))
        dg, di, df, do = dz.chunk(4)
        for t in range(T - 1, -1, -1):
            g, i, f, o = gates[t].chunk(4)
            torch.mul(dh, tanhs[t], out=do)
            torch.mul(dh, o, out=through)
            torch.mul(tanhs[t], tanhs[t], out=square)
            dc.add_(through).addcmul_(through, square, value=-1)
            torch.mul(dc, i, out=dg)
            torch.addcmul(dc, dc, g, value=-2, out=di)  # -dc (2 sigmoid(2 z_g) - 1)
            torch.mul(dc, cells[t], out=df)
            dc.mul_(f)
            dz.mul_(torch.addcmul(gates[t], gates[t], gates[t], value=-1, out=slope))  # a sigmoid's slope, s - s^2
            dW.addmm_(dz, inputs[t].T)
            if dx is not None:
                torch.mm(W_xT, dz, out=dx[t])
            torch.mm(W_hT, dz, out=dh)
        Loop.spare, ctx.memory = ctx.memory, None
        return dW * factors, dx, dh, dc

    @staticmethod
    def memory(T, H, D, B, like):
        """Room for [h'; x; 1], the gates, c and tanh(c) of T steps: the spare block if it fits."""
        shapes = (T + 1, H + D, B), (T, 4 * H, B), (T + 1, H, B), (T, H, B)
        if Loop.spare and all((v.shape, v.dtype) == (s, like.dtype) for v, s in zip(Loop.spare, shapes, strict=True)):
            spare, Loop.spare = Loop.spare, None
            return spare
        return [like.new_empty(shape) for shape in shapes]
