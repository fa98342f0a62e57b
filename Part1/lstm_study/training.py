"""One run: train until the palindromes are solved, then measure on ones that training never saw.

    from lstm_study import training
    model, results = training.solve(config, {"lstm": FastLSTM, "rnn": FastRNN})

A palindrome length is *solved* when 99.9 % of (at most) 1,000 validation palindromes are answered correctly. An
*update* is one step of the optimiser on one batch.
"""

import math
from statistics import mean

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from dataset import BLOCK, PalindromeDataset, stream
from utils import accuracy

SOLVED = 0.999  # of the validation palindromes
N_VALIDATION, N_TEST, N_TRAIN = 1000, 10_000, 100_000  # at most; where palindromes are few, a fifth is held out


class DivergedError(ArithmeticError):
    """Training diverged; `update` says when."""

    def __init__(self, message, update=None):
        super().__init__(message, update)
        self.message, self.update = message, update

    def __str__(self):
        return self.message


def build(config, networks):
    """The network of a run as it is before training; `networks` says which class is "lstm" and which "rnn"."""
    torch.manual_seed(config["seed"])
    Network, T = networks[config["model"]], config["stages"][0]
    return Network(T - 1, config["input_dim"], config["hidden_dim"], 10, initialisation=config["initialisation"])


def palindromes(T, seed, total_len=None, leaking=False):
    """Training and held-out palindromes of T digits: (x uint8 (n, T - 1), labels int64 (n,)) of each.

    `total_len` palindromes are split 80 to 20; without it, as many as N_VALIDATION, N_TEST and N_TRAIN say. `leaking`
    makes them as one handed-out dataset.py does: the sample's index is the left half.
    """
    half = math.ceil(T / 2)
    held_out = min(N_VALIDATION + N_TEST, 10**half // 5) if total_len is None else min(total_len, 10**half) // 5
    total_len = min(held_out + N_TRAIN if total_len is None else total_len, 10**half)
    data = PalindromeDataset(T - 1, total_len, seed=seed)
    if leaking:
        index = np.random.default_rng(seed).permutation(total_len)
        data.halves = (index[:, None] // 10 ** np.arange(half - 1, -1, -1) % 10).astype(np.uint8)
    return data.tensors(slice(held_out, None)), data.tensors(slice(None, held_out))


def solve(config, networks):
    """Trains on the lengths config["stages"] in turn; returns (network, results).

    A stage ends when its length is solved, or after config["max_updates"], which ends the run. The last stage goes on
    for "extra_updates" and at least "min_updates". Results: the stages with the updates that each took; the history
    (means between two checks); and the accuracy of the last weights on (at most) N_TEST held-out palindromes, which
    exclude those of the validation unless there are too few.

    Raises DivergedError if a loss is not finite.
    """
    model = build(config, networks)
    optimizer = getattr(torch.optim, config["optimizer"])(model.parameters(), lr=config["lr"])
    history = {"update": [], "loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    stages = []
    for T in config["stages"]:
        if stages and "lr_later" in config:
            optimizer.param_groups[0]["lr"] = config["lr_later"]
        train, held_out = palindromes(T, config["seed"], config.get("total_len"), config.get("leaking", False))
        stages.append(train_stage(model, optimizer, T, train, held_out, config, history))
        if stages[-1]["solved_at"] is None:
            break
    x, y = held_out
    _, right = validate(model, x[-N_TEST:], y[-N_TEST:], config)
    return model, {
        "accuracy": right,
        "n_test": len(x[-N_TEST:]),
        "solved_at": stages[-1]["solved_at"],
        "updates": sum(stage["updates"] for stage in stages),
        "T_reached": T,
        "stages": stages,
        "history": history,
    }


def train_stage(model, optimizer, T, train, held_out, config, history):
    """Trains at one length and appends to `history`; returns {"T", "solved_at" (None if it was not), "updates"}."""
    x, y = train
    x_val, y_val = (part[:N_VALIDATION] for part in held_out)
    before = history["update"][-1] if history["update"] else 0
    more = config["extra_updates"] if config["stages"][-1] == T else 0
    solved_at, losses, accuracies = None, [], []
    order = torch.Generator().manual_seed(config["seed"])
    for update, index in enumerate(batches(len(x), config["batch_size"], order), 1):
        logits = model(as_input(x[index], config))
        loss = cross_entropy(logits, y[index])  # equation (9)

        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["max_norm"])
        optimizer.step()

        losses.append(finite(loss.item(), update, T, config))
        accuracies.append(accuracy(logits, y[index]))
        if not is_check(update, config):
            continue
        val_loss, val_accuracy = validate(model, x_val, y_val, config)
        history["update"].append(before + update)
        history["loss"].append(round(mean(losses), 5))
        history["accuracy"].append(round(mean(accuracies), 5))
        history["val_loss"].append(round(finite(val_loss, update, T, config), 5))
        history["val_accuracy"].append(round(val_accuracy, 5))
        losses, accuracies = [], []
        if solved_at is None and val_accuracy >= SOLVED:
            solved_at = update
        enough = solved_at is not None and update >= max(solved_at + more, config.get("min_updates", 0))
        if enough or update == config["max_updates"]:
            return {"T": T, "solved_at": solved_at, "updates": update}


def is_check(update, config):
    """Whether the network is validated after this update: every "check_every", more often up to "check_early_until"."""
    early = update <= config.get("check_early_until", 0) and update % config["check_early_every"] == 0
    return early or update % config["check_every"] == 0 or update == config["max_updates"]


def finite(loss, update, T, config):
    """`loss`, if it is finite; DivergedError, which says where, if it is not."""
    if not math.isfinite(loss):
        where = f"update {update}, T = {T}, seed {config['seed']}, learning rate {config['lr']:g}"
        raise DivergedError(f"training diverged: the loss is {loss} at {where}; a lower rate may help", update)
    return loss


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
    logits = torch.cat([model(as_input(part, config)) for part in x.split(1000)])
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
