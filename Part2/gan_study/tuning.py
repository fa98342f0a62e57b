"""Other settings and moving averages than our recipe's, at full length, by the tuning classifier alone.

    python -m gan_study tuning              results/tuning.jsonl, unless up to date

The averages have no effect on a training, so one training follows several at once.
"""

import time

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import artifacts
import my_gan
from checkpoint import Folder
from dataset import mnist
from gan_study import measures
from gan_study.classifier import load_classifier
from recipes import HERE, Recipe


class Averages:
    """Moving averages of `generator`'s weights, one for each decay, made as in my_gan.train; decay 0: the weights.

    Each step of its `optimizer` updates them, and the optimiser's state_dict holds them, so that a training that goes
    on from a checkpoint goes on with them.
    """

    def __init__(self, generator, optimizer, decays):
        self.generator = generator
        self.averages = {decay: AveragedModel(generator, use_buffers=False) for decay in decays}
        optimizer.register_step_post_hook(self.update)
        optimizer.register_state_dict_post_hook(self.save)
        optimizer.register_load_state_dict_pre_hook(self.restore)

    def update(self, *_):
        for decay, average in self.averages.items():
            steps = average.n_averaged.item() + 1
            average.multi_avg_fn = get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))
            average.update_parameters(self.generator)

    def save(self, _, state):
        return state | {"averages": {str(decay): each.state_dict() for decay, each in self.averages.items()}}

    def restore(self, _, state):
        saved = state.pop("averages")
        for decay, each in self.averages.items():
            each.load_state_dict(saved[str(decay)])

    def generators(self):
        """{decay: the generator that a training by this decay would leave}."""
        return {decay: my_gan.averaged(each) if decay else each.module for decay, each in self.averages.items()}


def fade(recipe, generator, optimizer, left):
    """Before each batch sets R1's weight: it falls in step with the rate of `optimizer`, to `left` of it at rate 0."""
    full = recipe.r1

    def set_weight(*_):
        share = left + (1 - left) * optimizer.param_groups[0]["lr"] / recipe.lr
        object.__setattr__(recipe, "r1", full * share)  # a Recipe is frozen, but my_gan.train reads its weight from it

    generator.register_forward_pre_hook(set_weight)


def trained(config, work, data_root=mnist.HERE, device="cpu"):
    """({decay: generator} of the training by config["recipe"], which goes on in the Folder `work`; its history)."""
    recipe = Recipe(**config["recipe"])
    parts, rng = my_gan.build(recipe, device)
    averages = Averages(parts[1], parts[2], config["decays"])
    fade(recipe, parts[1], parts[2], config["r1_left"])
    dataloader = mnist.Batches(*mnist.load(recipe.dataset, "train", data_root), recipe.batch_size, rng, device)
    history = my_gan.train(dataloader, *parts, recipe, rng, work.path, resume=True)
    return averages.generators(), history


def perform(config, data_root=mnist.HERE, device="cpu", retrain=False):
    """{"frechet": {decay: Fréchet distance of its generator's samples, by the tuning classifier}, "seconds"}.

    The finished checkpoint stays in runs/study/: measuring again trains nothing. Its folder is named after all that
    determines it, since the checkpoint itself knows nothing of the averages.
    """
    name = f"{config['folder']}_{artifacts.fingerprint([config['decays'], config['r1_left']], trained)}"
    with Folder(HERE / "runs" / "study" / name, config["recipe"], my_gan.perform).alone() as work:
        if retrain or not work.resumable():
            work.clear()
        generators, history = trained(config, work, data_root, device)
    began, by = time.perf_counter(), load_classifier("tuning")
    training = mnist.normalise(mnist.load(config["recipe"]["dataset"], "train", data_root)[0])
    metric, found = measures.frechet_to(measures.features(by, training)[0]), {}
    for decay, generator in generators.items():
        samples = my_gan.sample(generator, config["n_samples"], seed=1)
        found[str(decay)] = measures.frechet(metric, measures.features(by, samples)[0])
    return {"frechet": found, "seconds": round(sum(history["epoch_seconds"]) + time.perf_counter() - began, 1)}
