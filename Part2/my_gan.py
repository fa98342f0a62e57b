"""A fully connected GAN on MNIST: the template's networks and interface, trained to be sampled.

    python my_gan.py                                  our recipe, the record: images/, mnist_generator.pt
    python my_gan.py --recipe ganpy --n_epochs 15     a published one: runs/recipe=ganpy,n_epochs=15/
    python my_gan.py --dataset digits --n_epochs 1    without MNIST or network: runs/n_epochs=1,dataset=digits/

Objective (Goodfellow et al. 2014): min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], z ~ N(0, I); G's step minimises the
non-saturating -log D(G(z)). With logits l = logit(D), -log D = softplus(-l) and -log(1 - D) = softplus(l).

What our recipe adds to the template's loop, each a few lines of `train` but for the first:
    black D reads black as 0, not as -1
    EMA   the shipped generator is an exponential moving average of G's weights (Yazici et al. 2019)
    R1    every so often D also pays for its gradient at real images (Mescheder et al. 2018; lazy: Karras et al. 2020)
    betas Adam without first-moment momentum
    bf16  matrix products in bfloat16, for speed; losses, penalty and weights stay float32
"""

import copy
import json
import shutil
import sys
from pathlib import Path

import torch
from filelock import FileLock
from torch.nn.functional import softplus
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torchvision.utils import save_image

import artifacts
import checkpoint
from networks import Discriminator, Generator, WideDiscriminator, WideGenerator, ZeroBlackDiscriminator, layers
from recipes import DATASET, HERE, parse  # noqa: F401 (DATASET: for those who import it here)

sys.path.append(str(HERE / "dataset"))  # as a package, `dataset` would clash with Part1's module of that name
import mnist

COMMAND = "python my_gan.py --retrain"


def train(dataloader, discriminator, generator, optimizer_G, optimizer_D, args=None, rng=None, out=None):
    """Trains both networks for args.n_epochs and leaves what is to be sampled in `generator`; returns the history.

    `dataloader` yields (images (batch, 1, 28, 28) in [-1, 1], labels); labels are not looked at. `args` are the flags
    of `parse` (their defaults if None), `rng` the source of noise. Writes to folder `out` (the current one if None):
    images/{batches_done}.png after the first batch, every args.save_interval, exactly halfway and at the end, and
    checkpoint.pt after every epoch and at Ctrl-C, from which args.resume continues to the same generator, bit for bit.

    Raises FloatingPointError if a loss or weight is no longer finite, KeyboardInterrupt at Ctrl-C.
    """
    args, rng, out = args or parse([]), rng or torch.Generator().manual_seed(0), out or Path()
    device = next(generator.parameters()).device
    ema = AveragedModel(generator, use_buffers=False)
    parts = {"G": generator, "D": discriminator, "ema": ema, "opt_G": optimizer_G, "opt_D": optimizer_D}
    fingerprint = artifacts.fingerprint(args.config, CODE)
    at = checkpoint.Checkpoint(out / "checkpoint.pt", parts, rng, fingerprint, args.resume)
    total = args.n_epochs * len(dataloader)
    (out / "images").mkdir(parents=True, exist_ok=True)
    generator.train()

    while at.epoch < args.n_epochs:
        for images in at.batches(dataloader):
            batches_done = at.epoch * len(dataloader) + at.batch + 1
            real = images.to(device)
            z = torch.randn(len(real), args.latent_dim, generator=rng).to(device)

            # D: real images towards 1, fake ones towards 0; both in one pass, since D has no BatchNorm
            with torch.autocast(device.type, torch.bfloat16, enabled=args.bf16):
                fake = generator(z)
                l_real, l_fake = discriminator.logits(torch.cat([real, fake.detach()])).float().chunk(2)
            loss_D = softplus(-l_real).mean() + softplus(l_fake).mean()
            if not args.balanced or torch.rand((), generator=rng) < share_of_D(loss_D, l_fake):
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
            if args.ema:  # with a ramp, so that the average forgets the start
                ema.multi_avg_fn = get_ema_multi_avg_fn(min(args.ema, (1 + batches_done) / (10 + batches_done)))
                ema.update_parameters(generator)

            # log: means of a stretch, read from the device once; the sample grids
            D_x, D_G_z = l_real.detach().sigmoid().mean(), l_fake.detach().sigmoid().mean()
            full = batches_done % args.log_interval == 0 or batches_done % len(dataloader) == 0
            at.log(torch.stack([loss_D.detach(), loss_G.detach(), D_x, D_G_z]), batches_done, full)
            if batches_done in (1, total // 2, total) or batches_done % args.save_interval == 0:
                save_grid(averaged(ema) if args.ema else generator, out / "images" / f"{batches_done}.png")

        if not all(p.isfinite().all() for network in (generator, discriminator) for p in network.parameters()):
            raise FloatingPointError(f"a weight is not finite after epoch {at.epoch}")
        at.save()
        latest = "  ".join(f"{name} {values[-1]:.3f}" for name, values in at.history.items())
        print(f"epoch {at.epoch}/{args.n_epochs}  {latest}", flush=True)

    if args.ema:
        generator.load_state_dict(averaged(ema).state_dict())
    return at.history


def share_of_D(loss_D, l_fake):
    """C3's probability that D takes a step, exp(L_D) / (exp(L_D) + exp(L_G)), from the losses before it."""
    with torch.no_grad():
        return torch.sigmoid(loss_D - softplus(-l_fake).mean()).cpu()


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


def save_grid(generator, path):
    """25 samples, 5 a row, from always the same noise."""
    with artifacts.atomic(path) as temporary:
        save_image((sample(generator) + 1) / 2, temporary, nrow=5)


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


NETWORKS = {
    "template": (lambda args: Generator(args.latent_dim, args.bn_eps), lambda args: Discriminator(args.d_outputs)),
    "zero-black": (
        lambda args: Generator(args.latent_dim, args.bn_eps),
        lambda args: ZeroBlackDiscriminator(args.d_outputs),
    ),
    "wide": (lambda args: WideGenerator(args.latent_dim), lambda args: WideDiscriminator()),
}


def build(args):
    """The networks and their optimisers (D, G, opt_G, opt_D) and the source of noise, all from args.seed."""
    torch.manual_seed(args.seed)
    generator, discriminator = (make(args).to(args.device) for make in NETWORKS[args.networks])
    optimizer_G, optimizer_D = (
        torch.optim.Adam(network.parameters(), args.lr, (args.beta1, args.beta2), fused=True)
        if args.optimizer == "adam"
        else torch.optim.RMSprop(network.parameters(), args.lr)
        for network in (generator, discriminator)
    )
    return (discriminator, generator, optimizer_G, optimizer_D), torch.Generator().manual_seed(args.seed)


CODE = artifacts.code(
    *(Generator, Discriminator, layers, WideGenerator, WideDiscriminator, build),
    *(mnist.Batches, mnist.normalise, mnist.load),
    *(train, share_of_D, r1, averaged, sample),
)
OWN = {"zero-black": artifacts.code(ZeroBlackDiscriminator)}  # what only some trainings run


def code(args):
    """The sources that determine the training that `args` ask for."""
    return CODE + OWN.get(args.networks, [])


def record():
    """The artifact of the record; ArtifactError if missing or stale."""
    args = parse([])
    return artifacts.read(HERE / "results" / "gan.json", args.config, code(args), COMMAND)


def perform(args):
    """Trains as `args` say, in args.out, unless that is done; returns the artifact of it, args.out / "gan.json".

    Of several processes that want the same training, one does it and the others wait.
    """
    artifact = args.out / "gan.json"
    args.out.parent.mkdir(exist_ok=True)
    with FileLock(args.out.with_name(f"{args.out.name}.lock")):
        if not artifacts.is_current(artifact, args.config, code(args)) or args.retrain:
            if args.retrain or not (args.out / "checkpoint.pt").exists():  # what is there was made otherwise
                shutil.rmtree(args.out, ignore_errors=True)
            artifacts.prepare(artifact)
            perform_in(args.out, artifact, args)
    return artifacts.read(artifact, args.config, code(args), COMMAND)


def perform_in(out, artifact, args):
    for leftover in out.rglob(".*"):  # half-written when a process was killed
        leftover.unlink()
    images, labels = mnist.load(args.dataset, "train", args.data_root)
    parts, rng = build(args)
    dataloader = mnist.Batches(images, labels, args.batch_size, rng, args.device)
    print(f"training on {args.dataset}, {len(dataloader)} batches an epoch, in {out}", flush=True)
    history = train(dataloader, *parts, args, rng, out)
    checkpoint.dump(parts[1].state_dict(), out / "mnist_generator.pt")
    total, seconds = args.n_epochs * len(dataloader), sum(history["epoch_seconds"])
    grids = {"start": 1, "middle": total // 2, "end": total}
    files = [out / "mnist_generator.pt", *sorted((out / "images").glob("*.png"))]
    artifacts.write(artifact, args.config, code(args), seconds, files, args.device, grids=grids, history=history)
    (out / "checkpoint.pt").unlink()


def is_newer(trained, published):
    """Whether the training of artifact `trained`, if it is there, is another than the published one."""
    if not trained.exists():
        return False
    one, other = (json.loads(path.read_text()) for path in (trained, published))
    return one["finished"] != other["finished"]


def publish(out):
    """Puts the record's images and generator where the template has them, and then the artifact into results/."""
    target = HERE / "results" / "gan.json"
    target.unlink(missing_ok=True)
    shutil.rmtree(HERE / "images", ignore_errors=True)
    shutil.copytree(out / "images", HERE / "images")
    with artifacts.atomic(HERE / "mnist_generator.pt") as temporary:
        shutil.copyfile(out / "mnist_generator.pt", temporary)
    artifact = json.loads((out / "gan.json").read_text())
    artifact["files"] = {f"../{name}": known for name, known in artifact["files"].items()}
    with artifacts.atomic(target) as temporary:
        temporary.write_text(json.dumps(artifact, indent=1) + "\n")


def main(argv=None):
    """Trains as the flags say, unless that is done already, in a folder of its own; the record is then published."""
    args = parse(argv)
    artifact = args.out / "gan.json" if args.changed else HERE / "results" / "gan.json"
    unfinished = (args.out / "checkpoint.pt").exists()
    if unfinished and not args.resume and not args.retrain:
        sys.exit(f"an unfinished training is in {args.out}: --resume continues it, --retrain starts it over")
    current = artifacts.is_current(artifact, args.config, code(args))
    if current and not args.changed and is_newer(args.out / "gan.json", artifact):
        current = False  # gan_experiments.py trained the record anew
    if current and not unfinished and not args.retrain:
        print(f"{artifact} is up to date (--retrain makes it anew)")
        return
    try:
        perform(args)
    except KeyboardInterrupt:
        saved = (args.out / "checkpoint.pt").exists()
        kept = f"all batches so far are saved in {args.out}: --resume goes on" if saved else "nothing was trained yet"
        sys.exit(f"\ninterrupted; {kept}")
    except FloatingPointError as error:
        sys.exit(f"my_gan.py: {error}; the last good state, of the last whole epoch, is kept in {args.out}")
    if not args.changed:
        publish(args.out)
    print(f"wrote {artifact}; images/ and mnist_generator.pt are in {args.out if args.changed else HERE}")


if __name__ == "__main__":
    try:
        main()
    except (mnist.DataError, artifacts.ArtifactError, ValueError, OSError) as error:
        sys.exit(f"my_gan.py: {error}")
