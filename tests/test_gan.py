"""The GAN: shapes and ranges, whose gradients a step touches, tries apart from the record, interruption, bad input."""

import json
import os
import random
import resource
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
import networks
import recipes

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
    monkeypatch.setitem(recipes.RECIPES["ours"], "n_epochs", 1)
    parts, _ = my_gan.build(my_gan.parse([]))
    images = TensorDataset(torch.rand(8, 1, 28, 28) * 2 - 1, torch.zeros(8))
    my_gan.train(DataLoader(images, 4), *parts)
    assert (tmp_path / "images" / "1.png").exists() and (tmp_path / "images" / "2.png").exists()


def test_the_average_is_the_average(tmp_path):
    """Recomputed from G's weights after each of its steps: decay 0.7, but at first (1 + n) / (10 + n)."""
    torch.manual_seed(0)
    generator, discriminator = my_gan.Generator(), my_gan.Discriminator()
    weights = []
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (generator, discriminator)]
    optimizers[0].register_step_post_hook(lambda *_: weights.append(generator.net[0].weight.detach().clone()))
    images = TensorDataset(torch.rand(160, 1, 28, 28) * 2 - 1, torch.zeros(160))
    args = my_gan.parse(["--n_epochs", "3", "--ema", "0.7"])
    my_gan.train(DataLoader(images, 8), discriminator, generator, *optimizers, args, out=tmp_path)
    expected = weights[0]
    for n, weight in enumerate(weights[1:], 2):
        expected = torch.lerp(expected, weight, 1 - min(0.7, (1 + n) / (10 + n)))
    assert len(weights) == 60 and not torch.allclose(expected, weights[-1])
    torch.testing.assert_close(generator.net[0].weight.detach(), expected)


def test_two_logits_are_one_sigmoid():
    """A cross-entropy over (fake, real) is the loss of the difference, in value and gradient."""
    discriminator, images = my_gan.Discriminator(outputs=2), torch.rand(5, 1, 28, 28)
    both = discriminator.net(images.flatten(1))
    expected = torch.nn.functional.cross_entropy(both, torch.ones(5, dtype=torch.long))
    ours = torch.nn.functional.softplus(-discriminator.logits(images)).mean()
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(discriminator(images)[:, 0], both.softmax(1)[:, 1])
    weight = discriminator.net[0].weight
    torch.testing.assert_close(*(torch.autograd.grad(loss, weight, retain_graph=True) for loss in (ours, expected)))


def test_a_discriminator_that_reads_black_as_0_is_the_templates_with_other_biases():
    ours, template = networks.ZeroBlackDiscriminator(), my_gan.Discriminator()
    template.load_state_dict(ours.state_dict())
    images = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert not torch.allclose(ours(images), template(images), atol=1e-3)
    with torch.no_grad():
        template.net[0].bias += template.net[0].weight.sum(1)
    torch.testing.assert_close(ours(images), template(images))
    black, grey = (my_gan.code(my_gan.parse(["--networks", name])) for name in ("zero-black", "template"))
    assert len(black) == len(grey) + 1  # what it alone runs is in its fingerprint


def test_C3s_networks_and_its_rule():
    args = my_gan.parse(["--recipe", "C3"])
    (discriminator, generator, optimizer_G, _), _ = my_gan.build(args)
    images = generator(torch.randn(4, 100))
    assert images.shape == (4, 1, 28, 28) and images.min() >= -1 and images.max() <= 1
    assert discriminator(images).shape == (4, 1) and isinstance(optimizer_G, torch.optim.RMSprop)
    linear = [layer.out_features for layer in discriminator.net if isinstance(layer, torch.nn.Linear)]
    assert linear == [1024, 512, 256, 1]
    loss_D, l_fake = torch.tensor(1.3), torch.tensor([[0.2], [-0.4]])
    loss_G = torch.nn.functional.binary_cross_entropy_with_logits(l_fake, torch.ones(2, 1))
    expected = loss_D.exp() / (loss_D.exp() + loss_G.exp())
    torch.testing.assert_close(my_gan.share_of_D(loss_D, l_fake), expected)


def test_the_r1_penalty_is_the_squared_gradient():
    discriminator, images = my_gan.Discriminator().double(), torch.rand(3, 1, 28, 28, dtype=torch.double)
    step, found, single = 1e-6, my_gan.r1(discriminator, images).item(), []
    for image in images:  # g's squared norm is the directional derivative along g: by finite differences
        x = image[None].clone().requires_grad_()
        (g,) = torch.autograd.grad(discriminator.logits(x).sum(), x)
        with torch.no_grad():
            slope = (discriminator.logits(x + step * g) - discriminator.logits(x - step * g)) / (2 * step)
        single.append(slope.item())
    assert found == pytest.approx(sum(single) / 3, rel=1e-4)


def test_a_non_finite_loss_stops(tmp_path):
    args = my_gan.parse([*TINY, "--lr", "1e30"])
    parts, rng = my_gan.build(args)
    dataloader = my_gan.mnist.Batches(*my_gan.mnist.load("digits"), 64, rng, "cpu")
    with pytest.raises(FloatingPointError, match="not finite"):
        my_gan.train(dataloader, *parts, args, rng, tmp_path)


def test_a_nan_leaves_the_last_good_state(part2):
    """Images that turn NaN in the third epoch: one message, and the checkpoint of the second is kept."""
    broken = "import sys, my_gan; ask = my_gan.mnist.normalise; calls = [0]\n"
    broken += (
        "def normalise(images):\n    calls[0] += 1\n    return ask(images) * (float('nan') if calls[0] > 60 else 1)\n"
    )
    broken += "my_gan.mnist.normalise = normalise\n"
    broken += "my_gan.main(['--dataset', 'digits', '--n_epochs', '5'])\n"
    done = python("-c", broken, cwd=part2)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "not finite" in done.stderr and "the last good state" in done.stderr
    (out,) = (part2 / "runs").glob("*/")
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["at"]["epoch"] == 2 and all(value.isfinite().all() for value in state["G"].values())


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


FLAGS = ("--dataset", "digits", "--n_epochs", "8", "--save_interval", "5")
OUT = "runs/n_epochs=8,save_interval=5,dataset=digits"
DEFAULT = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a background job's children ignore it


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training's folder."""
    folder = tmp_path_factory.mktemp("whole") / "Part2"
    ignore = shutil.ignore_patterns("results", "images", "runs", "MNIST", "*.pt", "*.ipynb", "*.pdf", "__pycache__")
    shutil.copytree(ROOT / "Part2", folder, ignore=ignore)
    assert python("my_gan.py", *FLAGS, cwd=folder).returncode == 0
    return folder / OUT


def is_the_same(out, whole):
    """Whether two trainings ended in the same generator, bit for bit, the same pictures and the same curves."""
    a, b = (torch.load(folder / "mnist_generator.pt", weights_only=True) for folder in (out, whole))
    pictures = [sorted((folder / "images").iterdir()) for folder in (out, whole)]
    curves = [json.loads((folder / "gan.json").read_text())["history"] for folder in (out, whole)]
    assert not (out / "checkpoint.pt").exists()
    return (
        a.keys() == b.keys()
        and all(torch.equal(a[name], b[name]) for name in a)
        and [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]
        and all(curves[0][name] == curves[1][name] for name in ("batches_done", "loss_D", "loss_G", "D_x", "D_G_z"))
    )


def test_ten_kills_change_nothing(part2, whole):
    """kill -9 before the first checkpoint, in the middle of writing one, and at random moments; then to the end."""
    out, rng, mid_write = part2 / OUT, random.Random(0), 0
    for kill in range(10):
        command = [sys.executable, "my_gan.py", *FLAGS, "--resume"]
        with subprocess.Popen(command, cwd=part2, stdout=subprocess.PIPE, text=True) as process:
            assert any("training on" in line for line in process.stdout)
            if kill in (3, 6, 9):
                while process.poll() is None and not list(out.glob(".checkpoint-*")):
                    time.sleep(0.0005)
            else:
                time.sleep(rng.uniform(0, 1.2 if kill else 0))
            process.kill()
        mid_write += bool(list(out.glob(".checkpoint-*")))
        if (out / "checkpoint.pt").exists():
            torch.load(out / "checkpoint.pt", weights_only=True)  # never half-written
    assert mid_write > 0
    if (out / "checkpoint.pt").exists():
        refused = python("my_gan.py", *FLAGS, cwd=part2)  # neither --resume nor --retrain: nothing is thrown away
        assert refused.returncode != 0 and "--resume continues it" in refused.stderr
    done = python("my_gan.py", *FLAGS, "--resume", cwd=part2)
    assert done.returncode == 0, done.stderr
    assert is_the_same(out, whole) and not list(out.glob(".*"))


def test_ctrl_c_saves_within_an_epoch_and_says_how_to_go_on(part2, whole):
    out, rng, saved = part2 / OUT, random.Random(1), []
    for _ in range(3):
        command = [sys.executable, "my_gan.py", *FLAGS, "--resume"]
        options = {"cwd": part2, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, preexec_fn=DEFAULT, **options) as process:
            assert any("epoch" in line for line in process.stdout)
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGINT)
            _, error = process.communicate()
        if process.returncode == 0:
            break  # it was done before
        assert "--resume goes on" in error and "Traceback" not in error
        at = torch.load(out / "checkpoint.pt", weights_only=True)["at"]
        saved.append((at["epoch"], at["batch"]))
    assert saved == sorted(saved) and any(batch > 0 for _, batch in saved)
    assert python("my_gan.py", *FLAGS, "--resume", cwd=part2).returncode == 0
    assert is_the_same(out, whole)


def test_an_interrupted_retraining_of_the_record_continues(part2):
    smoke = {**os.environ, "SMOKE": "1"}
    assert python("my_gan.py", cwd=part2, env=smoke).returncode == 0
    first = artifacts.sha256(part2 / "mnist_generator.pt"), (part2 / "results" / "gan.json").stat().st_mtime_ns
    command, pipe = [sys.executable, "my_gan.py", "--retrain"], subprocess.PIPE
    with subprocess.Popen(command, cwd=part2, env=smoke, stdout=pipe, text=True, preexec_fn=DEFAULT) as process:
        assert any("epoch 1/2" in output for output in process.stdout)
        process.send_signal(signal.SIGINT)
    assert process.returncode != 0 and first[0] == artifacts.sha256(part2 / "mnist_generator.pt")
    assert "--resume continues it" in python("my_gan.py", cwd=part2, env=smoke).stderr
    done = python("my_gan.py", "--resume", cwd=part2, env=smoke)
    assert done.returncode == 0 and "epoch 1/2" not in done.stdout and "epoch 2/2" in done.stdout
    assert first[0] == artifacts.sha256(part2 / "mnist_generator.pt")
    assert first[1] < (part2 / "results" / "gan.json").stat().st_mtime_ns
    (part2 / "images" / "1.png").unlink()  # what belongs to the record is made anew if it is gone
    assert python("my_gan.py", cwd=part2, env=smoke).returncode == 0
    assert (part2 / "images" / "1.png").exists()


def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(part2):
    """A limit on the size of files stands for the full disk."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (2**20, 2**20))
    done = python("my_gan.py", *TINY, cwd=part2, preexec_fn=limit)
    assert done.returncode == 1 and done.stderr.startswith("my_gan.py: ") and "Traceback" not in done.stderr
    (out,) = (part2 / "runs").glob("*/")
    assert {path.name for path in out.iterdir()} == {"images"}


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
        (("--recipe", "banana"), "invalid choice: 'banana'"),
        (("--bn_eps", "nan"), "--bn_eps is nan; expected a number above 0"),
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
