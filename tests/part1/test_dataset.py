"""The properties of the palindromes that honest results rest on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder
from torch.utils.data import random_split

from dataset import PalindromeDataset, stream

LENGTHS = (2, 3, 4, 5, 6, 10, 11, 20, 35, 36, 37, 40, 101)


def whole(data):
    x, labels = data.digits()
    return np.concatenate([x, labels[:, None]], axis=1)


@pytest.mark.filterwarnings("ignore:total_len")
@pytest.mark.parametrize("T", LENGTHS)
def test_palindromes_are_distinct_and_have_T_digits(T):
    digits = whole(PalindromeDataset(T - 1, 2000))
    assert digits.shape[1] == T
    assert (digits == digits[:, ::-1]).all()
    assert digits.max() <= 9
    assert len(np.unique(digits, axis=0)) == len(digits)


@pytest.mark.parametrize("T", (10, 11, 20, 30, 60))
def test_labels_are_uniform_and_every_digit_of_the_half_is(T):
    data = PalindromeDataset(T - 1, 20_000)
    for column in (*data.halves.T, data.digits()[1]):
        counts = np.bincount(column, minlength=10)
        assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000 * 0.9), counts  # five standard deviations


def test_all_palindromes_are_there_and_balanced_when_all_are_asked_for():
    data = PalindromeDataset(4, 1000)
    assert sorted(map(tuple, whole(data))) == sorted(
        (a, b, c, b, a) for a in range(10) for b in range(10) for c in range(10)
    )


def test_nothing_is_in_both_training_and_validation():
    data = PalindromeDataset(9, 5000)
    train, val = random_split(data, [4000, 1000])
    digits = whole(data)
    assert not set(map(bytes, digits[train.indices])) & set(map(bytes, digits[val.indices]))


@pytest.mark.parametrize("T", (10, 11, 20, 30))
def test_constant_predictor_and_linear_probe_without_the_first_digit_score_chance(T):
    x, y = PalindromeDataset(T - 1, 12_000).digits()
    assert max(np.bincount(y)) / len(y) < 0.12
    inputs = OneHotEncoder().fit_transform(x[:, 1:])
    probe = LogisticRegression(max_iter=100).fit(inputs[:10_000], y[:10_000])
    assert probe.score(inputs[10_000:], y[10_000:]) < 0.13
    told = OneHotEncoder().fit_transform(x)  # the same probe, told the first digit, solves the task
    assert LogisticRegression(max_iter=100).fit(told[:10_000], y[:10_000]).score(told[10_000:], y[10_000:]) == 1


def test_a_seed_gives_the_same_data_everywhere_and_another_seed_other_data():
    first = whole(PalindromeDataset(9, 100, seed=3))[:2].tolist()
    assert first == [[5, 1, 6, 3, 4, 4, 3, 6, 1, 5], [3, 9, 3, 9, 2, 2, 9, 3, 9, 3]]
    assert whole(PalindromeDataset(9, 100, seed=4))[:2].tolist() != first


def test_items_by_position_and_by_keyword():
    x, label = PalindromeDataset(4, 100)[7]
    assert (x.shape, x.dtype, type(label)) == ((4, 1), np.float32, int)
    assert x[0, 0] == label
    one_hot, same = PalindromeDataset(input_length=4, total_len=100, one_hot=True)[7]
    assert (one_hot.shape, one_hot.dtype, same) == ((4, 10), np.float32, label)
    assert (one_hot.argmax(1) == x[:, 0]).all() and (one_hot.sum(1) == 1).all()


def test_total_len_is_capped_with_a_warning():
    with pytest.warns(UserWarning, match="1000 palindromes of T = 5"):
        assert len(PalindromeDataset(4, 100_000)) == 1000


@pytest.mark.parametrize("arguments", [(0, 10), (-3, 10), (4, 0), (4.5, 10)])
def test_bad_sizes_are_named(arguments):
    with pytest.raises(ValueError, match=r"(input_length|total_len) is .*; expected an integer of at least 1"):
        PalindromeDataset(*arguments)


def test_a_length_that_cannot_be_ends_at_once():
    """10^(5 * 10^20), the number of such palindromes, is never computed."""
    with pytest.raises((ValueError, MemoryError)):
        PalindromeDataset(10**21, 10)


@pytest.mark.parametrize("T", [2, 3, 9, 200, 201, 399, 400, 401, 1000])
def test_a_stream_is_of_palindromes(T):
    pieces = list(stream(T, 30, seed=1))
    x = np.concatenate(pieces, axis=1)
    whole = np.concatenate([x, x[:, :1]], axis=1)
    assert x.shape == (30, T - 1) and (whole == whole[:, ::-1]).all() and max(p.shape[1] for p in pieces) <= 100
    assert T < 9 or len({bytes(row) for row in x}) == 30
    assert all((a == b).all() for a, b in zip(pieces, stream(T, 30, seed=1), strict=True))
    assert T < 9 or any((a != b).any() for a, b in zip(pieces, stream(T, 30, seed=2), strict=True))


def test_a_streams_digits_are_uniform():
    x = np.concatenate(list(stream(300, 2000)), axis=1)
    for column in (0, 1, 98, 99, 100, 101, 149):
        assert np.bincount(x[:, column], minlength=10).min() > 140  # of 200 expected; less is a one in 10^5 chance
    assert abs(np.corrcoef(x[:, 0], x[:, 100])[0, 1]) < 0.1


@pytest.mark.parametrize(("T", "n"), [(1, 5), (-3, 5), (10, 0)])
def test_a_stream_of_nothing_is_refused(T, n):
    with pytest.raises(ValueError, match="expected at least 2 digits and 1 palindrome"):
        next(stream(T, n))
