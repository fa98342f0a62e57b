"""One run of an experiment: train until the palindromes are solved, then measure on ones that training never saw."""

import math
from itertools import count
from statistics import mean

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from dataset import BLOCK, PalindromeDataset, stream
from fast_lstm import FastLSTM
from utils import accuracy
from vanilla_rnn import VanillaRNN

MODELS = {"lstm": FastLSTM, "rnn": VanillaRNN}
SOLVED = 0.999  # of the palindromes that are checked during training
N_CHECK, N_TEST, N_TRAIN = 1000, 10_000, 100_000  # at most; a fifth is held back where there are few palindromes


def build(config):
    """The network of a run as it is before training."""
    torch.manual_seed(config["seed"])
    T, sizes = config["stages"][0], (config["input_dim"], config["hidden_dim"], 10)
    return MODELS[config["model"]](T - 1, *sizes, **config["initialisation"])


def palindromes(T, seed, total_len=None, leaking=False):
    """Training and held-back palindromes of T digits: (x uint8 (n, T - 1), labels int64 (n,)) of each.

    `total_len` palindromes are split 80 to 20; without it, as many as N_CHECK, N_TEST and N_TRAIN say. `leaking` makes
    them as one handed-out dataset.py does: the sample's index is the left half.
    """
    half = math.ceil(T / 2)
    held_back = min(N_CHECK + N_TEST, 10**half // 5) if total_len is None else min(total_len, 10**half) // 5
    total_len = min(held_back + N_TRAIN if total_len is None else total_len, 10**half)
    data = PalindromeDataset(T - 1, total_len, seed=seed)
    if leaking:
        index = np.random.default_rng(seed).permutation(total_len)
        data.halves = (index[:, None] // 10 ** np.arange(half - 1, -1, -1) % 10).astype(np.uint8)
    return data.tensors(slice(held_back, None)), data.tensors(slice(None, held_back))


def solve(config):
    """Trains on the lengths config["stages"] in turn; returns (network, results).

    A stage ends when SOLVED of (at most) N_CHECK held-back palindromes are right, looked at every config["check_every"]
    updates, or after config["max_updates"], which ends the run. The last stage goes on for "extra_updates" and at least
    "min_updates". Results: the stages with the updates each took, the history (means between two checks), and the
    last weights' accuracy on (at most) N_TEST held-back palindromes, those that were checked left out where others are.
    """
    model, learn = build(config), None
    stages, history = [], {name: [] for name in ("update", "loss", "accuracy", "val_loss", "val_accuracy")}
    updates = 0
    for T in config["stages"]:
        (x, y), (x_held, y_held) = palindromes(T, config["seed"], config.get("total_len"), config.get("leaking", False))
        if learn is None:
            learn = getattr(torch.optim, config["optimizer"])(model.parameters(), lr=config["lr"])
        elif "lr_later" in config:
            learn.param_groups[0]["lr"] = config["lr_later"]
        is_last, solved_at, losses, accuracies = config["stages"][-1] == T, None, [], []
        order = torch.Generator().manual_seed(config["seed"])
        for update, index in zip(count(1), batches(len(x), config["batch_size"], order), strict=False):
            logits = model(as_input(x[index], config))
            loss = cross_entropy(logits, y[index])  # equation (9)
            learn.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["max_norm"])
            learn.step()

            losses.append(loss.item())
            accuracies.append(accuracy(logits, y[index]))
            at_end = update == config["max_updates"]
            if update % config["check_every"] == 0 or at_end:
                checked = validate(model, x_held[:N_CHECK], y_held[:N_CHECK], config)
                row = (updates + update, mean(losses), mean(accuracies), *checked)
                for values, value in zip(history.values(), row, strict=True):
                    values.append(None if math.isnan(value) else round(value, 5))
                losses, accuracies = [], []
                if solved_at is None and checked[1] >= SOLVED:
                    solved_at = update
                more = config["extra_updates"] if is_last else 0
                enough = solved_at is not None and update >= max(solved_at + more, config.get("min_updates", 0))
                if enough or at_end:
                    break
        updates += update
        stages.append({"T": T, "solved_at": solved_at, "updates": update})
        if solved_at is None:
            break
    _, right = validate(model, x_held[-N_TEST:], y_held[-N_TEST:], config)
    results = {"accuracy": right, "n_test": len(x_held[-N_TEST:]), "solved_at": solved_at, "updates": updates}
    return model, results | {"T_reached": T, "stages": stages, "history": history}


def batches(n, size, order):
    """Endless batches of indices below n, epoch after epoch in a new order; a short rest of an epoch is left out."""
    while True:
        for index in torch.randperm(n, generator=order).split(size):
            if len(index) == size or n < size:
                yield index


def as_input(x, config):
    """Digits for a network of one-hot digits, numbers for one that reads them as such."""
    return x if config["input_dim"] == 10 else x.float().unsqueeze(-1)


@torch.no_grad()
def validate(model, x, y, config):
    """(loss, accuracy) on digits x (n, time) with labels y (n,), in batches of 1,000."""
    parts = [(model(as_input(a, config)), b) for a, b in zip(x.split(1000), y.split(1000), strict=True)]
    logits, y = torch.cat([a for a, _ in parts]), torch.cat([b for _, b in parts])
    return cross_entropy(logits, y).item(), accuracy(logits, y)


@torch.no_grad()
def streamed(model, T, n, seed, progress=False):
    """Accuracy on n fresh palindromes of T digits, in memory that does not grow with T; shows progress if asked."""
    state = labels = None
    for x in tqdm(stream(T, n, seed), f"T = {T:,}", total=2 * math.ceil(T / 2 / BLOCK), disable=not progress):
        x = torch.from_numpy(x)
        labels = x[:, 0].long() if labels is None else labels
        state = model.run(x, state)
    return accuracy(model.logits(state[0]), labels)
