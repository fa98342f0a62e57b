"""The fast forms: values and gradients against autograd, streams in constant memory, speed beside torch's own."""

import time
from statistics import median

import pytest
import torch
from common import ROOT, forked
from torch.nn.functional import cross_entropy

from lstm import LSTM
from lstm_study import benchmark
from lstm_study.fast_lstm import FastLSTM, FastRNN, Streaming
from utils import read
from vanilla_rnn import VanillaRNN

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
kernels = pytest.mark.parametrize("Fast", [FastLSTM, FastRNN])
SHARED = ("pytorch", "glorot")
OWN = {
    FastLSTM: ("forget bias 1", "chrono", "carousel", "bistable"),
    FastRNN: ("identity", "orthogonal", "bistable"),
}
# Bistable cells stand at a tipping point, where either's float32 rounding is amplified; float64 settles it.
CASES = [
    (Fast, dtype, name)
    for Fast, own in OWN.items()
    for dtype in TOLERANCE
    for name in SHARED + own
    if (dtype, name) != (torch.float32, "bistable")
]


class LSTMFrom(LSTM):
    """The page's equations, from any state: the reference, whose backward pass is autograd's."""

    logits = Streaming.logits

    def run(self, x, state=None):
        h, c = (each.T for each in state) if state else [self.b_g.new_zeros(len(x), self.hidden_dim)] * 2
        for x_t in read(x, self.input_dim, h.dtype).unbind(1):
            g = torch.tanh(x_t @ self.W_gx.T + h @ self.W_gh.T + self.b_g)
            i = torch.sigmoid(x_t @ self.W_ix.T + h @ self.W_ih.T + self.b_i)
            f = torch.sigmoid(x_t @ self.W_fx.T + h @ self.W_fh.T + self.b_f)
            o = torch.sigmoid(x_t @ self.W_ox.T + h @ self.W_oh.T + self.b_o)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h.T, c.T


class RNNFrom(VanillaRNN):
    logits = Streaming.logits

    def run(self, x, state=None):
        h = state[0].T if state else self.b_h.new_zeros(len(x), self.hidden_dim)
        for x_t in read(x, self.input_dim, h.dtype).unbind(1):
            h = torch.tanh(x_t @ self.W_hx.T + h @ self.W_hh.T + self.b_h)
        return (h.T,)


def pair(Fast, dtype, name, seq_length, input_dim, hidden_dim=64):
    torch.manual_seed(0)
    Reference = LSTMFrom if Fast is FastLSTM else RNNFrom
    reference = Reference(seq_length, input_dim, hidden_dim, 10, initialisation=name).to(dtype)
    fast = Fast(seq_length, input_dim, hidden_dim, 10).to(dtype)
    fast.load_state_dict(reference.state_dict())
    return fast, reference


def close(one, other, dtype):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize(("Fast", "dtype", "name"), CASES)
@pytest.mark.parametrize("steps", (1, 7, 100))
@pytest.mark.parametrize("kind", ["digits", "numbers", "vectors"])
def test_values_and_gradients_agree_with_autograd(Fast, dtype, name, steps, kind):
    fast, reference = pair(Fast, dtype, name, steps + 1, 1 if kind == "numbers" else 10)
    labels = torch.randint(0, 10, (32,))
    for has_state in (False, True, True):  # the later passes find the first one's memory
        if kind == "digits":
            x, wanted = torch.randint(0, 10, (32, steps), dtype=torch.uint8), []
        else:
            x = torch.randn(32, steps, reference.input_dim, dtype=dtype, requires_grad=True)
            wanted = [x]
        size = 2 if Fast is FastLSTM else 1
        state = tuple(torch.randn(64, 32, dtype=dtype, requires_grad=True) for _ in range(size)) if has_state else None
        results = []
        for network in (reference, fast):
            after = network.run(x, state)
            loss = cross_entropy(network.logits(after[0]), labels) + after[-1].square().mean()
            gradients = torch.autograd.grad(loss, [*wanted, *(state or ()), *network.parameters()])
            results.append([loss, *after, *gradients])
        close(*results, dtype)
    with torch.no_grad():  # without gradients it keeps nothing, and says the same
        close([fast(x)], [reference(x)], dtype)


@kernels
def test_a_state_without_gradient_counts_in_the_weights_gradient(Fast):
    """As in training that is truncated: the state comes from before, and nothing goes back into it."""
    fast, reference = pair(Fast, torch.float64, "pytorch", 5, 10, 8)
    x = torch.randint(0, 10, (6, 4))
    with torch.no_grad():
        state = reference.run(x)
    gradients = []
    for network in (reference, fast):
        loss = network.logits(network.run(x, state)[0]).square().sum()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    close(*gradients, torch.float64)


@kernels
def test_two_passes_may_be_open_at_once_and_sizes_may_change(Fast):
    fast, reference = pair(Fast, torch.float64, "pytorch", 5, 10, 8)
    batches = [torch.randint(0, 10, size) for size in ((6, 4), (6, 4), (3, 9), (6, 4))]
    for network in (fast, reference):
        losses = [network(x).square().sum() for x in batches]  # all forward, then all backward
        for loss in losses:
            loss.backward()
    close([p.grad for p in fast.parameters()], [p.grad for p in reference.parameters()], torch.float64)


@kernels
def test_trained_side_by_side_they_stay_together(Fast):
    fast, page = pair(Fast, torch.float64, "pytorch", 9, 10, 32)
    data = [torch.randint(0, 10, (64, 9)) for _ in range(30)]
    for network in (page, fast):
        optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)
        for x in data:
            loss = cross_entropy(network(x), x[:, 0])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
    close(fast.parameters(), page.parameters(), torch.float64)


@kernels
def test_going_backward_twice_is_refused(Fast):
    loss = Fast(5, 10, 8, 10)(torch.randint(0, 10, (4, 4))).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="backward once"):
        loss.backward()


@kernels
def test_a_sequence_can_be_read_piece_by_piece(Fast):
    torch.manual_seed(0)
    model, digits = Fast(30, 10, 8, 10), torch.randint(0, 10, (4, 29))
    state = None
    with torch.no_grad():
        for piece in digits.split(7, dim=1):
            state = model.run(piece, state)
        torch.testing.assert_close(model.logits(state[0]), model(digits))


MEMORY = """
import resource, sys, torch
from lstm_study.fast_lstm import FastLSTM, FastRNN
torch.set_num_threads(1)
network = {"FastLSTM": FastLSTM, "FastRNN": FastRNN}[sys.argv[1]](99, 10, 128, 10)
x = torch.randint(0, 10, (64, 4000), dtype=torch.uint8)
for T in (200, 4000):
    state = None
    with torch.no_grad():
        for piece in x[:, :T].split(int(sys.argv[2]), dim=1):
            state = network.run(piece, state)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "piece"), [("FastLSTM", 4000), ("FastLSTM", 100), ("FastRNN", 4000)])
def test_without_gradients_memory_does_not_grow_with_the_number_of_steps(name, piece):
    done = forked("-c", MEMORY, name, piece, cwd=ROOT / "Part1")
    assert done.returncode == 0, done.stderr
    peaks = [float(line) for line in done.stdout.split()]
    # 64 x 4,000 digits as 8-byte integers are 2 MiB; the gates of 3,800 steps would be 475
    assert peaks[1] - peaks[0] < 8, f"{peaks} MiB"


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), [("FastLSTM", "torch.nn.LSTM"), ("FastRNN", "torch.nn.RNN")])
def test_as_fast_as_torchs_own(ours, theirs):
    """CPU time of this thread, in turns, so that other programs disturb little; 0.8 leaves room for what they do."""
    steps = {name: benchmark.stepper(benchmark.CONFIG, name, 30) for name in (ours, theirs)}
    seconds = {name: [] for name in steps}
    for number in range(13):
        for name, step in steps.items():
            began = time.thread_time()
            step()
            if number > 2:
                seconds[name].append(time.thread_time() - began)
    assert median(seconds[theirs]) / median(seconds[ours]) > 0.8
