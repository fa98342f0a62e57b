"""The template's interface: its flags, its functions, and its loops of both generations run with our classes."""

import argparse

import pytest
import torch
from common import ROOT, forked
from torch.utils.data import DataLoader, Dataset, random_split

import train
from dataset import PalindromeDataset
from lstm import LSTM
from lstm_study.fast_lstm import FastLSTM
from utils import AverageMeter, accuracy
from vanilla_rnn import VanillaRNN

both = pytest.mark.parametrize("Model", [LSTM, VanillaRNN])


@both
def test_newer_skeleton(Model):
    """Its main: epochs over a split dataset with DataLoaders, our train and evaluate called as it calls them."""
    torch.manual_seed(0)
    config = argparse.Namespace(input_length=3, batch_size=16, max_norm=10.0, data_size=100, portion_train=0.8)
    dataset = PalindromeDataset(config.input_length, config.data_size)
    train_set, val_set = random_split(dataset, [80, 20])
    model = Model(config.input_length, 1, 32, 10).to("cpu")
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
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
    assert config == train.DEFAULTS and train.HELP.keys() == train.DEFAULTS.keys()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:total_len")
def test_near_perfect_without_any_flag(capsys):
    history = train.main(train.parse([]))
    assert len(history["val_accuracy"]) == 100
    assert max(history["val_accuracy"]) >= 0.995 and history["val_accuracy"][-1] >= 0.97
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"reached: validation accuracy {history['val_accuracy'][-1]:.2%} at T = 5 after epoch 100")
    assert "99.5% first in epoch" in last


def quick(*flags, **others):
    config = vars(train.parse(["--max_epoch", "2", "--data_size", "300", "--num_hidden", "16", *flags]))
    return train.main(argparse.Namespace(**config | others))


def test_main_takes_the_templates_config_alone(capsys):
    config = vars(train.parse(["--max_epoch", "1", "--data_size", "500"]))
    ours = ("model", "seed", "initialisation", "save")
    history = train.main(argparse.Namespace(**{k: v for k, v in config.items() if k not in ours}))
    assert [len(values) for values in history.values()] == [1, 1, 1, 1]


def test_a_seed_repeats_a_training_and_the_kernel_does_not_matter(capsys, monkeypatch):
    first, again, other = quick(), quick(), quick("--seed", "1")
    assert first == again != other
    monkeypatch.setitem(train.MODELS, "lstm", FastLSTM)
    for name, values in quick().items():
        assert values == pytest.approx(first[name], abs=1e-4)


def test_one_hot_digits_and_the_rnn(capsys):
    quick("--model", "rnn", "--input_dim", "10", "--input_length", "9")
    assert "epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize(("model", "name"), [("lstm", "bistable"), ("lstm", "forget bias 1"), ("rnn", "orthogonal")])
def test_what_is_saved_can_be_loaded_and_goes_on(capsys, tmp_path, model, name):
    file = tmp_path / "model.pt"
    history = quick("--model", model, "--initialisation", name, "--save", str(file))
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"weights and history in {file}")
    saved = torch.load(file, weights_only=True)
    assert saved["history"] == history and saved["config"]["initialisation"] == name
    network = train.MODELS[model](4, 1, 16, 10)
    network.load_state_dict(saved["weights"])
    assert [each.name for each in tmp_path.iterdir()] == ["model.pt"]
    before = file.read_bytes()
    with pytest.raises(ValueError, match="initialisation is 'no'"):  # a run that fails leaves the file as it is
        quick("--model", model, "--initialisation", "no", "--save", str(file))
    assert file.read_bytes() == before


def test_the_command_says_what_was_reached(tmp_path):
    flags = ["--max_epoch", "1", "--data_size", "300", "--num_hidden", "8", "--save", "here.pt"]
    done = forked(ROOT / "Part1" / "train.py", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("reached: validation accuracy")
    assert torch.load(tmp_path / "here.pt", weights_only=True)["weights"]


BAD = [  # flags, what is wrong with them, what the message must contain
    ("--input_length 0", "no step", "--input_length is 0; expected a number above 0"),
    ("--input_length -3", "negative", "--input_length is -3"),
    ("--input_length 1000000000000000000000", "cannot be", "--data_size and --input_length would need"),
    ("--input_length 300000000 --data_size 10", "one batch does not fit", "this machine has"),
    ("--input_length 4.5", "no integer", "invalid int value: '4.5'"),
    ("--input_dim 3", "neither a number nor one-hot", "invalid choice: 3"),
    ("--num_hidden -5", "negative", "--num_hidden is -5"),
    ("--num_hidden 10000000", "weights do not fit", "--num_hidden would need"),
    ("--num_classes 5", "fewer than there are digits", "--num_classes is 5; expected at least 10"),
    ("--batch_size 0", "empty batches", "--batch_size is 0"),
    ("--learning_rate 0", "nothing would be learned", "--learning_rate is 0.0; expected a number above 0"),
    ("--learning_rate -0.1", "negative", "--learning_rate is -0.1"),
    ("--learning_rate inf", "infinite", "--learning_rate is inf; expected a finite number"),
    ("--learning_rate nan", "not a number", "--learning_rate is nan"),
    ("--learning_rate much", "no number", "invalid float value: 'much'"),
    ("--learning_rate 1e38 --data_size 500", "diverges", "epoch 1: the loss is nan at update 2 (T = 5, seed 0)"),
    ("--max_epoch 0", "no training", "--max_epoch is 0"),
    ("--max_norm 0", "no gradient left", "--max_norm is 0.0"),
    ("--max_norm nan", "not a number", "--max_norm is nan"),
    ("--data_size 0", "no data", "--data_size is 0"),
    ("--data_size 1", "nothing to train on", "0 of 1 palindromes would be for training"),
    ("--data_size 1000000000000000 --input_length 99", "does not fit", "GiB of memory; this machine has"),
    ("--portion_train 1.5", "more than all", "--portion_train is 1.5; expected a share between 0 and 1"),
    ("--portion_train nan", "not a number", "--portion_train is nan"),
    ("--model gru", "no such network", "invalid choice: 'gru'"),
    (
        "--initialisation nonsense",
        "no such initialisation",
        "initialisation is 'nonsense'; LSTM has 'pytorch', 'glorot'",
    ),
    ("--model rnn --initialisation chrono", "not for an RNN", "initialisation is 'chrono'; VanillaRNN has"),
    ("--seed -1", "negative", "--seed is -1; expected a number from 0 to 2^63 - 1"),
    ("--seed 9223372036854775808", "more than torch takes", "expected a number from 0 to 2^63 - 1"),
    ("--save no/such/folder/model.pt", "no folder", "there is no folder no/such/folder; make it first"),
    ("--save .", "a folder", "--save . is a folder; expected a file"),
    ("--save /proc/model.pt", "cannot be written", "the folder /proc cannot be written"),
    ("--nonsense 1", "unknown", "unrecognized arguments"),
]


@pytest.mark.parametrize(("flags", "wrong", "message"), BAD)
def test_bad_flags_end_with_one_clear_error(refusal, capsys, flags, wrong, message):
    said = refusal(ROOT / "Part1" / "train.py", *flags.split())
    assert message in said, wrong
    assert "Traceback" not in said and said.strip().splitlines()[-1].startswith("train.py: ")
    if "epoch 1" not in message:
        assert "epoch 1/" not in capsys.readouterr().out  # before any training


def test_divergence_in_a_loop_of_ones_own_names_the_update():
    model = LSTM(4, 1, 8, 10)
    model.W_ph.data.fill_(float("nan"))
    loader = DataLoader(PalindromeDataset(4, 100), 32)
    optimizer = torch.optim.RMSprop(model.parameters())
    with pytest.raises(FloatingPointError, match="the loss is nan at update 1"):
        train.train(model, loader, optimizer, torch.nn.CrossEntropyLoss(), "cpu", argparse.Namespace(max_norm=10.0))


def test_average_meter_and_accuracy():
    meter = AverageMeter("Loss")
    meter.update(2.0, n=3)
    meter.update(6.0)
    assert meter.avg == 3.0 and "Loss" in str(meter)
    assert accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0])) == 0.75
