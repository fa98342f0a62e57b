"""How long an epoch takes: the public script's way beside ours, the same updates, in turn on the same machine.

    python -m gan_study benchmark            results/benchmark.jsonl, unless up to date

The public script's way: a DataLoader over torchvision.datasets.MNIST that resizes, converts and normalises image by
image, D on real and on generated images apart, BCELoss after a sigmoid, a gradient into D also during G's step, unfused
Adam, float32. Ours is `my_gan.train` with the same recipe, ganpy-eps, in float32 and with bfloat16 products, and with
our own recipe. Times vary with the machine; take the ratios.
"""

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

import artifacts
import my_gan
from dataset import mnist
from recipes import DATASET, RECIPES, Recipe, asdict

WAYS = ("public script's way", "ours, float32", "ours, bfloat16", "ours, our recipe")
TRANSFORM = transforms.Compose([transforms.Resize(28), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])


def runs():
    """Seconds an epoch takes in the public script's way and in ours, in turn on the same machine"""
    public, own = (
        asdict(replace(RECIPES[name], n_epochs=1, save_interval=1_000_000, seed=0)) for name in ("ganpy-eps", "ours")
    )
    rounds = 1 if artifacts.SMOKE else 5
    yield artifacts.Run("epoch", {"recipe": public, "own": own, "dataset": DATASET, "rounds": rounds})


def pictures(dataset, data_root):
    """The training set as the public script has it: (image through TRANSFORM, label), one at a time."""
    if dataset == "mnist":
        mnist.download(data_root)
        return MNIST(data_root, train=True, transform=TRANSFORM)
    images, labels = mnist.load(dataset)
    return [(TRANSFORM(Image.fromarray(image.numpy())), label) for image, label in zip(images, labels, strict=True)]


def public_epoch(dataloader, discriminator, generator, optimizer_G, optimizer_D, rng):
    """An epoch in the public script's way; the order of the two updates is ours, so that results can be compared."""
    loss = torch.nn.BCELoss()
    for images, _ in dataloader:
        valid, fake = torch.ones(len(images), 1), torch.zeros(len(images), 1)
        generated = generator(torch.randn(len(images), generator.latent_dim, generator=rng))
        optimizer_D.zero_grad()
        loss_D = loss(discriminator(images), valid) + loss(discriminator(generated.detach()), fake)
        loss_D.backward()
        optimizer_D.step()
        optimizer_G.zero_grad()
        loss_G = loss(discriminator(generated), valid)
        loss_G.backward()
        optimizer_G.step()


def perform(config, data_root=mnist.HERE, **_):
    """{way: seconds of each round's epoch}, after a round to warm up; new networks for each epoch."""
    recipe = Recipe(**config["recipe"])
    images, labels = mnist.load(config["dataset"], "train", data_root)
    loader = DataLoader(pictures(config["dataset"], data_root), recipe.batch_size, shuffle=True)

    def public():
        (discriminator, generator, *_), rng = my_gan.build(recipe)
        optimizers = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, discriminator)]
        return lambda: public_epoch(loader, discriminator, generator, *optimizers, rng)

    def ours(settings):
        parts, rng = my_gan.build(settings)
        batches = mnist.Batches(images, labels, recipe.batch_size, rng, "cpu")
        folder = tempfile.TemporaryDirectory()
        return lambda: my_gan.train(batches, *parts, settings, rng, Path(folder.name))

    settings = replace(recipe, bf16=False), recipe, Recipe(**config["own"])
    ways = dict(zip(WAYS, (public, *(partial(ours, each) for each in settings)), strict=True))
    seconds = {way: [] for way in ways}
    for number in range(config["rounds"] + 1):
        for way, make in ways.items():
            epoch = make()
            began = time.perf_counter()
            epoch()
            if number > 0:
                seconds[way].append(round(time.perf_counter() - began, 2))
    return {"epoch_seconds": seconds}
