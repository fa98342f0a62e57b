"""The search over settings and moving averages: its generators are those of trainings of their own, to the bit."""

import io
from dataclasses import asdict, replace

import pytest
import torch

import my_gan
from checkpoint import Folder
from dataset import mnist
from gan_study import measures, tuning
from gan_study.classifier import load_classifier
from recipes import OURS

TOY = replace(OURS, dataset="digits", n_epochs=2, save_interval=1000, seed=0)
CONFIG = {"recipe": asdict(TOY), "r1_left": 1.0, "decays": (0.0, 0.5, TOY.ema), "folder": "toy", "n_samples": 300}


@pytest.fixture
def alone(tmp_path):
    """{decay: the weights of a training of its own}."""
    found = {}
    for decay in CONFIG["decays"]:
        results = my_gan.perform(asdict(replace(TOY, ema=decay)), tmp_path / f"alone{decay}")
        found[decay] = torch.load(io.BytesIO(results["mnist_generator.pt"]), weights_only=True)
    weights = [each["net.0.weight"] for each in found.values()]
    assert not any(torch.equal(weights[i], weights[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    return found


@pytest.mark.slow
def test_interrupted_and_resumed_each_generator_is_that_of_a_training_of_its_own(tmp_path, alone, monkeypatch):
    monkeypatch.setattr(tuning, "HERE", tmp_path)
    trained, update, batches, seen = tuning.trained, tuning.Averages.update, 0, []
    monkeypatch.setattr(tuning, "trained", lambda *arguments: seen.append(trained(*arguments)) or seen[-1])
    monkeypatch.setattr(tuning.artifacts, "fingerprint", lambda *_: "same")

    def interrupted(self, *_):
        nonlocal batches
        batches += 1
        if batches == 30:  # of 46
            raise KeyboardInterrupt
        update(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="is saved"):
        patch.setattr(tuning.Averages, "update", interrupted)
        tuning.perform(CONFIG)
    found = tuning.perform(CONFIG)["frechet"]
    (generators, history), *_ = seen
    assert len(history["epoch_seconds"]) == 2
    by, training = load_classifier("tuning"), mnist.normalise(mnist.load("digits", "train")[0])
    metric = measures.frechet_to(measures.features(by, training)[0])
    for decay, generator in generators.items():
        torch.testing.assert_close(generator.state_dict(), alone[decay], rtol=0, atol=0)
        samples = my_gan.sample(generator, CONFIG["n_samples"], seed=1)
        assert found[str(decay)] == pytest.approx(measures.frechet(metric, measures.features(by, samples)[0]))

    with monkeypatch.context() as patch:  # measured again without a step
        patch.setattr(my_gan, "step_G", None)
        assert tuning.perform(CONFIG)["frechet"] == found
    (checkpoint,) = tmp_path.glob("runs/study/toy_same/checkpoint.pt")
    checkpoint.write_bytes(b"damaged")
    assert tuning.perform(CONFIG)["frechet"] == found
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr(my_gan, "step_G", None)
        tuning.perform(CONFIG, retrain=True)


def test_other_averages_and_penalties_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "HERE", tmp_path)
    monkeypatch.setattr(tuning.artifacts, "fingerprint", lambda config, function: f"{config} {function.__name__}")

    def trained(config, work, *_):
        raise ValueError(work.path.name)

    monkeypatch.setattr(tuning, "trained", trained)
    names = []
    for changes in ({"decays": (0.5,)}, {"decays": (0.0,)}, {"decays": (0.5,)}, {"decays": (0.5,), "r1_left": 0.1}):
        with pytest.raises(ValueError) as error:
            tuning.perform(CONFIG | changes)
        names.append(str(error.value))
    assert names == [f"toy_[{those}] trained" for those in ("(0.5,), 1.0", "(0.0,), 1.0", "(0.5,), 1.0", "(0.5,), 0.1")]


def test_the_penalty_falls_with_the_rates_in_a_resumed_training_too(tmp_path, monkeypatch):
    step, seen, stop = my_gan.step_D, [], 30

    def noting(discriminator, optimizer, real, fake, recipe, *others):
        if len(seen) == stop:
            raise KeyboardInterrupt
        seen.append((recipe.r1, optimizer.param_groups[0]["lr"]))
        return step(discriminator, optimizer, real, fake, recipe, *others)

    monkeypatch.setattr(my_gan, "step_D", noting)
    recipe = replace(TOY, anneal=0.0)
    config = CONFIG | {"recipe": asdict(recipe), "r1_left": 0.1}
    work = Folder(tmp_path, config["recipe"], my_gan.perform)
    with pytest.raises(KeyboardInterrupt):
        tuning.trained(config, work)
    del seen[23:]  # what follows the checkpoint after the first epoch is done again
    stop = None
    tuning.trained(config, work)
    weights, rates = zip(*seen, strict=True)
    assert len(weights) == 46 and rates[0] == TOY.lr and rates[-1] == pytest.approx(TOY.lr / 46)
    assert weights == pytest.approx([TOY.r1 * (0.1 + 0.9 * rate / TOY.lr) for rate in rates])
    assert weights[-1] < weights[23] < weights[22] < TOY.r1 == weights[0]
