"""The template's interface: its flags, its functions, and its loops of both generations run with our classes."""

import argparse

import pytest
import torch
from conftest import ROOT
from torch.utils.data import DataLoader, Dataset, random_split

import train
from dataset import PalindromeDataset
from lstm import LSTM
from utils import AverageMeter, accuracy
from vanilla_rnn import VanillaRNN

both = pytest.mark.parametrize("Model", [LSTM, VanillaRNN])


@both
def test_newer_skeleton(Model):
    """Its main: epochs over a split dataset with DataLoaders, our train and evaluate called as it calls them."""
    config = argparse.Namespace(input_length=3, batch_size=16, max_norm=10.0, data_size=100, portion_train=0.8)
    dataset = PalindromeDataset(config.input_length, config.data_size)
    train_set, val_set = random_split(dataset, [80, 20])
    model = Model(config.input_length, 1, 32, 10).to("cpu")
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)
    criterion = torch.nn.CrossEntropyLoss()
    scores = []
    for _ in range(30):
        loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True)
        scores.append(train.train(model, loader, optimizer, criterion, "cpu", config))
    assert scores[-1][0] < scores[0][0] and scores[-1][1] > scores[0][1] + 0.2
    loss, share = train.evaluate(model, DataLoader(val_set, batch_size=16), criterion, "cpu", config)
    assert loss > 0 and 0 <= share <= 1


class OlderItems(Dataset):
    """As the older generation yields them: a 1-D float32 array of digits, and the label."""

    def __init__(self, T):
        self.data = PalindromeDataset(T - 1, 64)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        x, label = self.data[index]
        return x[:, 0], label


@both
@pytest.mark.parametrize("items", [OlderItems(6), PalindromeDataset(6, 64)])  # its own dataset's items; ours
def test_older_skeleton(Model, items):
    """Its loop: five or six constructor arguments, step by step, accuracy from the arg max."""
    model = Model(5, 1, 16, 10, 32, "cpu")
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    for _, (batch_inputs, batch_targets) in enumerate(DataLoader(items, 32, num_workers=1)):
        optimizer.zero_grad()
        outputs = model.forward(batch_inputs)
        loss = torch.nn.CrossEntropyLoss()(outputs, batch_targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=10.0)
        optimizer.step()
        assert outputs.argmax(1).shape == batch_targets.shape
    assert all(p.grad is not None for p in model.parameters())


def test_flags_and_defaults_are_the_templates():
    config = vars(train.parse([]))
    expected = {"input_length": 4, "input_dim": 1, "num_classes": 10, "num_hidden": 128, "batch_size": 128}
    expected |= {"learning_rate": 0.001, "max_epoch": 100, "max_norm": 10.0, "data_size": 100000, "portion_train": 0.8}
    assert expected.items() <= config.items()


@pytest.mark.filterwarnings("ignore:total_len")
def test_near_perfect_without_any_flag(capsys):
    history = train.main(train.parse([]))
    assert len(history["val_accuracy"]) == 100
    assert max(history["val_accuracy"]) >= 0.995 and history["val_accuracy"][-1] >= 0.97


def test_main_takes_the_templates_config_alone(capsys):
    config = vars(train.parse(["--max_epoch", "1", "--data_size", "500"]))
    history = train.main(argparse.Namespace(**{k: v for k, v in config.items() if k not in ("model", "seed")}))
    assert [len(values) for values in history.values()] == [1, 1, 1, 1]


def test_one_hot_digits_and_the_rnn(capsys):
    flags = "--model rnn --input_dim 10 --input_length 9 --max_epoch 1 --data_size 300"
    train.main(train.parse(flags.split()))
    assert "epoch 1/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--input_length 0", "--input_length is 0; expected a number above 0"),
        ("--num_hidden -5", "--num_hidden is -5"),
        ("--portion_train 1.5", "--portion_train is 1.5; expected a share between 0 and 1"),
        ("--num_classes 5", "--num_classes is 5; expected at least 10"),
        ("--seed -1", "--seed is -1; expected a number from 0 on"),
        ("--data_size 1", "0 of 1 palindromes would be for training"),
        ("--input_dim 3", "invalid choice: 3"),
        ("--nonsense 1", "unrecognized arguments"),
    ],
)
def test_bad_flags_end_with_one_clear_error(refusal, flags, message):
    assert message in refusal(ROOT / "Part1" / "train.py", *flags.split())


def test_average_meter_and_accuracy():
    meter = AverageMeter("Loss")
    meter.update(2.0, n=3)
    meter.update(6.0)
    assert meter.avg == 3.0 and "Loss" in str(meter)
    assert accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0])) == 0.75
