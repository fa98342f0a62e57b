"""LSTM and RNN against torch's own modules, which only tests may use: values and gradients, with copied weights."""

import pytest
import torch
from torch import nn

from fast_lstm import FastLSTM
from lstm import LSTM
from vanilla_rnn import VanillaRNN

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
every = pytest.mark.parametrize("Model", [LSTM, FastLSTM, VanillaRNN])
both = pytest.mark.parametrize("Model", [LSTM, VanillaRNN])


def reference(model):
    """torch's module with the weights of `model`, and its gradients by our names once they are there."""
    if isinstance(model, LSTM):
        theirs, gates = nn.LSTM(model.input_dim, model.hidden_dim, batch_first=True), "ifgo"
    else:
        theirs, gates = nn.RNN(model.input_dim, model.hidden_dim, batch_first=True), "h"
    theirs = theirs.to(model.W_ph.dtype)
    names = {"weight_ih_l0": "W_{}x", "weight_hh_l0": "W_{}h", "bias_ih_l0": "b_{}"}
    state = {t: torch.cat([getattr(model, n.format(g)) for g in gates]) for t, n in names.items()}
    theirs.load_state_dict(state | {"bias_hh_l0": torch.zeros_like(theirs.bias_hh_l0)})

    def gradients():
        parts = {t: getattr(theirs, t).grad.chunk(len(gates)) for t in names}
        return {n.format(g): parts[t][k] for t, n in names.items() for k, g in enumerate(gates)}

    return theirs, gradients


@both
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("input_dim", (1, 10))
@pytest.mark.parametrize("time", (1, 7, 40))
def test_values_and_gradients_agree_with_torch(Model, dtype, input_dim, time):
    torch.manual_seed(0)
    model = Model(time + 1, input_dim, 16, 10).to(dtype)
    theirs, gradients = reference(model)
    x = torch.randn(5, time, input_dim, dtype=dtype, requires_grad=True)
    labels, tolerance = torch.randint(0, 10, (5,)), TOLERANCE[dtype]

    logits = model(x)
    (grad_x,) = torch.autograd.grad(nn.functional.cross_entropy(logits, labels), x, retain_graph=True)
    nn.functional.cross_entropy(logits, labels).backward()
    x_theirs = x.detach().clone().requires_grad_()
    expected = theirs(x_theirs)[0][:, -1] @ model.W_ph.detach().T + model.b_p.detach()
    nn.functional.cross_entropy(expected, labels).backward()

    torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(grad_x, x_theirs.grad, rtol=tolerance, atol=tolerance)
    for name, gradient in gradients().items():
        torch.testing.assert_close(getattr(model, name).grad, gradient, rtol=tolerance, atol=tolerance)
        assert gradient.abs().max() > 0 or time == 1  # at the first step h' = 0, and W_h has no gradient


@both
def test_digits_are_read_as_their_one_hot_vectors(Model):
    model, digits = Model(9, 10, 8, 10), torch.randint(0, 10, (4, 8))
    expected = model(nn.functional.one_hot(digits, 10).float())
    torch.testing.assert_close(model(digits), expected)
    torch.testing.assert_close(model(digits.to(torch.uint8)), expected)


@both
@pytest.mark.parametrize("fifth", [(), (128,), ("cpu",), (torch.device("cpu"),), (128, "cpu")])
def test_both_skeletons_constructors_and_inputs(Model, fifth):
    model = Model(4, 1, 8, 10, *fifth)
    x = torch.randint(0, 10, (6, 4)).float()
    torch.testing.assert_close(model(x), model(x.unsqueeze(-1)))
    assert model(x).shape == (6, 10)
    assert model(torch.randn(2, 30, 1)).shape == (2, 10)  # the number of steps is x's own


def test_the_initialisation_aims_at_seq_length():
    torch.manual_seed(0)
    spans = {T: LSTM(T, 10, 1000, 10).b_f.exp() for T in (2, 5, 100)}
    assert torch.equal(spans[2], torch.ones(1000))
    for T in (5, 100):
        assert 1 <= spans[T].min() < 1.1 * (1 + T / 100) and 0.95 * (T - 1) < spans[T].max() <= T - 1 + 1e-3
    model = LSTM(5, 10, 8, 10, forget_bias=1.0)
    assert (model.b_f == 1).all() and (model.b_i == 0).all()


def test_other_initialisations_are_what_they_say():
    torch.manual_seed(0)
    model = LSTM(5, 10, 128, 10, bistable=8.0)
    assert torch.equal(model.W_gh, 8 * torch.eye(128)) and (torch.sigmoid(model.b_f) == 1).all()
    assert (torch.sigmoid(torch.tensor(15.0)) < 1).all()  # in float32, 20 is what makes it exactly 1
    ours, theirs = LSTM(5, 10, 512, 10, torch_default=True), nn.LSTM(10, 512)
    ours.requires_grad_(False)
    for name, parameter in theirs.named_parameters():
        if "weight" in name:
            part = torch.cat([getattr(ours, f"W_{gate}{'x' if 'ih' in name else 'h'}") for gate in "ifgo"])
            assert part.std() == pytest.approx(parameter.std().item(), rel=0.03) and part.abs().max() <= 512**-0.5
    bias = torch.cat([ours.b_i, ours.b_f, ours.b_g, ours.b_o])
    assert bias.std() == pytest.approx((theirs.bias_ih_l0 + theirs.bias_hh_l0).std().item(), rel=0.1)
    W = VanillaRNN(5, 10, 32, 10, recurrent="orthogonal", gain=2.0).W_hh.detach()
    torch.testing.assert_close(W @ W.T, 4 * torch.eye(32), rtol=0, atol=1e-5)
    assert torch.equal(VanillaRNN(5, 10, 32, 10, recurrent="identity", gain=3.0).W_hh, 3 * torch.eye(32))
    with pytest.raises(ValueError, match="recurrent is 'nonsense'; expected"):
        VanillaRNN(5, 10, 32, 10, recurrent="nonsense")


STARTS = [{}, {"forget_bias": 1.0}, {"torch_default": True}]
# bistable cells stand at a tipping point, where either's float32 rounding is amplified; float64 settles it
CASES = [(dtype, start) for dtype in TOLERANCE for start in STARTS] + [(torch.float64, {"bistable": 8.0})]


@pytest.mark.parametrize(("dtype", "settings"), CASES)
@pytest.mark.parametrize("time", (1, 7, 100))
def test_the_backward_pass_by_hand_agrees_with_autograd(dtype, time, settings):
    torch.manual_seed(0)
    model = LSTM(time + 1, 10, 128, 10, **settings).to(dtype)
    fast = FastLSTM(time + 1, 10, 128, 10).to(dtype)
    fast.load_state_dict(model.state_dict())
    labels, tolerance = torch.randint(0, 10, (128,)), TOLERANCE[dtype]
    for _ in range(2):  # the second pass finds the first one's memory
        x = torch.randn(128, time, 10, dtype=dtype, requires_grad=True)
        state = [torch.randn(128, 128, dtype=dtype, requires_grad=True) for _ in range(2)]
        results = []
        for network in (model, fast):
            h, c = network.run(x, tuple(state))
            loss = nn.functional.cross_entropy(network.logits(h), labels) + c.square().mean()
            results.append([loss, *torch.autograd.grad(loss, [x, *state, *network.parameters()])])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(other, one, rtol=tolerance, atol=tolerance)
    with torch.no_grad():  # without gradients it keeps nothing, and says the same
        torch.testing.assert_close(fast(x), model(x), rtol=tolerance, atol=tolerance)


def test_going_backward_twice_is_refused():
    loss = FastLSTM(5, 10, 8, 10)(torch.randint(0, 10, (4, 4))).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="FastLSTM goes backward once"):
        loss.backward()


@every
def test_a_sequence_can_be_read_piece_by_piece(Model):
    model, digits = Model(30, 10, 8, 10), torch.randint(0, 10, (4, 29))
    state = None
    for piece in digits.split(7, dim=1):
        state = model.run(piece, state)
    torch.testing.assert_close(model.logits(state[0]), model(digits))


@every
def test_digits_that_do_not_fit_are_named(Model):
    with pytest.raises(ValueError, match="x has digits from 3 to 12; expected 0 to 9"):
        Model(4, 10, 8, 10)(torch.tensor([[3, 12, 4]]))


@both
@pytest.mark.parametrize("x", [torch.zeros(3, 4, 5), torch.zeros(3), torch.zeros(3, 4), torch.zeros(3, 0, 10)])
def test_an_x_that_does_not_fit_is_named(Model, x):
    with pytest.raises(ValueError, match=r"x has shape .*; expected \(batch, time, 10\)"):
        Model(4, 10, 8, 10)(x)


@both
@pytest.mark.parametrize("sizes", [(0, 1, 8, 10), (4, 1, -8, 10), (4, 1, 8.5, 10)])
def test_bad_sizes_are_named(Model, sizes):
    with pytest.raises(ValueError, match="expected an integer of at least 1"):
        Model(*sizes)
