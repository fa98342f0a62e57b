"""Palindromes of T digits: the model reads the first T-1 and predicts the T-th, which equals the first.

A palindrome is fixed by its left half, ceil(T/2) digits. The older version that was handed out takes the sample's
*index* as the left half; with 2,048 samples of T = 10 every palindrome then starts with 0, every label is 0, and any
model "reaches 100%". Here the halves are drawn without replacement from all of them, so that labels are uniform,
no palindrome comes twice (hence none in both training and validation), and a seed gives the same data everywhere.

    from dataset import PalindromeDataset
    x, label = PalindromeDataset(input_length=4, total_len=1000)[0]     # x (4, 1) float32, label int; T = 5
"""

import math
import warnings

import numpy as np
import torch
from torch.utils.data import Dataset

BLOCK = 100  # digits per piece of `stream`
PREFIX = 18  # the most digits that fit into int64; longer halves differ within their first 18


def left_halves(half_length, total_len, seed):
    """Distinct left halves, uint8 (total_len, half_length), drawn uniformly without replacement."""
    rng = np.random.default_rng(seed)
    width = min(half_length, PREFIX)
    numbers = rng.choice(10**width, total_len, replace=False)
    digits = numbers[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64) % 10
    rest = rng.integers(0, 10, (total_len, half_length - width), dtype=np.uint8)
    return np.concatenate([digits.astype(np.uint8), rest], axis=1)


class PalindromeDataset(Dataset):
    """`total_len` distinct palindromes of T = input_length + 1 digits, in a random order fixed by `seed`.

    An item is (x, label): x the first T-1 digits, float32 (input_length, 1), or one-hot (input_length, 10);
    label the T-th digit, an int. `total_len` is capped, with a warning, at the 10^ceil(T/2) palindromes there are.

    Raises ValueError if input_length or total_len is below 1.
    """

    def __init__(self, input_length, total_len=100_000, one_hot=False, seed=0):
        for name, value in (("input_length", input_length), ("total_len", total_len)):
            if value != int(value) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected an integer of at least 1 (T = input_length + 1)")
        self.input_length, self.one_hot = int(input_length), one_hot
        half_length = math.ceil((self.input_length + 1) / 2)
        distinct = 10 ** min(half_length, PREFIX)  # more than any memory holds
        if total_len > distinct:
            warnings.warn(
                f"total_len {total_len} is more than the {distinct} palindromes of T = {input_length + 1} digits: "
                f"set to {distinct}; len(dataset) is the number of items",
                stacklevel=2,
            )
        self.halves = left_halves(half_length, min(int(total_len), distinct), seed)

    def __len__(self):
        return len(self.halves)

    def __getitem__(self, index):
        x, label = self.digits(index)
        return (np.eye(10, dtype=np.float32)[x] if self.one_hot else x[:, None].astype(np.float32)), int(label)

    def digits(self, index=slice(None)):
        """The digits behind items `index`: (uint8 (..., input_length), labels uint8 (...)) as NumPy arrays."""
        left = self.halves[index]
        middle = (self.input_length + 1) % 2  # an odd T mirrors all but the middle digit
        palindromes = np.concatenate([left, left[..., ::-1][..., middle:]], axis=-1)
        return palindromes[..., :-1], palindromes[..., -1]

    def tensors(self, index=slice(None)):
        """All of `index` at once, for training in memory: x uint8 (n, input_length), labels int64 (n,)."""
        x, labels = self.digits(index)
        return torch.from_numpy(x), torch.from_numpy(labels).long()


def stream(T, n, seed=0):
    """n random palindromes of T digits, piece by piece: yields x uint8 (n, at most BLOCK), T - 1 digits in all.

    Memory does not grow with T: each piece of the left half has a generator of its own, which draws it again for the
    right half. The label is the first digit. Raises ValueError if T is below 2 or n below 1.
    """
    if T < 2 or n < 1:
        raise ValueError(f"T = {T} and n = {n}; expected at least 2 digits and 1 palindrome")
    half = math.ceil(T / 2)

    def left(number):
        rng = np.random.default_rng((seed, number))
        return rng.integers(0, 10, (n, min(BLOCK, half - number * BLOCK)), dtype=np.uint8)

    last = math.ceil(half / BLOCK) - 1
    for number in range(last + 1):
        yield left(number)
    for number in range(last, -1, -1):
        mirrored = left(number)[:, ::-1]
        # an odd T mirrors all but the middle digit, and the T-th digit is not read
        mirrored = mirrored[:, T % 2 if number == last else 0 : -1 if number == 0 else None]
        if mirrored.shape[1]:
            yield np.ascontiguousarray(mirrored)
