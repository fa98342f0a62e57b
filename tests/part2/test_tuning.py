"""The search over schedules and moving averages: its generators are those of trainings of their own, to the bit."""

import io
from dataclasses import asdict, replace

import pytest
import torch

import my_gan
from dataset import mnist
from gan_study import measures, tuning
from gan_study.classifier import load_classifier
from recipes import OURS

TOY = replace(OURS, dataset="digits", n_epochs=2, save_interval=1000, seed=0)
CONFIG = {"recipe": asdict(TOY), "decays": (0.0, 0.5, TOY.ema), "folder": "toy", "n_samples": 300}


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


def test_other_averages_have_a_folder_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "HERE", tmp_path)
    monkeypatch.setattr(tuning.artifacts, "fingerprint", lambda config, function: f"{config} {function.__name__}")

    def trained(config, work, *_):
        raise ValueError(work.path.name)

    monkeypatch.setattr(tuning, "trained", trained)
    names = []
    for decays in ((0.5,), (0.0,), (0.5,)):
        with pytest.raises(ValueError) as error:
            tuning.perform(CONFIG | {"decays": decays})
        names.append(str(error.value))
    assert names == ["toy_(0.5,) trained", "toy_(0.0,) trained", "toy_(0.5,) trained"]
