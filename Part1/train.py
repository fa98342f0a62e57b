"""Training on palindromes, with the template's interface.

python train.py                                           LSTM, T = 5, the template's defaults
python train.py --model rnn --input_length 9              the baseline at T = 10
python train.py --input_dim 10 --input_length 19          one-hot digits, T = 20
"""

import argparse
import sys

import torch
from torch.utils.data import DataLoader, random_split
from tqdm import tqdm

from dataset import PalindromeDataset
from lstm import LSTM
from utils import AverageMeter, accuracy
from vanilla_rnn import VanillaRNN

MODELS = {"lstm": LSTM, "rnn": VanillaRNN}


def train(model, data_loader, optimizer, criterion, device, config):
    """One epoch of training; returns (loss, accuracy), averages over its items."""
    model.train()
    losses, accuracies = AverageMeter("Loss"), AverageMeter("Accuracy")
    for x, labels in tqdm(data_loader, leave=False, disable=None):
        x, labels = x.to(device), labels.to(device)

        logits = model(x)
        loss = criterion(logits, labels)  # equation (9): cross-entropy at the last step alone

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
    """Trains for config.max_epoch epochs; returns the history {"train_loss": [...], ...}, one value an epoch.

    `config` holds the template's flags; what else `parse` knows and it lacks takes its default.
    """
    config = argparse.Namespace(**vars(parse([])) | vars(config))
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = MODELS[config.model](config.input_length, config.input_dim, config.num_hidden, config.num_classes)
    model.to(device)

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
        means = train(model, train_loader, optimizer, criterion, device, config)
        means += evaluate(model, val_loader, criterion, device, config)
        for values, mean in zip(history.values(), means, strict=True):
            values.append(mean)
        print(
            "epoch {}/{}  training loss {:.4f} accuracy {:.4f}  validation loss {:.4f} accuracy {:.4f}".format(
                epoch + 1, config.max_epoch, *means
            ),
            flush=True,
        )
    return history


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("--input_length", type=int, default=4, help="digits that are read, T - 1 (%(default)s)")
    flag(
        "--input_dim", type=int, choices=(1, 10), default=1, help="1: the digit as a number, 10: one-hot (%(default)s)"
    )
    flag("--num_classes", type=int, default=10, help="classes to tell apart (%(default)s)")
    flag("--num_hidden", type=int, default=128, help="hidden units (%(default)s)")
    flag("--batch_size", type=int, default=128, help="palindromes in a batch (%(default)s)")
    flag("--learning_rate", type=float, default=0.001, help="of RMSProp (%(default)s)")
    flag("--max_epoch", type=int, default=100, help="passes over the training part (%(default)s)")
    flag("--max_norm", type=float, default=10.0, help="gradients are clipped to this norm (%(default)s)")
    flag("--data_size", type=int, default=100000, help="palindromes in all, capped at those there are (%(default)s)")
    flag(
        "--portion_train", type=float, default=0.8, help="share of them for training, the rest validates (%(default)s)"
    )
    flag("--model", choices=sorted(MODELS), default="lstm", help="the network (%(default)s)")
    flag("--seed", type=int, default=0, help="of data, weights and order (%(default)s)")
    config = parser.parse_args(argv)
    for name in ("input_length", "num_hidden", "batch_size", "max_epoch", "max_norm", "data_size", "learning_rate"):
        if not getattr(config, name) > 0:
            parser.error(f"--{name} is {getattr(config, name)}; expected a number above 0")
    if config.seed < 0:
        parser.error(f"--seed is {config.seed}; expected a number from 0 on")
    if config.num_classes < 10:
        parser.error(f"--num_classes is {config.num_classes}; expected at least 10, one for each digit")
    if not 0 < config.portion_train < 1:
        parser.error(f"--portion_train is {config.portion_train}; expected a share between 0 and 1")
    return config


if __name__ == "__main__":
    try:
        main(parse())
    except ValueError as error:
        sys.exit(f"train.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\ntrain.py: interrupted")
