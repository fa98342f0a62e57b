"""The pages LSTM and VanillaRNN against torch's own modules, which only tests may use; initialisations; bad input."""

import pytest
import torch
from torch import nn

import lstm
import vanilla_rnn
from lstm import LSTM
from lstm_study.fast_lstm import FastLSTM, FastRNN
from vanilla_rnn import VanillaRNN

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
both = pytest.mark.parametrize("Model", [LSTM, VanillaRNN])
every = pytest.mark.parametrize("Model", [LSTM, VanillaRNN, FastLSTM, FastRNN])


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


@every
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("input_dim", (1, 10))
@pytest.mark.parametrize("time", (1, 7, 40))
def test_values_and_gradients_agree_with_torch(Model, dtype, input_dim, time):
    torch.manual_seed(0)
    model = Model(time + 1, input_dim, 16, 10, initialisation="pytorch").to(dtype)
    theirs, gradients = reference(model)
    x = torch.randn(5, time, input_dim, dtype=dtype, requires_grad=True)
    labels, tolerance = torch.randint(0, 10, (5,)), TOLERANCE[dtype]

    logits = model(x)
    nn.functional.cross_entropy(logits, labels).backward()
    x_theirs = x.detach().clone().requires_grad_()
    expected = theirs(x_theirs)[0][:, -1] @ model.W_ph.detach().T + model.b_p.detach()
    nn.functional.cross_entropy(expected, labels).backward()

    torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(x.grad, x_theirs.grad, rtol=tolerance, atol=tolerance)
    for name, gradient in gradients().items():
        torch.testing.assert_close(getattr(model, name).grad, gradient, rtol=tolerance, atol=tolerance)
        assert gradient.abs().max() > 0 or time == 1  # at the first step h' = 0, and W_h has no gradient


def test_the_page_is_the_eight_equations():
    """Step by step, with the equations' own left-hand matrices and column vectors."""
    torch.manual_seed(0)
    model, x = LSTM(6, 3, 4, 10).double(), torch.randn(1, 5, 3, dtype=torch.float64)
    W = dict(model.named_parameters())
    h = c = torch.zeros(4, dtype=torch.float64)
    for x_t in x[0]:
        z = {k: W[f"W_{k}x"] @ x_t + W[f"W_{k}h"] @ h + W[f"b_{k}"] for k in "gifo"}
        c = torch.tanh(z["g"]) * torch.sigmoid(z["i"]) + c * torch.sigmoid(z["f"])
        h = torch.tanh(c) * torch.sigmoid(z["o"])
    torch.testing.assert_close(model(x)[0], W["W_ph"] @ h + W["b_p"])


@both
def test_time_and_gradient_do_not_depend_on_other_items(Model):
    torch.manual_seed(0)
    model, x = Model(9, 10, 8, 10).double(), torch.randint(0, 10, (6, 8))
    torch.testing.assert_close(model(x)[2:4], model(x[2:4]))


@every
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


# ------------------------------------------------------------------------------------------------------ initialisations

NAMES = [(LSTM, name) for name in lstm.INITIALISATIONS] + [(VanillaRNN, name) for name in vanilla_rnn.INITIALISATIONS]


def drawn(Model, name, hidden_dim=512, seq_length=30):
    torch.manual_seed(0)
    return Model(seq_length, 10, hidden_dim, 10, initialisation=name).requires_grad_(False)


@pytest.mark.parametrize(("Model", "name"), NAMES)
def test_each_initialisation_has_a_source_and_the_seed_decides_it(Model, name):
    table = lstm.INITIALISATIONS if Model is LSTM else vanilla_rnn.INITIALISATIONS
    assert "Source:" in table[name].__doc__
    one, other = drawn(Model, name, 16), drawn(Model, name, 16)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert all(torch.isfinite(a).all() for a in one.parameters())


@pytest.mark.parametrize(("Model", "Theirs", "gates"), [(LSTM, nn.LSTM, "ifgo"), (VanillaRNN, nn.RNN, "h")])
def test_pytorch_is_torchs_own_distribution(Model, Theirs, gates):
    ours, theirs, linear = drawn(Model, "pytorch"), Theirs(10, 512), nn.Linear(512, 10)
    bias = torch.cat([getattr(ours, f"b_{gate}") for gate in gates])
    pairs = [
        (torch.cat([getattr(ours, f"W_{gate}x") for gate in gates]), theirs.weight_ih_l0),
        (torch.cat([getattr(ours, f"W_{gate}h") for gate in gates]), theirs.weight_hh_l0),
        (bias, theirs.bias_ih_l0 + theirs.bias_hh_l0),
        (ours.W_ph, linear.weight),
        (ours.b_p, linear.bias),
    ]
    for our, their in pairs:
        assert our.shape == their.shape
        n = our.numel()
        ends = (their.abs().max().item(), our.abs().max().item())
        assert max(ends) <= (2 if our is bias else 1) * 512**-0.5
        a, b = our.flatten().sort().values, their.detach().flatten().sort().values
        gap = (torch.searchsorted(b, a).double() / n - torch.arange(1, n + 1) / n).abs().max()
        assert gap < 1.95 * (2 / n) ** 0.5 + 1 / n  # Kolmogorov and Smirnov's test of two samples, level 0.1 %


@both
def test_glorot_widens_the_input_weights_alone(Model):
    model = drawn(Model, "glorot")
    for name, parameter in model.named_parameters():
        if name.startswith("b"):
            assert (parameter == 0).all()
        else:
            bound = (6 / 522) ** 0.5 if name.endswith("x") else 512**-0.5
            assert parameter.abs().max() <= bound
            assert parameter.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_lstms_own_initialisations():
    biases = {"forget bias 1": (0, 1, 0), "carousel": (-3, 20, 0), "bistable": (4, 20, 4)}  # b_i, b_f, b_o
    glorot = drawn(LSTM, "glorot")
    for name, values in biases.items():
        model = drawn(LSTM, name)
        assert [b.unique().item() for b in (model.b_i, model.b_f, model.b_o)] == list(values)
        assert torch.equal(model.W_ih, glorot.W_ih) and torch.equal(model.W_gx, glorot.W_gx)
        assert torch.equal(model.W_gh, 8 * torch.eye(512) if name == "bistable" else glorot.W_gh)
    assert torch.sigmoid(torch.tensor(20.0)) == 1 and torch.sigmoid(torch.tensor(15.0)) < 1


def test_chrono_aims_at_seq_length_and_is_the_default():
    spans = {T: drawn(LSTM, "chrono", 1000, T).b_f.exp() for T in (1, 2, 5, 100)}
    assert torch.equal(spans[1], torch.ones(1000)) and torch.equal(spans[2], torch.ones(1000))
    for T in (5, 100):
        assert 1 <= spans[T].min() < 1.1 * (1 + T / 100) and 0.95 * (T - 1) < spans[T].max() <= T - 1 + 1e-3
    torch.manual_seed(0)
    model, chrono = LSTM(30, 10, 16, 10), drawn(LSTM, "chrono", 16)
    assert torch.equal(model.b_f, chrono.b_f) and torch.equal(model.b_i, -chrono.b_f)


def test_the_rnns_own_initialisations():
    assert torch.equal(drawn(VanillaRNN, "identity").W_hh, torch.eye(512))
    assert torch.equal(drawn(VanillaRNN, "bistable").W_hh, 4 * torch.eye(512))
    W = drawn(VanillaRNN, "orthogonal", 64).W_hh
    torch.testing.assert_close(W @ W.T, torch.eye(64), rtol=0, atol=1e-5)
    torch.manual_seed(0)
    assert torch.equal(VanillaRNN(30, 10, 16, 10).W_hh, drawn(VanillaRNN, "glorot", 16).W_hh)  # the default


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("Model", "name", "possible"),
    [
        (LSTM, "nonsense", "'pytorch', 'glorot', 'forget bias 1', 'chrono', 'carousel', 'bistable'"),
        (LSTM, "identity", "LSTM has"),
        (VanillaRNN, "chrono", "VanillaRNN has 'pytorch', 'glorot', 'identity', 'orthogonal', 'bistable'"),
        (VanillaRNN, None, "initialisation is None"),
    ],
)
def test_an_initialisation_that_there_is_not_is_named(Model, name, possible):
    with pytest.raises(ValueError, match=f"initialisation is {name!r}; .* has") as error:
        Model(4, 10, 8, 10, initialisation=name)
    assert possible in str(error.value)


@every
def test_digits_that_do_not_fit_are_named(Model):
    with pytest.raises(ValueError, match="x has digits from 3 to 12; expected 0 to 9"):
        Model(4, 10, 8, 10)(torch.tensor([[3, 12, 4]]))


@every
@pytest.mark.parametrize(
    "x",
    [torch.zeros(3, 4, 5), torch.zeros(3), torch.zeros(3, 4), torch.zeros(3, 0, 10), torch.zeros(3, 0, dtype=int)],
)
def test_an_x_that_does_not_fit_is_named(Model, x):
    with pytest.raises(ValueError, match=r"x has shape .*; expected \(batch, time, 10\)"):
        Model(4, 10, 8, 10)(x)


@both
def test_one_hot_vectors_for_a_network_of_numbers_are_named(Model):
    with pytest.raises(
        ValueError, match=r"x has shape \(3, 4, 10\); expected \(batch, time, 1\).*, or \(batch, time\)"
    ):
        Model(4, 1, 8, 10)(torch.zeros(3, 4, 10))


@both
@pytest.mark.parametrize("sizes", [(0, 1, 8, 10), (4, 1, -8, 10), (4, 1, 8.5, 10), (4, 0, 8, 10), (4, 1, 8, "10")])
def test_bad_sizes_are_named(Model, sizes):
    with pytest.raises(ValueError, match=r"(length|dim) is .*; expected an integer of at least 1"):
        Model(*sizes)
