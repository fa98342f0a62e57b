"""How long an epoch takes: the public script's way beside ours, the same updates, in turn on the same machine.

    python gan_benchmark.py            results/gan_benchmark.json, unless up to date; shows it as a table

The public script's way: a DataLoader over torchvision.datasets.MNIST that resizes, converts and normalises image by
image, D on real and on generated images apart, BCELoss after a sigmoid, a gradient into D also during G's step, unfused
Adam, float32. Ours is `my_gan.train` with the same recipe, ganpy-eps, in float32 and with bfloat16 products. Times vary
with the machine; take the ratios.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

import artifacts
import my_gan
from my_gan import DATASET, HERE, mnist

ARTIFACT = HERE / "results" / "gan_benchmark.json"
CONFIG = {"dataset": DATASET, "recipe": "ganpy-eps", "batch_size": 64, "rounds": 2 if artifacts.SMOKE else 5}
WAYS = ("public script's way", "ours, float32", "ours, bfloat16")
COMMAND = "python gan_benchmark.py"
TRANSFORM = transforms.Compose([transforms.Resize(28), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])


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


def measure(data_root):
    """{way: seconds of each round's epoch}, after a round to warm up; new networks for each epoch."""
    images, labels = mnist.load(DATASET, "train", data_root)
    flags = ["--recipe", CONFIG["recipe"], "--n_epochs", "1", "--save_interval", "1000000", "--device", "cpu"]
    loader = DataLoader(pictures(DATASET, data_root), CONFIG["batch_size"], shuffle=True)

    def public():
        (discriminator, generator, *_), rng = my_gan.build(my_gan.parse(flags))
        optimizers = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, discriminator)]
        return lambda: public_epoch(loader, discriminator, generator, *optimizers, rng)

    def ours(*more):
        args = my_gan.parse([*flags, *more])
        parts, rng = my_gan.build(args)
        batches = mnist.Batches(images, labels, args.batch_size, rng, "cpu")
        folder = tempfile.TemporaryDirectory()
        return lambda: my_gan.train(batches, *parts, args, rng, Path(folder.name))

    ways = dict(zip(WAYS, (public, lambda: ours("--no-bf16"), ours), strict=True))
    seconds = {way: [] for way in ways}
    for number in range(CONFIG["rounds"] + 1):
        for way, make in ways.items():
            epoch = make()
            began = time.perf_counter()
            epoch()
            if number > 0:
                seconds[way].append(round(time.perf_counter() - began, 2))
    return {"epoch_seconds": seconds}


CODE = artifacts.code(pictures, public_epoch, measure) + my_gan.CODE


def load():
    return artifacts.read(ARTIFACT, CONFIG, CODE, COMMAND)


def medians():
    """{way: median seconds of an epoch}."""
    return {way: median(seconds) for way, seconds in load()["epoch_seconds"].items()}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="measure even if the artifact is up to date")
    parser.add_argument("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw")
    args = parser.parse_args(argv)
    if args.again or not artifacts.is_current(ARTIFACT, CONFIG, CODE):
        artifacts.prepare(ARTIFACT)
        began = time.perf_counter()
        results = measure(args.data_root)
        artifacts.write(ARTIFACT, CONFIG, CODE, time.perf_counter() - began, **results)
    print(f"{'an epoch, median':22}  seconds   of the public script's way")
    for way, seconds in medians().items():
        print(f"{way:22} {seconds:8.2f}   1/{medians()[WAYS[0]] / seconds:.2f}")


if __name__ == "__main__":
    try:
        main()
    except (mnist.DataError, artifacts.ArtifactError, OSError) as error:
        sys.exit(f"gan_benchmark.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\ngan_benchmark.py: interrupted; nothing was written")
