"""The record of Part II as a grid: every recipe and ablation, trained and measured; what is up to date is skipped.

python gan_experiments.py --list                      what there is, and what is done
python gan_experiments.py ablation --seeds 0          a part of it
OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 gan_experiments.py all      every run there is, on two processes

Each run trains in runs/, where an interrupted one continues, and leaves its artifact and 25 samples in results/.
"""

import argparse
import functools
import io
import statistics
import sys
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel
from torchvision.utils import save_image

import artifacts
import checkpoint
import classifier
import evaluate
import measures
import my_gan
import recipes
from my_gan import DATASET, HERE, mnist

SEEDS = (0,) if artifacts.SMOKE else (0, 1, 2)
EPOCHS = 1 if artifacts.SMOKE else 15  # at which recipes and ablations are compared
ABLATIONS = {  # our recipe without one thing: the flags
    "ours": (),
    "no EMA": ("--ema", 0),
    "no R1": ("--r1", 0),
    "betas 0.5, 0.999": ("--beta1", 0.5, "--beta2", 0.999),
    "learning rate 2e-4": ("--lr", 2e-4),
    "black as -1": ("--networks", "template"),
    "float32": ("--no-bf16",),
}
ABLATION_NAMES = {name: name.replace(" ", "_").replace(",", "") for name in ABLATIONS}  # in file names


def run(name, *flags, seed=0, after=None):
    """(name, flags of its training, epoch after which it is measured, None: the last) of a run."""
    return f"{name}_seed{seed}", [*map(str, flags), "--seed", str(seed)], after


def compared():
    """Every recipe after 15 epochs."""
    for recipe in reversed(recipes.RECIPES):
        for seed in SEEDS:
            if recipe == "ours":
                yield run(recipe, seed=seed, after=EPOCHS)
            else:
                yield run(recipe, "--recipe", recipe, "--n_epochs", EPOCHS, seed=seed)


def lengths():
    """B2's and D2's own lengths, once; and ganpy-eps for 50 epochs, whose distance ours is to reach soon."""
    for name, recipe, n_epochs in (("D2", "D2", 200), ("B2", "template", 50), ("ganpy-eps", "ganpy-eps", 50)):
        yield run(name, "--recipe", recipe, "--n_epochs", 2 if artifacts.SMOKE else n_epochs)


def quality():
    """Our recipe to its end: the median seed's generator is shipped."""
    for seed in SEEDS:
        yield run("ours", seed=seed)


def early():
    """Our recipe after other numbers of epochs."""
    for after in sorted({*checkpoint.SNAPSHOTS} - {EPOCHS}):
        for seed in SEEDS:
            yield run(f"ours_{after}", seed=seed, after=after)


def ablation():
    """Our recipe for 15 epochs without one of its parts."""
    for name, flags in list(ABLATIONS.items())[: 2 if artifacts.SMOKE else None]:
        for seed in SEEDS:
            if name == "ours":
                yield run(name, seed=seed, after=EPOCHS)
            else:
                yield run(ABLATION_NAMES[name], "--n_epochs", EPOCHS, *flags, seed=seed)


def real():
    """No training: what real test images get, cross-fades and sudden changes between them, as floors and ceilings."""
    yield "test_images", None, None


EXPERIMENTS = {each.__name__: each for each in (real, lengths, compared, ablation, quality, early)}


@functools.cache
def judges(data_root):
    """({use: Judge}, training images, test images)."""
    training, test = (mnist.normalise(mnist.load(DATASET, split, data_root)[0]) for split in ("train", "test"))
    return {use: evaluate.Judge(use, training, test) for use in classifier.CONFIGS}, training, test


def trained(args, after):
    """The generator, in eval mode, that the finished training in args.out had after that epoch."""
    (_, generator, *_), _ = my_gan.build(args)
    if after is None:
        generator.load_state_dict(torch.load(args.out / "mnist_generator.pt", weights_only=True, map_location="cpu"))
        return generator.eval()
    state = torch.load(args.out / f"epoch_{after}.pt", weights_only=True, map_location="cpu")
    generator.load_state_dict(state["G"])
    if args.ema:
        ema = AveragedModel(generator, use_buffers=False)
        ema.load_state_dict(state["ema"])
        generator = my_gan.averaged(ema)
    return generator.eval()


def train_and_measure(flags, after, data_root, config):
    """The results of a run: its training, unless runs/ still holds it, and what is measured of it."""
    args = my_gan.parse([*flags, "--data_root", str(data_root), "--resume"])
    artifact = my_gan.perform(args)
    generator = trained(args, after)
    those, training, _ = judges(data_root)
    grid = io.BytesIO()
    save_image((my_gan.sample(generator) + 1) / 2, grid, format="png", nrow=5)
    return {
        **evaluate.measure(generator, those, training if config["closely"] else None),
        "training": {key: artifact[key] for key in ("seconds", "hardware", "history", "grids")},
        "generator": artifact["files"]["mnist_generator.pt"],
        "picture": grid.getvalue(),
    }


def measure_real(data_root, config):
    """Test images in the place of samples; for the manifolds, training images, lest test images meet themselves."""
    those, training, test = judges(data_root)
    found = {}
    for use, judge in those.items():
        found[use] = judge.measure(test[: evaluate.N_SAMPLES])
        found[use] |= measures.manifold(
            judge.real, measures.features(judge.classifier, training[: evaluate.N_SAMPLES])[0]
        )
    distances, _ = measures.nearest(test, training)
    paths = {name: those["reporting"].along(each) for name, each in evaluate.real_paths(test).items()}
    return {
        **found,
        "nearest": evaluate.percentiles(distances),
        "paths": paths,
        "n": len(test),
        "n_training": len(training),
    }


def path(experiment, name):
    return HERE / "results" / experiment / f"{name}.json"


def configuration(experiment, flags, after):
    """What determines a run's results: the settings of its training, what is measured, and by which classifiers."""
    known = {use: classifier.record(use)["files"][classifier.path(use, ".pt").name] for use in classifier.CONFIGS}
    measured = {"classifiers": known, "n_samples": evaluate.N_SAMPLES, "n_pairs": evaluate.N_PAIRS, "dataset": DATASET}
    measured["closely"] = experiment in ("lengths", "quality")  # also memorisation and interpolation: they take a while
    return measured | ({} if flags is None else {"after": after} | my_gan.parse(flags).config)


TRAINED_CODE = artifacts.code(trained, train_and_measure) + evaluate.MEASURE_CODE
REAL_CODE = artifacts.code(measure_real, mnist.load, mnist.normalise) + evaluate.MEASURE_CODE


def jobs(experiment, data_root=mnist.HERE):
    """The runs of an experiment, as artifacts.perform wants them."""
    for name, flags, after in EXPERIMENTS[experiment]():
        if flags is None:
            code, work = REAL_CODE, functools.partial(measure_real, data_root)
        else:
            code = TRAINED_CODE + my_gan.code(my_gan.parse(flags))
            work = functools.partial(train_and_measure, flags, after, data_root)
        yield path(experiment, name), configuration(experiment, flags, after), code, work


def name_of(job):
    """The name of a job's run, without its seed."""
    return job[0].stem.partition("_seed")[0]


def load(experiment):
    """{name of the run: its artifact}, in order; ArtifactError if one is missing or stale."""
    command = f"python gan_experiments.py {experiment}"
    return {job[0].stem: artifacts.read(*job[:3], command) for job in jobs(experiment)}


def by_recipe(experiment):
    """{name without the seed: [artifacts of its seeds]}."""
    grouped = {}
    for name, run in load(experiment).items():
        grouped.setdefault(name.partition("_seed")[0], []).append(run)
    return grouped


def median_seed():
    """The seed of `quality` with the median Frechet distance by the classifier that recipes were not chosen by."""
    runs = load("quality").values()
    middle = statistics.median_low(run["reporting"]["frechet"] for run in runs)
    return next(run["config"]["seed"] for run in runs if run["reporting"]["frechet"] == middle)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("experiments", nargs="*", metavar="experiment", help=f"which to run, of {', '.join(EXPERIMENTS)}; or all")
    flag("--list", action="store_true", help="list the experiments and how many of their runs are done")
    flag("--seeds", type=int, nargs="+", help="only the runs of these seeds")
    flag("--names", nargs="+", help="only the runs of these names, without the seed: ganpy, no_EMA")
    flag("--again", action="store_true", help="measure again what is up to date (remove runs/ to train again, too)")
    flag("--data_root", type=Path, default=mnist.HERE, help="folder that holds MNIST/raw")
    args = parser.parse_args(argv)
    if unknown := set(args.experiments) - {*EXPERIMENTS, "all"}:
        parser.error(f"there is no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}, or all")
    if unknown := set(args.seeds or ()) - set(SEEDS):
        parser.error(f"no run has seed {sorted(unknown)}; there are {list(SEEDS)}")
    if not args.list and not args.experiments:
        parser.error(f"say which experiment, of {', '.join(EXPERIMENTS)} or all; --list describes them")
    return args


def main(argv=None):
    args = parse(argv)
    if args.list:
        for name, runs in EXPERIMENTS.items():
            every = list(jobs(name))
            done = f"{sum(artifacts.is_current(*job[:3]) for job in every)} of {len(every)}"
            print(f"{name:10} {done:>9}   {runs.__doc__.splitlines()[0]}")
        return
    names = [name for name in EXPERIMENTS if {name, "all"} & {*args.experiments}]
    chosen = [job for name in names for job in jobs(name, args.data_root)]
    if args.seeds:
        chosen = [job for job in chosen if job[1].get("seed") in args.seeds]
    if args.names:
        known = {name_of(job): None for job in chosen}
        if unknown := set(args.names) - set(known):
            raise ValueError(f"no run is named {sorted(unknown)}; there are {list(known)}")
        chosen = [job for job in chosen if name_of(job) in args.names]
    artifacts.perform(chosen, args.again)


if __name__ == "__main__":
    try:
        main()
    except (artifacts.ArtifactError, mnist.DataError, ValueError, FloatingPointError, OSError) as error:
        sys.exit(f"gan_experiments.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\ngan_experiments.py: interrupted; what ended is kept, and the same command continues")
