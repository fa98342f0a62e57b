"""What bad input gets: one line that names the flag, the value found and the value expected, before any work."""

import pytest
import torch
from common import ROOT

import recipes
from artifacts import ArtifactError
from gan_study import quality
from gan_study.classifier import load_classifier
from recipes import Recipe

MY_GAN = [  # flags, what the message must contain
    (["--n_epochs", "0"], "--n_epochs is 0; expected a whole number from 1 to 100,000"),
    (["--n_epochs", "-3"], "--n_epochs is -3; expected a whole number"),
    (["--n_epochs", "1.5"], "invalid int value: '1.5'"),
    (["--n_epochs", str(10**21)], "--n_epochs is 1000000000000000000000; expected a whole number"),
    (["--lr", "-1"], "--lr is -1.0; expected a finite number above 0"),
    (["--lr", "0"], "--lr is 0.0; expected a finite number above 0"),
    (["--lr", "inf"], "--lr is inf; expected a finite number above 0"),
    (["--lr", "nan"], "--lr is nan; expected a finite number above 0"),
    (["--lr", "fast"], "invalid float value: 'fast'"),
    (["--anneal", "1.5"], "--anneal is 1.5; expected a number from 0 to 1"),
    (["--anneal", "-0.1"], "--anneal is -0.1; expected a number from 0 to 1"),
    (["--anneal", "nan"], "--anneal is nan; expected a number from 0 to 1"),
    (["--r1", "nan"], "--r1 is nan; expected a finite number from 0 on"),
    (["--r1", "inf"], "--r1 is inf; expected a finite number from 0 on"),
    (["--r1_interval", "0"], "--r1_interval is 0; expected a whole number from 1"),
    (["--beta1", "1"], "--beta1 is 1.0; expected a number from 0 to below 1"),
    (["--beta2", "-0.5"], "--beta2 is -0.5; expected a number from 0 to below 1"),
    (["--ema", "1"], "--ema is 1.0; expected a number from 0 to below 1"),
    (["--bn_eps", "nan"], "--bn_eps is nan; expected a finite number above 0"),
    (["--batch_size", "1"], "--batch_size is 1; expected a whole number from 2"),
    (["--batch_size", "many"], "invalid int value: 'many'"),
    (["--batch_size", "5000", "--dataset", "digits"], "batch_size is 5000; expected 1 to 1500"),
    (["--latent_dim", str(10**9)], "--latent_dim is 1000000000; expected a whole number from 1 to 65,536"),
    (["--save_interval", "0"], "--save_interval is 0; expected a whole number from 1"),
    (["--log_interval", "0"], "--log_interval is 0; expected a whole number from 1"),
    (["--seed", str(2**64)], "--seed is 18446744073709551616; expected a whole number from 0"),
    (["--seed", "-1"], "--seed is -1; expected a whole number from 0"),
    (["--recipe", "banana"], "invalid choice: 'banana'"),
    (["--networks", "deep"], "invalid choice: 'deep'"),
    (["--networks", "wide", "--d_outputs", "2"], "unrecognized arguments: --d_outputs 2"),
    (["--optimizer", "lion"], "invalid choice: 'lion'"),
    (["--dataset", "cifar"], "invalid choice: 'cifar'"),
    (["--device", "banana"], "argument --device: banana cannot be used here; expected cpu"),
    (["--device", "meta"], "argument --device: meta cannot be used here; expected cpu"),
    (["--data_root", "-", "--n_epochs", "1"], "--data_root - is not a folder; expected one that holds MNIST/raw"),
    (["--data_root", "/nowhere", "--n_epochs", "1"], "--data_root /nowhere is not a folder"),
    (["--bf16", "yes"], "unrecognized arguments: yes"),
]
STUDY = [
    ([], "the following arguments are required: what"),
    (["nonsense"], "there is no experiment nonsense; expected list, all"),
    (["list", "real"], "list stands alone"),
    (["trainings", "--seeds", "99"], "--seeds 99: no run of trainings has that; there are [0, 1, 2]"),
    (["trainings", "--names", "banana"], "--names banana: no run of trainings has that"),
    (["trainings", "--jobs", "0"], "--jobs is 0; expected at least 1 process"),
    (["trainings", "--jobs", "two"], "invalid int value: 'two'"),
    (["real", "--data_root", "/nowhere"], "--data_root is /nowhere; expected a folder that holds MNIST/raw"),
    (["trainings", "--device", "banana"], "argument --device: banana cannot be used here; expected cpu"),
    (["interpolate"], "interpolate and --pair go together"),
    (["claims", "--pair", "3 -> 8"], "interpolate and --pair go together"),
    (["interpolate", "--pair", ""], "--pair is ''; expected two different digits"),
    (["interpolate", "--pair", "3 -> 3"], "--pair is '3 -> 3'; expected two different digits"),
    (["interpolate", "--pair", "3"], "expected two different digits"),
    (["interpolate", "--pair", "3 -> 10"], "expected two different digits"),
    (["interpolate", "--pair", "a -> b"], "expected two different digits"),
    (["interpolate", "--pair", "٣ -> ٨"], "expected two different digits"),
]


@pytest.mark.parametrize(
    ("flags", "message"), MY_GAN, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_my_gan(refusal, monkeypatch, tmp_path, flags, message):
    monkeypatch.setattr(recipes, "HERE", tmp_path)
    said = refusal(ROOT / "Part2" / "my_gan.py", *flags)
    assert message in said and "Traceback" not in said
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize(("flags", "message"), STUDY, ids=lambda each: " ".join(each) if isinstance(each, list) else "")
def test_gan_study(refusal, flags, message):
    said = refusal(ROOT / "Part2" / "gan_study" / "__main__.py", *flags)
    assert message in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_epochs": 2.0}, "n_epochs is 2.0; expected a whole number"),
        ({"n_epochs": True}, "n_epochs is True; expected a whole number"),
        ({"lr": "0.1"}, "lr is 0.1; expected a number"),
        ({"lr": None}, "lr is None; expected a number"),
        ({"bf16": 1}, "bf16 is 1; expected True or False"),
        ({"optimizer": "Adam"}, "optimizer is Adam; expected one of adam, rmsprop"),
    ],
)
def test_recipe(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**settings)


@pytest.mark.parametrize(("text", "pair"), [("3 -> 8", (3, 8)), ("3→8", (3, 8)), ("0 to 9", (0, 9)), (" 7,1 ", (7, 1))])
def test_pairs_that_are_understood(text, pair):
    assert quality.parse_pair(text) == pair


@pytest.mark.parametrize("content", [None, b"", b"no generator"])
def test_a_missing_or_broken_generator(tmp_path, content):
    path = tmp_path / "mnist_generator.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"mnist_generator.pt is (missing|not a generator).*gan_study"):
        quality.load_generator(path)


@pytest.mark.parametrize("content", [None, b"half", "other"])
def test_a_missing_or_broken_classifier(tmp_path, content):
    if content == "other":
        torch.save({}, tmp_path / "classifier_reporting.pt")
    elif content:
        (tmp_path / "classifier_reporting.pt").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"classifier_reporting.pt cannot be read .*gan_study classifiers"):
        load_classifier("reporting", tmp_path)
