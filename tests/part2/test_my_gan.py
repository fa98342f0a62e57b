"""The GAN as a page: shapes and ranges, whose gradients a step touches, the average, R1, annealing, recipes."""

import inspect
import itertools
from dataclasses import replace

import pytest
import torch
from common import ROOT
from torch.utils.data import DataLoader, TensorDataset

import checkpoint
import closure
import my_gan
import recipes
from dataset import mnist
from gan_study import networks
from recipes import OURS, RECIPES, Recipe, parse

TINY = replace(OURS, dataset="digits", n_epochs=1, save_interval=10)


def widths(network):
    """The outputs of its linear layers."""
    return [layer.out_features for layer in network.net if isinstance(layer, torch.nn.Linear)]


def test_shapes_ranges_and_the_templates_widths():
    generator, discriminator = my_gan.Generator(), my_gan.Discriminator()
    images = generator(torch.randn(7, 100))
    assert images.shape == (7, 1, 28, 28) and images.abs().max() <= 1
    probabilities = discriminator(images)
    assert probabilities.shape == (7, 1) and probabilities.min() > 0 and probabilities.max() < 1
    torch.testing.assert_close(discriminator(images.flatten(1)), probabilities)
    torch.testing.assert_close(discriminator.logits(images).sigmoid(), probabilities)
    assert widths(generator) == [128, 256, 512, 1024, 784] and widths(discriminator) == [512, 256, 1]


def test_the_page_is_a_page():
    text = (ROOT / "Part2" / "my_gan.py").read_text()
    assert len(text.splitlines()) <= 220
    at_top = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert not any("gan_study" in line for line in at_top)
    for step in (my_gan.step_D, my_gan.step_G):
        assert len(inspect.getsource(step).splitlines()) <= 16


def test_flags_are_the_templates():
    flags = parse(["--n_epochs", "3", "--batch_size", "32", "--lr", "0.01", "--latent_dim", "50"])
    assert flags.recipe == replace(OURS, n_epochs=3, batch_size=32, lr=0.01, latent_dim=50)
    assert parse([]).recipe == OURS
    assert (Recipe().n_epochs, Recipe().batch_size, Recipe().lr, Recipe().latent_dim) == (200, 64, 2e-4, 100)
    assert Recipe().save_interval == OURS.save_interval == 500
    assert parse(["--no-bf16"]).recipe == replace(OURS, bf16=False)
    assert parse(["--recipe", "ganpy", "--n_epochs", "15"]).recipe == replace(RECIPES["ganpy"], n_epochs=15)


def test_every_flag_has_a_line_of_help(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out
    assert set(recipes.HELP) == set(Recipe.__dataclass_fields__)
    assert all(f"--{name}" in shown for name in recipes.HELP)


def test_equal_settings_are_equal_recipes():
    assert recipes.asdict(Recipe(ema=0)) == recipes.asdict(Recipe(ema=0.0)) and Recipe(ema=0).ema.__class__ is float


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
    recipe = replace(OURS, n_epochs=2, save_interval=1, ema=0)
    optimizers = Watched(generator, g_steps), Watched(discriminator, d_steps)
    history = my_gan.train(
        DataLoader(images, 16, shuffle=True), discriminator, generator, *optimizers, recipe, out=tmp_path
    )
    assert [name for name, _ in steps] == ["D", "G"] * 8
    assert history["batches_done"] == [4, 8] and len(history["epoch_seconds"]) == 2
    assert not torch.equal(before, generator.state_dict()["net.0.weight"])
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(f"{n}.png" for n in range(1, 9))
    assert all(p.requires_grad for p in discriminator.parameters())


def test_the_skeletons_five_arguments_are_enough(tmp_path, monkeypatch):
    """And they mean the template's loop: no average, no penalty, as long as it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(my_gan, "Recipe", lambda: Recipe(n_epochs=1))
    parts, _ = my_gan.build(Recipe())
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
    recipe = replace(OURS, n_epochs=3, ema=0.7)
    my_gan.train(DataLoader(images, 8), discriminator, generator, *optimizers, recipe, out=tmp_path)
    expected = weights[0]
    for n, weight in enumerate(weights[1:], 2):
        expected = torch.lerp(expected, weight, 1 - min(0.7, (1 + n) / (10 + n)))
    assert len(weights) == 60 and not torch.allclose(expected, weights[-1])
    torch.testing.assert_close(generator.net[0].weight.detach(), expected)


def test_two_logits_are_one_sigmoid():
    """A cross-entropy over (fake, real) is the loss of the difference, in value and gradient."""
    discriminator, images = networks.TwoOutputDiscriminator(), torch.rand(5, 1, 28, 28)
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


def test_C3s_networks_and_its_rule():
    (discriminator, generator, optimizer_G, _), _ = my_gan.build(RECIPES["C3"])
    images = generator(torch.randn(4, 100))
    assert images.shape == (4, 1, 28, 28) and images.min() >= -1 and images.max() <= 1
    assert discriminator(images).shape == (4, 1) and isinstance(optimizer_G, torch.optim.RMSprop)
    assert widths(discriminator) == [1024, 512, 256, 1]
    loss_D, l_fake = torch.tensor(1.3), torch.tensor([[0.2], [-0.4]])
    loss_G = torch.nn.functional.binary_cross_entropy_with_logits(l_fake, torch.ones(2, 1))
    expected = loss_D.exp() / (loss_D.exp() + loss_G.exp())
    torch.testing.assert_close(recipes.share_of_D(loss_D, l_fake), expected)


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


def loader(recipe, rng):
    return mnist.Batches(*mnist.load("digits"), recipe.batch_size, rng, "cpu")


def test_a_non_finite_loss_stops(tmp_path):
    recipe = replace(TINY, lr=1e30)
    parts, rng = my_gan.build(recipe)
    with pytest.raises(FloatingPointError, match="not finite"):
        my_gan.train(loader(recipe, rng), *parts, recipe, rng, tmp_path)


def rates(recipe, out, n_batches=10):
    """The learning rates that the optimisers step with, batch by batch."""
    parts, rng = my_gan.build(recipe)
    seen = {"G": [], "D": []}
    for name, optimizer in zip("GD", parts[2:], strict=True):
        optimizer.register_step_pre_hook(lambda each, *_, to=seen[name]: to.append(each.param_groups[0]["lr"]))
    images = [(torch.rand(4, 1, 28, 28) * 2 - 1, None) for _ in range(n_batches)]
    my_gan.train(images, *parts, recipe, rng, out)
    return seen


def test_annealed_rates_are_constant_and_then_fall_linearly_to_zero(tmp_path):
    seen = rates(replace(OURS, n_epochs=2, anneal=0.5, ema=0), tmp_path)
    expected = [1e-3 * min(1.0, (20 - n) / 10) for n in range(20)]
    assert seen["G"] == pytest.approx(expected) and seen["D"] == pytest.approx(expected)
    assert rates(replace(OURS, n_epochs=1, anneal=0, ema=0), tmp_path)["G"] == pytest.approx(
        [1e-4 * n for n in range(10, 0, -1)]
    )
    assert set(rates(replace(OURS, n_epochs=1, anneal=1, ema=0), tmp_path)["G"]) == {1e-3}  # exactly constant


class Stops:
    """A dataloader that is interrupted, as by Ctrl-C, at its n-th batch."""

    def __init__(self, batches, n):
        self.batches, self.left = batches, n

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            self.left -= 1
            if self.left == 0:
                checkpoint.signal.raise_signal(checkpoint.signal.SIGINT)
            yield batch


@pytest.mark.parametrize(
    ("name", "changes", "at"),
    [("ours", {}, 30), ("ours", {"anneal": 0.3, "n_epochs": 1}, 17), ("C3", {"anneal": 0.5}, 40)],
)
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path, name, changes, at):
    recipe = replace(RECIPES[name], **{"dataset": "digits", "n_epochs": 2, "save_interval": 40, "seed": 1, **changes})
    ends = []
    for folder, stop in (("whole", None), ("parts", at)):
        for resume in (False, True) if stop else (False,):
            parts, rng = my_gan.build(recipe)
            data = loader(recipe, rng)
            data = Stops(data, stop) if stop and not resume else data
            try:
                history = my_gan.train(data, *parts, recipe, rng, tmp_path / folder, resume=resume)
            except KeyboardInterrupt:
                assert checkpoint.unseal(tmp_path / folder / "checkpoint.pt")["at"]["batch"] == at % 23
        state = checkpoint.unseal(tmp_path / folder / "checkpoint.pt")
        pictures = [path.read_bytes() for path in sorted((tmp_path / folder / "images").iterdir())]
        ends.append((state, parts[1].state_dict(), history, pictures))
    (a, G, history, pictures), (b, other, history_2, pictures_2) = ends
    assert all(torch.equal(G[key], other[key]) for key in G) and pictures == pictures_2
    assert all(history[key] == history_2[key] for key in checkpoint.SERIES)
    assert ("schedule_G" in a) == (recipe.anneal < 1)
    for key in ("opt_G", "opt_D", *(["schedule_G", "schedule_D"] if recipe.anneal < 1 else [])):
        assert repr(a[key]) == repr(b[key])
    assert torch.equal(a["random"]["rng"], b["random"]["rng"])


def test_a_resumed_training_needs_the_same_code_and_settings(tmp_path, monkeypatch):
    """Another discriminator, of a recipe's own, is other code, although no line of my_gan.py has changed."""
    parts, rng = my_gan.build(TINY)
    my_gan.train(loader(TINY, rng), *parts, TINY, rng, tmp_path)
    fingerprint = checkpoint.artifacts.fingerprint
    definitions = closure.definitions(my_gan.perform)
    assert {"gan_study.networks.ZeroBlackDiscriminator", "gan_study.networks.NETWORKS"} <= set(definitions)
    other = replace(TINY, lr=2e-3)
    with pytest.raises(checkpoint.artifacts.ArtifactError, match=r"cannot be resumed .*other settings or other code"):
        my_gan.train(loader(other, rng), *parts, other, rng, tmp_path, resume=True)
    monkeypatch.setattr(checkpoint.artifacts, "fingerprint", lambda *each: fingerprint(*each)[::-1])
    with pytest.raises(checkpoint.artifacts.ArtifactError, match=r"other settings or other code.*--retrain"):
        my_gan.train(loader(TINY, rng), *parts, TINY, rng, tmp_path, resume=True)


@pytest.mark.parametrize("where", [0.01, 0.3, 0.5, 0.7, 0.99])
def test_one_flipped_bit_in_a_checkpoint_is_refused(tmp_path, where):
    parts, rng = my_gan.build(TINY)
    path = tmp_path / "checkpoint.pt"
    checkpoint.Checkpoint(path, {"G": parts[1], "D": parts[0]}, rng, {}, my_gan.perform).save()
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(checkpoint.artifacts.ArtifactError, match=r"checkpoint.pt cannot be resumed"):
        checkpoint.Checkpoint(path, {"G": parts[1], "D": parts[0]}, rng, {}, my_gan.perform, resume=True)


def test_names_of_folders_are_short_and_of_one_recipe_each():
    known = [*RECIPES.values(), *(replace(OURS, n_epochs=n) for n in (5, 7)), replace(RECIPES["ganpy"], n_epochs=15)]
    changes = {"lr": 0.123456789, "beta1": 0.5, "beta2": 0.9, "ema": 0.9, "r1": 3.0, "batch_size": 128, "latent_dim": 7}
    changes |= {
        "n_epochs": 9,
        "r1_interval": 3,
        "save_interval": 7,
        "log_interval": 3,
        "seed": 2**63 - 1,
        "anneal": 0.1,
    }
    known += [replace(OURS, balanced=True, **changes), replace(OURS, bf16=False, **changes)]
    names = [recipes.folder(recipe).name for recipe in known]
    assert len(set(names)) == len(names) and max(map(len, names)) <= 120
    assert "ours,n_epochs=5" in names and "ganpy,n_epochs=15" in names and "ours" in names


def test_recipes_differ_as_they_are_said_to():
    configs = {name: recipes.asdict(replace(recipe, seed=0)) for name, recipe in RECIPES.items()}

    def difference(a, b):
        return {key for key in configs[a] if configs[a][key] != configs[b][key]}

    assert difference("ganpy", "ganpy-eps") == {"bn_eps"} and configs["ganpy"]["bn_eps"] == 0.8
    assert difference("template", "ganpy-eps") == {"beta1"}
    assert difference("template", "D2") == {"networks"}
    assert difference("template", "C3") == {"networks", "optimizer", "lr", "balanced", "bf16"}
    assert {config["batch_size"] for config in configs.values()} == {64}
    theirs, ours = (my_gan.build(RECIPES[name])[0][:2] for name in ("template", "ours"))
    for one, other in zip(theirs, ours, strict=True):
        assert [str(layer) for layer in one.net] == [str(layer) for layer in other.net]
    generator = my_gan.build(RECIPES["ganpy"])[0][1]
    assert {layer.eps for layer in generator.net if "BatchNorm" in type(layer).__name__} == {0.8}
    assert widths(networks.TwoOutputDiscriminator()) == [512, 256, 2]


def test_no_two_samples_seeds_are_alike():
    generator = my_gan.Generator()
    images = [my_gan.sample(generator, 4, seed) for seed in (0, 1, 0)]
    assert torch.equal(images[0], images[2]) and not any(torch.equal(a, b) for a, b in itertools.pairwise(images))
