"""Proofs that a latch holds: that no digits whatever, and no number of them, make an LSTM forget the first one.

After the first few digits, the prefix, the cells of a bistable network have signs. Assume of some cells that they keep
them: bounds on all h follow, from them bounds on the gates for every next digit, and it can be checked that each of
these cells has f = 1 exactly and g of its own sign. Then c moves away from zero or stays, the assumption holds at the
next step as well, and so, by induction, for ever. Cells that fail the check are dropped from the assumption, until none
fails. If the output layer then prefers the first digit for every h within the bounds, all palindromes that begin with
these digits are answered rightly, at any length T > prefix.

`proven` computes in float64, with bounds that are rounded outwards, and says this of the stored float32 weights: every
forward pass that satisfies the following assumptions answers every palindrome that begins with one of the proven
prefixes rightly, at any length T > prefix. With u = 2^-24, half the distance of float32 numbers above 1:

1. z = W_h h' + W_x x + b is summed in float32 or better, in any order, with or without fused operations. A sum of n
   products is then within n u / (1 - n u) of sum |W| |h| + ... (Higham 2002, section 3.1). No TF32, no bfloat16.
2. A gate's sigmoid is within 4 u of the exact one, tanh within 8 u, both absolutely; a sigmoid is never outside [0, 1],
   tanh never outside [-1, 1]; a sigmoid is exactly 1 from z = 18 on. `tests/part1/test_proof.py` checks this of
   torch.sigmoid, torch.tanh and 2 sigmoid(2a) - 1 on this machine, by sampling all magnitudes densely.
3. c is within 4 u (|c'| + 8) of g i + c' f, and h within 8 u of tanh(c) o, each of computed values. Rounding in
   lstm.py and fast_lstm.py makes less of a difference.

The prefix itself is covered, too: its h and c are bounds on what any such forward pass computes. Palindromes of at most
`prefix` digits are not; all of them can be tried.
"""

from typing import NamedTuple

import torch

U = 2.0**-24  # half of float32's spacing at 1
SIGMOID_ERROR, TANH_ERROR = 4 * U, 8 * U
SATURATED = 18.0  # from here on, a float32 sigmoid is exactly 1
CELL_ERROR, OUTPUT_ERROR = 4 * U, 8 * U
DOUBLE = 2.0**-50  # more than a float64 function's relative error
BLOCK = 2000  # prefixes that are looked at together


class Interval(NamedTuple):
    """Bounds, low <= value <= high, elementwise."""

    low: torch.Tensor
    high: torch.Tensor

    def wider(self, error):
        """By `error` on both sides, rounded outwards."""
        return Interval(towards(self.low - error, -torch.inf), towards(self.high + error, torch.inf))

    def times(self, other):
        products = torch.stack([a * b for a in self for b in other])
        return Interval(products.amin(0), products.amax(0)).wider(0.0)

    def plus(self, other):
        return Interval(self.low + other.low, self.high + other.high).wider(0.0)

    def within(self, low, high):
        return Interval(self.low.clamp(low, high), self.high.clamp(low, high))


def towards(x, infinity):
    return torch.nextafter(x, torch.full_like(x, infinity))


def sigmoid(z):
    """What a float32 sigmoid of a value in z can be."""
    bounds = Interval(torch.sigmoid(z.low), torch.sigmoid(z.high)).wider(SIGMOID_ERROR + DOUBLE).within(0.0, 1.0)
    return Interval(torch.where(z.low >= SATURATED, 1.0, bounds.low), bounds.high)


def tanh(z):
    return Interval(torch.tanh(z.low), torch.tanh(z.high)).wider(TANH_ERROR + DOUBLE).within(-1.0, 1.0)


class Layer(NamedTuple):
    """z = W h + W_x x + b, of float32 weights as float64 numbers, which is exact."""

    W: torch.Tensor  # (rows, H)
    digits: torch.Tensor  # (rows, 10): W_x's column of each digit, plus b
    error: torch.Tensor  # (rows, 1): by how much a float32 evaluation, or ours, differs at most, while |h| <= 1 + 1e-5

    @staticmethod
    def of(W, W_x, b):
        W, W_x, b = W.double(), W_x.double(), b.double()[:, None]
        n = W.shape[1] + W_x.shape[1] + 2
        size = (W.abs().sum(1, keepdim=True) + W_x.abs().amax(1, keepdim=True) + b.abs()) * (1 + 1e-4)
        return Layer(W, W_x + b, (n * U / (1 - n * U) + (n + 8) * DOUBLE) * size + 1e-30)  # 1e-30: underflow

    def bounds(self, h, digits=slice(None)):
        """Interval (rows, n) of z for h (H, n), and for each of `digits` (n) or, without these, for any digit."""
        middle = (h.low + h.high) / 2
        radius = towards(torch.maximum(h.high - middle, middle - h.low), torch.inf)
        z, r, share = self.W @ middle, self.W.abs() @ radius, self.digits[:, digits]
        if isinstance(digits, slice):
            share = Interval(share.amin(1, keepdim=True), share.amax(1, keepdim=True))
        else:
            share = Interval(share, share)
        return Interval(z + share.low - r, z + share.high + r).wider(self.error)


@torch.no_grad()
def proven(network, prefix):
    """Of all 10^prefix beginnings, the share proven to be answered rightly at any length T > prefix.

    Also the share of cells that keep their sign, and the least lead of the right answer's logit over another's, a lower
    bound over all proven beginnings (None if there is none). The network is an LSTM of one-hot digits.
    """
    layers = {name: Layer.of(*(getattr(network, part.format(name)) for part in ("W_{}h", "W_{}x", "b_{}")))
              for name in "gifo"}  # fmt: skip
    output = network.W_ph.double(), network.b_p.double()
    all_prefixes = torch.cartesian_prod(*[torch.arange(10)] * prefix).view(10**prefix, prefix)
    right = latched = 0
    leads = []
    for x in all_prefixes.split(BLOCK):
        h, c = after(layers, x, network.hidden_dim)
        keeps, h = forever(layers, h, c)
        lead = least_lead(*output, h, x[:, 0])
        leads += lead[lead > 0].tolist()
        right += (lead > 0).sum().item()
        latched += keeps.double().mean(0).sum().item()
    return {
        "prefix": prefix,
        "proven": right / 10**prefix,
        "latched": latched / 10**prefix,
        "lead": min(leads, default=None),
    }


def after(layers, x, hidden_dim):
    """Intervals of h and c (hidden_dim, n) after the digits x (n, prefix)."""
    h = c = Interval(*torch.zeros(2, hidden_dim, len(x), dtype=torch.float64))
    for digits in x.unbind(1):
        g, i, f, o = (layers[name].bounds(h, digits) for name in "gifo")
        g, i, f, o = tanh(g), sigmoid(i), sigmoid(f), sigmoid(o)
        size = torch.maximum(c.low.abs(), c.high.abs()) + 8
        c = g.times(i).plus(c.times(f)).wider(CELL_ERROR * size)
        h = tanh(c).times(o).wider(OUTPUT_ERROR)
    return h, c


def forever(layers, h, c):
    """(cells that keep their sign, bounds of h) from now on, (hidden_dim, n), whatever digits come."""
    positive = c.low > 0
    least = torch.where(positive, c.low, -c.high)  # from now on |c| >= least, in a cell that keeps its sign
    keeps, now = least > 0, h
    grip = CELL_ERROR * (2 * least + 16)  # what g i must exceed so that |c|, up to twice `least`, does not shrink
    size = tanh(Interval(least, torch.full_like(least, torch.inf)))  # of tanh(c), without its sign

    def step(o):
        """Bounds of h from those of o."""
        bound = Interval(torch.where(keeps, size.low, -1.0), torch.ones_like(size.high)).times(o)
        low = torch.where(keeps & ~positive, -bound.high, bound.low)
        high = torch.where(keeps & ~positive, -bound.low, bound.high)
        h = Interval(low, high).wider(OUTPUT_ERROR)
        return Interval(torch.minimum(h.low, now.low), torch.maximum(h.high, now.high))

    while True:
        o = Interval(torch.zeros_like(least), torch.ones_like(least))
        for _ in range(4):  # bounds of o give bounds of h give tighter bounds of o
            h = step(o)
            o = sigmoid(layers["o"].bounds(h))
        g, i, f = tanh(layers["g"].bounds(h)), sigmoid(layers["i"].bounds(h)), sigmoid(layers["f"].bounds(h))
        push = torch.where(positive, g.low, -g.high)  # g's part towards the cell's own sign, at least
        checked = keeps & (f.low == 1) & (push > 0) & (push * i.low * (1 - DOUBLE) > grip)
        if (checked == keeps).all():
            break
        keeps = checked
    again = step(o)  # the induction: from h within its bounds follows the next h within them
    closed = ((again.low >= h.low) & (again.high <= h.high)).all(0)
    free = Interval(torch.full_like(least, -1 - 1e-5), torch.full_like(least, 1 + 1e-5))  # true of any h
    return keeps & closed, Interval(torch.where(closed, h.low, free.low), torch.where(closed, h.high, free.high))


def least_lead(W, b, h, answers):
    """By how much, at least, the logit of answers (n) leads over every other one, for any h within bounds: (n)."""
    middle = (h.low + h.high) / 2
    radius = towards(torch.maximum(h.high - middle, middle - h.low), torch.inf)
    n = W.shape[1] + 2
    size = (W.abs().sum(1) + b.abs()) * (1 + 1e-4)
    error = (n * U / (1 - n * U) + (n + 8) * DOUBLE) * size + 1e-30  # of a logit
    leads = torch.full((len(answers),), torch.inf, dtype=torch.float64)
    for answer in range(10):
        its = answers == answer
        W_lead, b_lead = W[answer] - W, (b[answer] - b)[:, None]
        lead = W_lead @ middle[:, its] + b_lead - W_lead.abs() @ radius[:, its] - (error + error[answer])[:, None]
        lead[answer] = torch.inf
        leads[its] = lead.amin(0)
    return leads
