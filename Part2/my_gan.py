"""A fully connected GAN on MNIST: the template's networks and interface, trained to be sampled.

    python my_gan.py --retrain                        our recipe; shipped if its bits are those that were measured
    python my_gan.py --n_epochs 5                     a training of a minute or two, in a folder of its own in runs/
    python my_gan.py --recipe ganpy --n_epochs 15     a published recipe; see recipes.py

Objective (Goodfellow et al. 2014): min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], z ~ N(0, I); G's step minimises the
non-saturating -log D(G(z)). With logits l = logit(D), -log D = softplus(-l) and -log(1 - D) = softplus(l).

What our recipe adds to the template's loop:
    annealing   both learning rates are constant for the first half of training and then fall linearly to 0
    EMA         what is sampled is an exponential moving average of G's weights (Yazici et al. 2019)
    R1          every so often D also pays for its gradient at real images (Mescheder et al. 2018; Karras et al. 2020)
    bf16        products in bfloat16, for speed, as in all recipes but one; all else stays float32
"""

import copy
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from checkpoint import Checkpoint, Folder, artifacts, packed, save_grid
from dataset import mnist
from recipes import HERE, OURS, Recipe, annealing, folder, optimizer, parse, share_of_D


class Generator(nn.Module):
    """z (batch, latent_dim), standard Normal -> images (batch, 1, 28, 28) in [-1, 1]."""

    def __init__(self, latent_dim=100, bn_eps=1e-5):
        super().__init__()
        self.latent_dim = latent_dim
        self.net = nn.Sequential(
            nn.Linear(latent_dim, 128),
            nn.LeakyReLU(0.2),
            nn.Linear(128, 256),
            nn.BatchNorm1d(256, bn_eps),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 512),
            nn.BatchNorm1d(512, bn_eps),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 1024),
            nn.BatchNorm1d(1024, bn_eps),
            nn.LeakyReLU(0.2),
            nn.Linear(1024, 784),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.net(z).view(-1, 1, 28, 28)


class Discriminator(nn.Module):
    """images (batch, 1, 28, 28) or (batch, 784) -> the probability (batch, 1) that each is real."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(784, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
        )

    def logits(self, images):
        return self.net(images.flatten(1))

    def forward(self, images):
        return torch.sigmoid(self.logits(images))


def train(
    dataloader, discriminator, generator, optimizer_G, optimizer_D, recipe=None, rng=None, out=None, resume=False
):
    """Trains both networks as `recipe` says and leaves what is to be sampled in `generator`; returns the history.

    `dataloader` yields (images (batch, 1, 28, 28) in [-1, 1], labels), `rng` draws the noise; networks as above, with
    `logits` and `latent_dim`. No `recipe`: the template's settings, in bfloat16. Writes to `out` (the current folder):
    images/{batches_done}.png after the first batch, halfway, at the end and every recipe.save_interval; checkpoint.pt.
    Raises FloatingPointError if a loss or weight is no longer finite, KeyboardInterrupt at Ctrl-C.
    """
    recipe, rng, out = recipe or Recipe(), rng or torch.Generator().manual_seed(0), out or Path()
    device, total = next(generator.parameters()).device, recipe.n_epochs * len(dataloader)
    ema = AveragedModel(generator, use_buffers=False)
    parts = {"G": generator, "D": discriminator, "ema": ema, "opt_G": optimizer_G, "opt_D": optimizer_D}
    schedules = annealing(recipe, total, schedule_G=optimizer_G, schedule_D=optimizer_D)
    at = Checkpoint(out / "checkpoint.pt", parts | schedules, rng, asdict(recipe), perform, resume)
    generator.train()

    while at.epoch < recipe.n_epochs:
        for images in at.batches(dataloader):
            batches_done = at.epoch * len(dataloader) + at.batch + 1
            real = images.to(device)
            z = torch.randn(len(real), recipe.latent_dim, generator=rng).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
                fake = generator(z)

            loss_D, l_real, l_fake = step_D(discriminator, optimizer_D, real, fake, recipe, rng, batches_done)
            loss_G = step_G(discriminator, optimizer_G, fake, recipe)
            for schedule in schedules.values():
                schedule.step()
            if recipe.ema:  # with a ramp, so that the average forgets the start
                ema.multi_avg_fn = get_ema_multi_avg_fn(min(recipe.ema, (1 + batches_done) / (10 + batches_done)))
                ema.update_parameters(generator)

            # log: means of a stretch, read from the device once; the sample grids
            D_x, D_G_z = l_real.detach().sigmoid().mean(), l_fake.detach().sigmoid().mean()
            full = batches_done % recipe.log_interval == 0 or batches_done % len(dataloader) == 0
            at.log(torch.stack([loss_D.detach(), loss_G.detach(), D_x, D_G_z]), batches_done, full)
            if batches_done in (1, total // 2, total) or batches_done % recipe.save_interval == 0:
                images = sample(averaged(ema) if recipe.ema else generator)
                save_grid(images, out / "images" / f"{batches_done}.png")
        at.end_epoch(recipe.n_epochs)

    if recipe.ema:
        generator.load_state_dict(averaged(ema).state_dict())
    return at.history


def step_D(discriminator, optimizer, real, fake, recipe, rng, batches_done):
    """D's step: real images towards 1, fake ones towards 0; returns its loss and the logits of both (batch, 1)."""
    with torch.autocast(real.device.type, torch.bfloat16, enabled=recipe.bf16):  # in one pass: D has no BatchNorm
        l_real, l_fake = discriminator.logits(torch.cat([real, fake.detach()])).float().chunk(2)
    loss = softplus(-l_real).mean() + softplus(l_fake).mean()
    if not recipe.balanced or torch.rand((), generator=rng) < share_of_D(loss, l_fake):
        due = recipe.r1 and batches_done % recipe.r1_interval == 0  # lazily: seldom, but with more weight
        penalty = recipe.r1 / 2 * recipe.r1_interval * r1(discriminator, real) if due else 0
        optimizer.zero_grad()
        (loss + penalty).backward()
        optimizer.step()
    return loss, l_real, l_fake


def step_G(discriminator, optimizer, fake, recipe):
    """G's step: the same fake images towards 1; D passes the gradient on but collects none. Returns G's loss."""
    discriminator.requires_grad_(False)
    with torch.autocast(fake.device.type, torch.bfloat16, enabled=recipe.bf16):
        l_fake = discriminator.logits(fake).float()
    loss = softplus(-l_fake).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss


def r1(discriminator, real):
    """Mean squared norm of D's gradient at the real images; float32, differentiable."""
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator.logits(real).sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


def averaged(ema):
    """A generator with the averaged weights, its BatchNorm statistics recomputed for them over 10,240 noise vectors."""
    generator = copy.deepcopy(ema.module)
    device = next(generator.parameters()).device
    rng = torch.Generator().manual_seed(1)
    update_bn((torch.randn(256, generator.latent_dim, generator=rng) for _ in range(40)), generator, device=device)
    return generator


@torch.no_grad()
def sample(generator, n=25, seed=324):
    """n images (n, 1, 28, 28) in [-1, 1] on the CPU, in eval mode, from the noise of its own `seed`."""
    z = torch.randn(n, generator.latent_dim, generator=torch.Generator().manual_seed(seed))
    mode = generator.training
    images = generator.eval()(z.to(next(generator.parameters()).device)).cpu()
    generator.train(mode)
    return images


def build(recipe, device="cpu"):
    """(D, G, G's optimiser, D's optimiser), and the source of noise, all from recipe.seed."""
    torch.manual_seed(recipe.seed)
    if recipe.networks == "template":
        generator, discriminator = Generator(recipe.latent_dim, recipe.bn_eps).to(device), Discriminator().to(device)
    else:
        from gan_study.networks import NETWORKS  # other recipes', and ours: a D that reads black as 0

        generator, discriminator = (make(recipe).to(device) for make in NETWORKS[recipe.networks])
    parts = discriminator, generator, optimizer(recipe, generator), optimizer(recipe, discriminator)
    return parts, torch.Generator().manual_seed(recipe.seed)


def perform(config, out, data_root=HERE / "dataset", device="cpu", resume=False):
    """Trains in the folder `out` with the settings `config`, those of a Recipe; returns the results."""
    recipe = Recipe(**config)
    images, labels = mnist.load(recipe.dataset, "train", data_root)
    parts, rng = build(recipe, device)
    dataloader = mnist.Batches(images, labels, recipe.batch_size, rng, device)
    history, total = train(dataloader, *parts, recipe, rng, out, resume), recipe.n_epochs * len(dataloader)
    grids = {"start": 1, "middle": total // 2, "end": total}
    return {"history": history, "grids": grids, "mnist_generator.pt": packed(parts[1].state_dict())}


def main(argv=None):
    """Trains as the flags say, in a folder of its own, unless that is done already; our recipe is then published."""
    flags = parse(argv, __doc__)
    if flags.recipe == OURS:
        from gan_study import trainings

        if not flags.retrain and not (flags.resume and trainings.unfinished()) and trainings.is_published():
            return print(trainings.words())
        trainings.RESULTS.refuse_toys(["published"])
    with Folder(folder(flags.recipe), asdict(flags.recipe), perform).alone() as work:
        if work.is_to_do(flags.resume, flags.retrain):
            print(f"training on {flags.recipe.dataset} in {work.path}", flush=True)
            results = perform(work.run.config, work.path, flags.data_root, flags.device, resume=True)
            work.write(results, flags.device)
    print(trainings.publish(work) if flags.recipe == OURS else work.words())


if __name__ == "__main__":
    artifacts.script(main, "my_gan.py")
