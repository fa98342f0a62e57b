"""The GAN: shapes and ranges, whose gradients a step touches, tries apart from the record, interruption, bad input."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch
from conftest import ROOT, python
from torch.utils.data import DataLoader, TensorDataset

import artifacts
import my_gan

TINY = ("--dataset", "digits", "--n_epochs", "1", "--save_interval", "10")


def test_shapes_ranges_and_the_templates_widths():
    generator, discriminator = my_gan.Generator(), my_gan.Discriminator()
    images = generator(torch.randn(7, 100))
    assert images.shape == (7, 1, 28, 28) and images.abs().max() <= 1
    probabilities = discriminator(images)
    assert probabilities.shape == (7, 1) and probabilities.min() > 0 and probabilities.max() < 1
    torch.testing.assert_close(discriminator(images.flatten(1)), probabilities)
    torch.testing.assert_close(discriminator.logits(images).sigmoid(), probabilities)

    def widths(network):
        return [(layer.in_features, layer.out_features) for layer in network.net if isinstance(layer, torch.nn.Linear)]

    assert widths(generator) == [(100, 128), (128, 256), (256, 512), (512, 1024), (1024, 784)]
    assert widths(discriminator) == [(784, 512), (512, 256), (256, 1)]


def test_flags_are_the_templates():
    args = vars(my_gan.parse(["--n_epochs", "3", "--batch_size", "32", "--lr", "0.01", "--latent_dim", "50"]))
    assert args["save_interval"] == 500 and my_gan.parse([]).batch_size == 64 and my_gan.parse([]).latent_dim == 100
    assert args["changed"] == {"n_epochs": 3, "batch_size": 32, "lr": 0.01, "latent_dim": 50}


class Watched(torch.optim.SGD):
    """An optimiser that tells `seen` when it steps."""

    def __init__(self, network, seen):
        super().__init__(network.parameters(), lr=0.01)
        self.seen = seen

    def step(self):
        self.seen()
        super().step()


def test_a_step_of_one_network_leaves_the_others_gradients_alone(tmp_path):
    """Also the skeleton's own use: an ordinary DataLoader and the five arguments of `train`."""
    torch.manual_seed(0)
    generator, discriminator = my_gan.Generator(), my_gan.Discriminator()
    steps = []

    def gradients(network):
        return [None if p.grad is None else p.grad.clone() for p in network.parameters()]

    def d_steps():
        assert all(g is None for g in gradients(generator)) or steps[-1][0] == "G"
        if steps:  # G's gradients are still those of G's last step
            assert all(torch.equal(a, b) for a, b in zip(gradients(generator), steps[-1][1], strict=True))
        assert all(g is not None and g.abs().sum() > 0 for g in gradients(discriminator))
        steps.append(("D", gradients(discriminator)))

    def g_steps():
        assert all(torch.equal(a, b) for a, b in zip(gradients(discriminator), steps[-1][1], strict=True))
        assert all(g is not None for g in gradients(generator))
        steps.append(("G", gradients(generator)))

    images = TensorDataset(torch.rand(64, 1, 28, 28) * 2 - 1, torch.zeros(64, dtype=torch.long))
    before = generator.state_dict()["net.0.weight"].clone()
    args = my_gan.parse(["--n_epochs", "2", "--save_interval", "1"])
    optimizers = Watched(generator, g_steps), Watched(discriminator, d_steps)
    history = my_gan.train(
        DataLoader(images, 16, shuffle=True), discriminator, generator, *optimizers, args, out=tmp_path
    )
    assert [name for name, _ in steps] == ["D", "G"] * 8
    assert history["batches_done"] == [4, 8] and len(history["epoch_seconds"]) == 2
    assert not torch.equal(before, generator.state_dict()["net.0.weight"])
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(f"{n}.png" for n in range(1, 9))
    assert all(p.requires_grad for p in discriminator.parameters())


def test_the_skeletons_five_arguments_are_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(my_gan, "N_EPOCHS", 1)
    parts, _ = my_gan.build(my_gan.parse([]))
    images = TensorDataset(torch.rand(8, 1, 28, 28) * 2 - 1, torch.zeros(8))
    my_gan.train(DataLoader(images, 4), *parts)
    assert (tmp_path / "images" / "1.png").exists() and (tmp_path / "images" / "2.png").exists()


def test_the_average_is_the_average(tmp_path):
    """With decay 0 the shipped generator has G's own last weights; with one near 1 it stays near the first step's."""
    images = my_gan.mnist.load("digits")
    weights = {}
    for decay in ("0", "0.999999"):
        args = my_gan.parse([*TINY, "--ema", decay, "--no-bf16"])
        parts, rng = my_gan.build(args)
        before = parts[1].net[0].weight.detach().clone()
        dataloader = my_gan.mnist.Batches(*images, 64, rng, "cpu")
        my_gan.train(dataloader, *parts, args, rng, tmp_path)
        checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        weights[decay] = parts[1].net[0].weight.detach()
        last = checkpoint["G"]["net.0.weight"]
        if decay == "0":
            torch.testing.assert_close(weights[decay], last)
        else:
            assert (weights[decay] - before).norm() < 0.2 * (last - before).norm()


def test_a_non_finite_loss_stops(tmp_path):
    args = my_gan.parse([*TINY, "--lr", "1e30"])
    parts, rng = my_gan.build(args)
    dataloader = my_gan.mnist.Batches(*my_gan.mnist.load("digits"), 64, rng, "cpu")
    with pytest.raises(FloatingPointError, match="not finite"):
        my_gan.train(dataloader, *parts, args, rng, tmp_path)


def test_a_try_is_apart_from_the_record_and_is_not_repeated(part2):
    done = python("my_gan.py", *TINY, cwd=part2)
    assert done.returncode == 0, done.stderr
    out = part2 / "runs" / "n_epochs=1,save_interval=10,dataset=digits"
    assert {path.name for path in out.iterdir()} == {"gan.json", "images", "mnist_generator.pt"}
    assert {path.name for path in (out / "images").iterdir()} == {f"{n}.png" for n in (1, 10, 11, 20, 23)}
    assert not any((part2 / name).exists() for name in ("images", "results", "mnist_generator.pt"))
    state = torch.load(out / "mnist_generator.pt", weights_only=True)
    my_gan.Generator().load_state_dict(state)
    assert "up to date" in python("my_gan.py", *TINY, cwd=part2).stdout


def test_killed_trainings_resume_to_the_same_generator(part2):
    """kill -9 at random moments, one before the first checkpoint; --resume to the end gives the same, bit for bit."""
    flags = ("--dataset", "digits", "--n_epochs", "8", "--save_interval", "5")
    out = part2 / "runs" / "n_epochs=8,save_interval=5,dataset=digits"
    assert python("my_gan.py", *flags, cwd=part2).returncode == 0
    whole = torch.load(out / "mnist_generator.pt", weights_only=True)
    shutil.rmtree(out)

    rng, command = random.Random(0), [sys.executable, "my_gan.py", *flags, "--resume"]
    for line in ("training on", "epoch 2/8", "epoch 5/8"):
        with subprocess.Popen(command, cwd=part2, stdout=subprocess.PIPE, text=True) as process:
            assert any(line in output for output in process.stdout)
            time.sleep(rng.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
        if (out / "checkpoint.pt").exists():
            torch.load(out / "checkpoint.pt", weights_only=True)  # never half-written
    refused = python("my_gan.py", *flags, cwd=part2)  # neither --resume nor --retrain: nothing is thrown away
    assert refused.returncode != 0 and "--resume continues it" in refused.stderr
    done = python("my_gan.py", *flags, "--resume", cwd=part2)
    assert done.returncode == 0 and "epoch 5/8" not in done.stdout, done.stderr
    again = torch.load(out / "mnist_generator.pt", weights_only=True)
    assert whole.keys() == again.keys() and all(torch.equal(whole[name], again[name]) for name in whole)
    assert not (out / "checkpoint.pt").exists()


def test_an_interrupted_retraining_of_the_record_continues(part2):
    smoke = {**os.environ, "SMOKE": "1"}
    assert python("my_gan.py", cwd=part2, env=smoke).returncode == 0
    first = artifacts.sha256(part2 / "mnist_generator.pt"), (part2 / "results" / "gan.json").stat().st_mtime_ns
    command, pipe = [sys.executable, "my_gan.py", "--retrain"], subprocess.PIPE
    default = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job's children would ignore it
    with subprocess.Popen(command, cwd=part2, env=smoke, stdout=pipe, text=True, preexec_fn=default) as process:
        assert any("epoch 1/2" in output for output in process.stdout)
        process.send_signal(signal.SIGINT)
    assert process.returncode != 0 and first[0] == artifacts.sha256(part2 / "mnist_generator.pt")
    assert "--resume continues it" in python("my_gan.py", cwd=part2, env=smoke).stderr
    done = python("my_gan.py", "--resume", cwd=part2, env=smoke)
    assert done.returncode == 0 and "epoch 1/2" not in done.stdout and "epoch 2/2" in done.stdout
    assert first[0] == artifacts.sha256(part2 / "mnist_generator.pt")
    assert first[1] < (part2 / "results" / "gan.json").stat().st_mtime_ns
    (part2 / "images" / "1.png").unlink()  # what belongs to the record is made anew if it is gone
    assert "training on" in python("my_gan.py", cwd=part2, env=smoke).stdout
    assert (part2 / "images" / "1.png").exists()


def test_a_foreign_checkpoint_is_not_resumed(tmp_path):
    args = my_gan.parse([*TINY, "--resume"])
    parts, rng = my_gan.build(args)
    dataloader = my_gan.mnist.Batches(*my_gan.mnist.load("digits"), 64, rng, "cpu")
    for content in (b"half a file", None):
        if content is None:
            torch.save({"fingerprint": "another"}, tmp_path / "checkpoint.pt")
        else:
            (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(artifacts.ArtifactError, match=r"checkpoint.pt cannot be resumed .*--retrain"):
            my_gan.train(dataloader, *parts, args, rng, tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no generator"])
def test_a_missing_or_broken_generator_is_an_error(tmp_path, content):
    path = tmp_path / "mnist_generator.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(artifacts.ArtifactError, match=r"mnist_generator.pt is (missing|not a generator).*my_gan.py"):
        my_gan.load_generator(path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--n_epochs", "0"), "--n_epochs is 0; expected a number above 0"),
        (("--lr", "-1"), "--lr is -1.0"),
        (("--r1", "nan"), "--r1 is nan; expected a number from 0 on"),
        (("--batch_size", "1"), "--batch_size is 1; expected at least 2"),
        (("--device", "banana"), "--device is banana, which cannot be used here"),
        (("--beta1", "1"), "--beta1 is 1.0; expected a number from 0 to below 1"),
        (("--dataset", "cifar"), "invalid choice: 'cifar'"),
        (("--dataset", "digits", "--batch_size", "5000"), "batch_size is 5000; expected 1 to 1500"),
        (("--batch_size", "many"), "invalid int value: 'many'"),
    ],
)
def test_bad_flags_end_with_one_clear_error(part2, refusal, flags, message):
    assert message in refusal(part2 / "my_gan.py", *flags)


def test_the_shipped_generator_is_the_records():
    record = my_gan.record()
    assert record["files"]["../mnist_generator.pt"] == artifacts.sha256(ROOT / "Part2" / "mnist_generator.pt")
    assert record["config"]["n_epochs"] >= 30 and record["config"]["dataset"] == "mnist"
    grids = record["grids"]
    assert grids["start"] == 1 and 2 * grids["middle"] == grids["end"] == record["history"]["batches_done"][-1]
    my_gan.load_generator()
