"""Training on palindromes, with the template's interface.

python train.py                                                   LSTM, T = 5, the template's defaults
python train.py --model rnn --input_length 9 --max_epoch 5        the baseline at T = 10
python train.py --input_dim 10 --input_length 19 --max_epoch 1    one-hot digits, T = 20, in half a minute
python train.py --initialisation bistable --save lstm.pt          another initialisation; keeps weights, history
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader, random_split
from tqdm import tqdm

from dataset import PalindromeDataset
from lstm import INITIALISATIONS as LSTM_NAMES
from lstm import LSTM
from utils import AverageMeter, accuracy
from vanilla_rnn import INITIALISATIONS as RNN_NAMES
from vanilla_rnn import VanillaRNN

MODELS = {"lstm": LSTM, "rnn": VanillaRNN}
DEFAULTS = {
    "input_length": 4,
    "input_dim": 1,
    "num_classes": 10,
    "num_hidden": 128,
    "batch_size": 128,
    "learning_rate": 0.001,
    "max_epoch": 100,
    "max_norm": 10.0,
    "data_size": 100000,
    "portion_train": 0.8,
    "model": "lstm",
    "initialisation": None,
    "seed": 0,
    "save": None,
}
HELP = {
    "input_length": "digits that are read, T - 1",
    "input_dim": "1: the digit as a number, 10: one-hot",
    "num_classes": "classes to tell apart",
    "num_hidden": "hidden units",
    "batch_size": "palindromes in a batch",
    "learning_rate": "learning rate of RMSProp",
    "max_epoch": "passes over the training part",
    "max_norm": "gradients are clipped to this norm",
    "data_size": "palindromes in all; at most as many as exist",
    "portion_train": "share of them for training, the rest validates",
    "model": "the network",
    "initialisation": f"how its weights are drawn; lstm: {', '.join(LSTM_NAMES)} (default: chrono); "
    f"rnn: {', '.join(RNN_NAMES)} (glorot); quote a name with spaces",
    "seed": "of data, weights and order",
    "save": "file for weights, history and settings; torch.load(FILE, weights_only=True) reads it",
}
ENOUGH = 0.995  # the last line of the output says in which epoch validation accuracy first reached this


def train(model, data_loader, optimizer, criterion, device, config):
    """One epoch of training; returns (loss, accuracy), averages over its items.

    Raises FloatingPointError, naming the update, if the loss is no longer a finite number.
    """
    model.train()
    losses, accuracies = AverageMeter("Loss"), AverageMeter("Accuracy")
    for update, (x, labels) in enumerate(tqdm(data_loader, leave=False, disable=None), 1):
        x, labels = x.to(device), labels.to(device)

        logits = model(x)
        loss = criterion(logits, labels)  # equation (9): cross-entropy at the last step alone
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()} at update {update}")

        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=config.max_norm)
        optimizer.step()

        losses.update(loss.item(), len(x))
        accuracies.update(accuracy(logits, labels), len(x))
    return losses.avg, accuracies.avg


@torch.no_grad()
def evaluate(model, data_loader, criterion, device, config):
    """Returns (loss, accuracy), averages over the items of `data_loader`; `config` is not looked at."""
    model.eval()
    losses, accuracies = AverageMeter("Loss"), AverageMeter("Accuracy")
    for x, labels in data_loader:
        x, labels = x.to(device), labels.to(device)
        logits = model(x)
        losses.update(criterion(logits, labels).item(), len(x))
        accuracies.update(accuracy(logits, labels), len(x))
    return losses.avg, accuracies.avg


def main(config):
    """Trains for config.max_epoch epochs; returns the history {"train_loss": [...], ...}, one value per epoch.

    `config` holds the template's flags; what else DEFAULTS has and it lacks takes its default.
    """
    config = argparse.Namespace(**DEFAULTS | vars(config))
    if config.save is not None:
        check_save(config.save)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sizes = config.input_length, config.input_dim, config.num_hidden, config.num_classes
    chosen = {} if config.initialisation is None else {"initialisation": config.initialisation}
    model = MODELS[config.model](*sizes, **chosen).to(device)

    dataset = PalindromeDataset(config.input_length, config.data_size, one_hot=config.input_dim > 1, seed=config.seed)
    n_train = int(config.portion_train * len(dataset))
    if not 0 < n_train < len(dataset):
        raise ValueError(f"{n_train} of {len(dataset)} palindromes would be for training; expected some for each part")
    train_set, val_set = random_split(dataset, [n_train, len(dataset) - n_train])
    train_loader = DataLoader(train_set, config.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, config.batch_size)

    optimizer = torch.optim.RMSprop(model.parameters(), lr=config.learning_rate)
    criterion = torch.nn.CrossEntropyLoss()
    history = {"train_loss": [], "train_accuracy": [], "val_loss": [], "val_accuracy": []}
    for epoch in range(config.max_epoch):
        try:
            means = train(model, train_loader, optimizer, criterion, device, config)
            means += evaluate(model, val_loader, criterion, device, config)
            if not math.isfinite(means[2]):
                raise FloatingPointError(f"the validation loss is {means[2]}")
        except FloatingPointError as error:
            raise ValueError(
                f"epoch {epoch + 1}: {error} (T = {config.input_length + 1}, seed {config.seed}); "
                f"a --learning_rate below {config.learning_rate:g} may help"
            ) from None
        for values, mean in zip(history.values(), means, strict=True):
            values.append(mean)
        print(
            "epoch {}/{}  training loss {:.4f} accuracy {:.4f}  validation loss {:.4f} accuracy {:.4f}".format(
                epoch + 1, config.max_epoch, *means
            ),
            flush=True,
        )
    if config.save is not None:
        save(config.save, model, history, config)
    print(reached(history, config))
    return history


def reached(history, config):
    """What a training reached, as one line."""
    accuracies = history["val_accuracy"]
    first = next((epoch for epoch, value in enumerate(accuracies, 1) if value >= ENOUGH), None)
    return (
        f"reached: validation accuracy {accuracies[-1]:.2%} at T = {config.input_length + 1} after epoch "
        f"{len(accuracies)}; best {max(accuracies):.2%}; "
        + (f"{ENOUGH:.1%} first in epoch {first}" if first else f"never {ENOUGH:.1%}")
        + (f"; weights and history in {config.save}" if config.save is not None else "")
    )


def check_save(file):
    """Raises ValueError unless `file` can be written, before a training is spent on it."""
    file = Path(file)
    if file.is_dir():
        raise ValueError(f"--save {file} is a folder; expected a file")
    if not file.parent.is_dir():
        raise ValueError(f"--save {file}: there is no folder {file.parent}; make it first")
    try:
        tempfile.TemporaryFile(dir=file.parent).close()
    except OSError as error:
        raise ValueError(f"--save {file}: the folder {file.parent} cannot be written ({error.strerror})") from None


def save(file, model, history, config):
    """Writes {"weights", "history", "config"}: a temporary file first, so that `file` is never half written."""
    parts = {"weights": model.state_dict(), "history": history, "config": vars(config) | {"save": str(file)}}
    temporary = f"{file}.{os.getpid()}.part"
    try:
        torch.save(parts, temporary)
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)


def check_memory(config):
    """Raises ValueError if data, weights or one batch's states cannot fit into this machine's memory."""
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    half, H = config.input_length // 2 + 1, config.num_hidden
    items = min(config.data_size, 10 ** min(half, 18))
    states = 10 if config.model == "lstm" else 2  # kept for the backward pass, at least, per unit and step
    gates = 4 if config.model == "lstm" else 1
    needs = {
        "--data_size and --input_length": items * half,
        "--num_hidden": 4 * gates * H * (H + config.input_dim + 1) + 4 * config.num_classes * H,
        "--batch_size, --input_length and --num_hidden": 4 * min(config.batch_size, items)
        * config.input_length * (states * H + config.input_dim),
    }  # fmt: skip
    for flags, need in needs.items():
        if need > have:
            raise ValueError(
                f"{flags} would need {need / 2**30:.3g} GiB of memory; this machine has {have / 2**30:.3g} GiB"
            )


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choices = {"input_dim": (1, 10), "model": sorted(MODELS)}
    for name, default in DEFAULTS.items():
        kind = str if default is None else type(default)
        text = HELP[name] if default is None else f"{HELP[name]} (%(default)s)"
        metavar = {"initialisation": "NAME", "save": "FILE"}.get(name)
        parser.add_argument(
            f"--{name}", type=kind, default=default, choices=choices.get(name), metavar=metavar, help=text
        )
    config = parser.parse_args(argv)
    for name in ("input_length", "num_hidden", "batch_size", "max_epoch", "max_norm", "data_size", "learning_rate"):
        if not getattr(config, name) > 0:
            parser.error(f"--{name} is {getattr(config, name)}; expected a number above 0")
    if config.learning_rate == math.inf:
        parser.error("--learning_rate is inf; expected a finite number above 0")
    if not 0 <= config.seed < 2**63:
        parser.error(f"--seed is {config.seed}; expected a number from 0 to 2^63 - 1")
    if config.num_classes < 10:
        parser.error(f"--num_classes is {config.num_classes}; expected at least 10, one for each digit")
    if not 0 < config.portion_train < 1:
        parser.error(f"--portion_train is {config.portion_train}; expected a share between 0 and 1")
    try:
        check_memory(config)
    except ValueError as error:
        parser.error(str(error))
    return config


if __name__ == "__main__":
    try:
        main(parse())
    except (ValueError, OSError) as error:
        sys.exit(f"train.py: {error}")
    except (MemoryError, torch.OutOfMemoryError):
        sys.exit(
            "train.py: out of memory; a smaller --num_hidden, --batch_size, --input_length or --data_size needs less"
        )
    except KeyboardInterrupt:
        sys.exit("\ntrain.py: interrupted")
