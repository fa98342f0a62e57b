"""A fully connected GAN on MNIST: the template's networks and interface, trained to be sampled.

    python my_gan.py                                  the record: results/gan.json, images/, mnist_generator.pt
    python my_gan.py --dataset digits --n_epochs 1    a try, without MNIST or network: runs/n_epochs=1,dataset=digits/

Objective (Goodfellow et al. 2014): min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], z ~ N(0, I); G's step minimises the
non-saturating -log D(G(z)). With logits l = logit(D), -log D = softplus(-l) and -log(1 - D) = softplus(l).

What is added to the template's loop, each a few lines of `train`:
    EMA   the shipped generator is an exponential moving average of G's weights (Yazici et al. 2019)
    R1    every so often D also pays for its gradient at real images (Mescheder et al. 2018; lazy: Karras et al. 2020)
    betas Adam without first-moment momentum
    bf16  matrix products in bfloat16, for speed; losses, penalty and weights stay float32
"""

import argparse
import copy
import math
import shutil
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torchvision.utils import save_image
from tqdm import tqdm

import artifacts

HERE = Path(__file__).parent
sys.path.append(str(HERE / "dataset"))  # as a package, `dataset` would clash with Part1's module of that name
import mnist  # noqa: E402

DATASET, N_EPOCHS, SAVE_INTERVAL = ("digits", 2, 10) if artifacts.SMOKE else ("mnist", 60, 500)
COMMAND = "python my_gan.py --retrain"


class Generator(nn.Module):
    """z (batch, latent_dim), standard Normal -> images (batch, 1, 28, 28) in [-1, 1]."""

    def __init__(self, latent_dim=100):
        super().__init__()

        def block(n_in, n_out):
            return nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU(0.2)

        self.latent_dim = latent_dim
        self.net = nn.Sequential(
            *(nn.Linear(latent_dim, 128), nn.LeakyReLU(0.2)),
            *block(128, 256),
            *block(256, 512),
            *block(512, 1024),
            *(nn.Linear(1024, 784), nn.Tanh()),
        )

    def forward(self, z):
        return self.net(z).view(-1, 1, 28, 28)


class Discriminator(nn.Module):
    """images (batch, 1, 28, 28) or (batch, 784) -> the probability (batch, 1) that each is real."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Linear(784, 512), nn.LeakyReLU(0.2)),
            *(nn.Linear(512, 256), nn.LeakyReLU(0.2)),
            nn.Linear(256, 1),
        )

    def logits(self, images):
        return self.net(images.flatten(1))

    def forward(self, images):
        return torch.sigmoid(self.logits(images))


def train(dataloader, discriminator, generator, optimizer_G, optimizer_D, args=None, rng=None, out=None):
    """Trains both networks for args.n_epochs and leaves the averaged weights in `generator`; returns the history.

    `dataloader` yields (images (batch, 1, 28, 28) in [-1, 1], labels); labels are not looked at. `args` are the flags
    of `parse` (their defaults if None), `rng` the source of noise. Writes to folder `out` (the current one if None):
    images/{batches_done}.png after the first batch, every args.save_interval, exactly halfway and at the end, and
    checkpoint.pt after every epoch, from which args.resume continues to the same generator, bit for bit.

    Raises FloatingPointError if a loss is no longer finite.
    """
    args, rng, out = args or parse([]), rng or torch.Generator().manual_seed(0), out or Path()
    device = next(generator.parameters()).device
    ema = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(args.ema), use_buffers=False)
    parts = {"G": generator, "D": discriminator, "ema": ema, "opt_G": optimizer_G, "opt_D": optimizer_D}
    history = {name: [] for name in ("batches_done", "loss_D", "loss_G", "D_x", "D_G_z", "epoch_seconds")}
    if args.resume and (out / "checkpoint.pt").exists():
        history = restore(out / "checkpoint.pt", parts, rng, args.config)
    first_epoch, total = len(history["epoch_seconds"]), args.n_epochs * len(dataloader)
    batches_done = first_epoch * len(dataloader)
    (out / "images").mkdir(parents=True, exist_ok=True)
    generator.train()

    for epoch in range(first_epoch, args.n_epochs):
        stretch, started = [], time.perf_counter()
        for images, *_ in tqdm(dataloader, desc=f"epoch {epoch + 1}", leave=False, disable=None):
            real = images.to(device)
            z = torch.randn(len(real), args.latent_dim, generator=rng).to(device)

            # D: real images towards 1, fake ones towards 0; both in one pass, since D has no BatchNorm
            with torch.autocast(device.type, torch.bfloat16, enabled=args.bf16):
                fake = generator(z)
                l_real, l_fake = discriminator.logits(torch.cat([real, fake.detach()])).float().chunk(2)
            loss_D = softplus(-l_real).mean() + softplus(l_fake).mean()
            due = args.r1 and batches_done % args.r1_interval == 0  # lazily: seldom, but with more weight
            penalty = args.r1 / 2 * args.r1_interval * r1(discriminator, real) if due else 0
            optimizer_D.zero_grad()
            (loss_D + penalty).backward()
            optimizer_D.step()

            # G: the same fake images towards 1; D passes the gradient on but collects none
            discriminator.requires_grad_(False)
            with torch.autocast(device.type, torch.bfloat16, enabled=args.bf16):
                l_G = discriminator.logits(fake).float()
            loss_G = softplus(-l_G).mean()
            optimizer_G.zero_grad()
            loss_G.backward()
            optimizer_G.step()
            discriminator.requires_grad_(True)
            ema.update_parameters(generator)

            # log: means of a stretch, read from the device once; the sample grids
            batches_done += 1
            D_x, D_G_z = l_real.detach().sigmoid().mean(), l_fake.detach().sigmoid().mean()
            stretch.append(torch.stack([loss_D.detach(), loss_G.detach(), D_x, D_G_z]))
            if len(stretch) == args.log_interval or batches_done % len(dataloader) == 0:
                means = torch.stack(stretch).mean(0).tolist()
                stretch = []
                if not all(map(math.isfinite, means)):
                    raise FloatingPointError(f"a loss is not finite before batch {batches_done}: {means}")
                for name, value in zip(history, [batches_done, *means], strict=False):
                    history[name].append(round(value, 5))
            if batches_done in (1, total // 2, total) or batches_done % args.save_interval == 0:
                save_image((sample(averaged(ema)) + 1) / 2, out / "images" / f"{batches_done}.png", nrow=5)

        history["epoch_seconds"].append(round(time.perf_counter() - started, 2))
        save(out / "checkpoint.pt", parts, rng, args.config, history)
        latest = "  ".join(f"{name} {values[-1]:.3f}" for name, values in history.items())
        print(f"epoch {epoch + 1}/{args.n_epochs}  {latest}", flush=True)

    generator.load_state_dict(averaged(ema).state_dict())
    return history


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


def load_generator(path=HERE / "mnist_generator.pt"):
    """The generator of a state_dict file, in eval mode; ArtifactError if the file is missing or not one."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        generator = Generator(state["net.0.weight"].shape[1])
        generator.load_state_dict(state)
    except FileNotFoundError:
        raise artifacts.ArtifactError(f"{path} is missing; make it with: {COMMAND}") from None
    except Exception as error:  # torch.load and load_state_dict raise many kinds
        raise artifacts.ArtifactError(
            f"{path} is not a generator's state_dict ({error!r:.200}); remake: {COMMAND}"
        ) from error
    return generator.eval()


def save(path, parts, rng, config, history):
    """The whole state after an epoch: networks, optimisers, average, random states, history."""
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"history": history, "rng": rng.get_state(), "global_rng": torch.get_rng_state()}
    state["fingerprint"] = artifacts.fingerprint(config, CODE)
    with artifacts.atomic(path) as temporary:
        torch.save(state, temporary)


def restore(path, parts, rng, config):
    """Puts back what `save` wrote and returns the history; ArtifactError if that is unreadable or of another run."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        if state["fingerprint"] != artifacts.fingerprint(config, CODE):
            raise ValueError("made with other settings or other code")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])
    except Exception as error:  # as in load_generator
        raise artifacts.ArtifactError(f"{path} cannot be resumed ({error!r:.200}); --retrain starts it over") from error
    return state["history"]


def build(args):
    """The networks and their optimisers (D, G, opt_G, opt_D) and the source of noise, all from args.seed."""
    torch.manual_seed(args.seed)
    generator, discriminator = Generator(args.latent_dim).to(args.device), Discriminator().to(args.device)
    optimizer_G, optimizer_D = (
        torch.optim.Adam(network.parameters(), args.lr, (args.beta1, args.beta2), fused=True)
        for network in (generator, discriminator)
    )
    return (discriminator, generator, optimizer_G, optimizer_D), torch.Generator().manual_seed(args.seed)


CODE = artifacts.code(
    Generator, Discriminator, mnist.Batches, mnist.normalise, mnist.load, train, r1, averaged, sample, build
)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("--n_epochs", type=int, default=N_EPOCHS, help="passes over the training set (%(default)s)")
    flag("--batch_size", type=int, default=64, help="images in a batch (%(default)s)")
    flag("--lr", type=float, default=0.0005, help="Adam's learning rate, both networks (%(default)s)")
    flag("--beta1", type=float, default=0.0, help="Adam's first-moment decay (%(default)s)")
    flag("--beta2", type=float, default=0.99, help="Adam's second-moment decay (%(default)s)")
    flag("--latent_dim", type=int, default=100, help="dimensions of the noise z (%(default)s)")
    flag("--ema", type=float, default=0.9995, help="decay of the average of G's weights (%(default)s)")
    flag("--r1", type=float, default=0.2, help="weight gamma of the gradient penalty, 0: none (%(default)s)")
    flag("--r1_interval", type=int, default=16, help="batches between gradient penalties (%(default)s)")
    flag("--save_interval", type=int, default=SAVE_INTERVAL, help="batches between sample grids (%(default)s)")
    flag("--log_interval", type=int, default=100, help="batches whose mean is one point of the curves (%(default)s)")
    flag("--bf16", action=argparse.BooleanOptionalAction, default=True, help="matrix products in bfloat16, not float32")
    flag("--seed", type=int, default=0, help="of weights, order and noise (%(default)s)")
    flag("--dataset", choices=("mnist", "digits"), default=DATASET, help="digits needs no download (%(default)s)")
    settings = [action.dest for action in parser._actions if action.dest != "help"]
    flag("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw (%(default)s)")
    flag("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda or mps (%(default)s)")
    flag("--resume", action="store_true", help="continue an unfinished training")
    flag("--retrain", action="store_true", help="train anew what is up to date or unfinished")
    args = parser.parse_args(argv)
    for name in ("n_epochs", "batch_size", "latent_dim", "lr", "r1_interval", "save_interval", "log_interval"):
        if not getattr(args, name) > 0:
            parser.error(f"--{name} is {getattr(args, name)}; expected a number above 0")
    for name in ("beta1", "beta2", "ema"):
        if not 0 <= getattr(args, name) < 1:
            parser.error(f"--{name} is {getattr(args, name)}; expected a number from 0 to below 1")
    if args.batch_size < 2:
        parser.error(f"--batch_size is {args.batch_size}; expected at least 2, for BatchNorm")
    if not 0 <= args.r1 < math.inf:
        parser.error(f"--r1 is {args.r1}; expected a number from 0 on")
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        parser.error(f"--device is {args.device}, which cannot be used here: {str(error).splitlines()[0]}")
    args.config = {name: getattr(args, name) for name in settings}
    args.changed = {name: value for name, value in args.config.items() if value != parser.get_default(name)}
    return args


def record():
    """The artifact of the record; ArtifactError if missing or stale."""
    return artifacts.read(HERE / "results" / "gan.json", parse([]).config, CODE, COMMAND)


def main(argv=None):
    """Trains as the flags say, unless that is done already, in a folder of its own; the record is then published."""
    args = parse(argv)
    out = HERE / "runs" / (",".join(f"{k}={v}" for k, v in args.changed.items()) or "record")
    home = out if args.changed else HERE  # where images/ and mnist_generator.pt belong
    artifact, checkpoint = (out if args.changed else HERE / "results") / "gan.json", out / "checkpoint.pt"
    if args.retrain:
        shutil.rmtree(out, ignore_errors=True)
    elif checkpoint.exists() and not args.resume:
        sys.exit(f"an unfinished training is in {out}: --resume continues it, --retrain starts it over")
    elif not checkpoint.exists() and artifacts.is_current(artifact, args.config, CODE):
        print(f"{artifact} is up to date (--retrain makes it anew)")
        return
    artifacts.prepare(artifact)
    images, labels = mnist.load(args.dataset, "train", args.data_root)
    parts, rng = build(args)
    dataloader = mnist.Batches(images, labels, args.batch_size, rng, args.device)
    print(f"training on {args.dataset}, {len(dataloader)} batches an epoch, in {out}", flush=True)
    try:
        history = train(dataloader, *parts, args, rng, out)
    except KeyboardInterrupt:
        kept = f"its whole epochs are in {out}: --resume goes on" if checkpoint.exists() else "no epoch was whole yet"
        sys.exit(f"\ninterrupted; {kept}")
    with artifacts.atomic(out / "mnist_generator.pt") as temporary, open(temporary, "wb") as file:
        torch.save(parts[1].state_dict(), file)  # to a path, its name would be in the bytes
    if home != out:  # the record: published, the artifact last
        artifact.unlink(missing_ok=True)
        shutil.rmtree(home / "images", ignore_errors=True)
        shutil.copytree(out / "images", home / "images")
        with artifacts.atomic(home / "mnist_generator.pt") as temporary:
            shutil.copyfile(out / "mnist_generator.pt", temporary)
    total, seconds = args.n_epochs * len(dataloader), sum(history["epoch_seconds"])
    grids = {"start": 1, "middle": total // 2, "end": total}
    files = [home / "mnist_generator.pt", *sorted((home / "images").glob("*.png"))]
    artifacts.write(artifact, args.config, CODE, seconds, files, args.device, grids=grids, history=history)
    checkpoint.unlink()
    print(f"wrote {artifact}, and images/ and mnist_generator.pt in {home}")


if __name__ == "__main__":
    try:
        main()
    except (mnist.DataError, artifacts.ArtifactError, FloatingPointError, ValueError, OSError) as error:
        sys.exit(f"my_gan.py: {error}")
