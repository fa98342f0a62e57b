"""What the experiment `trainings` (experiments.py) uses: one training, done or found done in runs/, and its generator.

Also the experiment `published`: the training that is shipped.

python my_gan.py --retrain             trains our recipe again and publishes it, if its bits are those measured here
python -m gan_study published          publishes what `trainings` trained
"""

import numpy as np
import torch

import artifacts
import my_gan
from checkpoint import Folder
from dataset import mnist
from recipes import HERE, OURS, Recipe, asdict, folder

FRAMES = 80  # of the film


def key(name, recipe):
    """What a training of the study is called: its line, and its folder in runs/study/."""
    return f"{name.replace(' ', '_').replace(',', '')}_{recipe.n_epochs}_seed{recipe.seed}"


def trained(config, data_root=mnist.HERE, device="cpu", retrain=False):
    """The Folder of the finished training by config["recipe"]: what runs/study/ holds of it is not trained again.

    Raises ArtifactError if another process trains it just now.
    """
    recipe = config["recipe"]
    with Folder(HERE / "runs" / "study" / config["folder"], recipe, my_gan.perform).alone() as work:
        if retrain or not work.finished():
            if retrain or not work.resumable():
                work.clear()
            results = my_gan.perform(recipe, work.path, data_root, device, resume=True)
            work.write(results, device)
    return work


def generator_of(work):
    """The generator, in eval mode, of a finished training."""
    (_, generator, *_), _ = my_gan.build(Recipe(**work.run.config))
    generator.load_state_dict(torch.load(work.path / "mnist_generator.pt", weights_only=True, map_location="cpu"))
    return generator.eval()


# ------------------------------------------------------------------------------------------------- what is published


def chosen(saved, grids):
    """(the film's frames at even steps, all sample grids that are shown) of those saved after the batches `saved`."""
    film = list(dict.fromkeys(saved[round(i * (len(saved) - 1) / (FRAMES - 1))] for i in range(FRAMES)))
    return film, sorted({*film, *stills(saved), *grids.values()})


def stills(saved, n=10):
    """Up to `n` of the batches `saved`, from the first to the last, at geometric steps."""
    wanted = [saved[0], *np.geomspace(saved[1], saved[-1], n - 1)]
    return sorted({min(saved, key=lambda batch: abs(batch - target)) for target in wanted})


def perform(config, data_root=mnist.HERE, device="cpu", **_):
    """The sample grids and the generator of our recipe, to lie where the template has them."""
    return collected(trained(config, data_root, device))


def collected(work):
    """The results of `perform`, from the folder of a finished training."""
    record = work.finished()
    saved = sorted(int(path.stem) for path in (work.path / "images").glob("[0-9]*.png"))
    film, shown = chosen(saved, record["grids"])
    pictures = {f"../images/{batch}.png": (work.path / "images" / f"{batch}.png").read_bytes() for batch in shown}
    generator = (work.path / "mnist_generator.pt").read_bytes()
    return {
        "grids": record["grids"],
        "film": film,
        "images": shown,
        "trained_in": record["seconds"],
        "seconds": 0.0,  # the training's own line counts them
        "../mnist_generator.pt": generator,
        **pictures,
    }


def runs():
    """The sample grids and the generator that are shipped: our recipe, the median seed"""
    yield artifacts.Run("ours", {"recipe": asdict(OURS), "folder": key("ours", OURS)})


EXPERIMENT = artifacts.Experiment(runs, perform, after=("trainings", "opinions"))  # these look at the same trainings
RESULTS = artifacts.Results(HERE / "results", {"published": EXPERIMENT}, "python -m gan_study {}")


def published():
    """The record of what is published; ArtifactError if it is missing or stale."""
    return RESULTS.load("published")[0]


def is_published():
    """Whether what is published is up to date; ArtifactError if it is, but for a file that is missing or damaged."""
    (run,) = runs()
    record = RESULTS.records("published").get(run.name)
    wrong = RESULTS.fault("published", run, record)
    if wrong and record and not RESULTS.fault("published", run, record | {"files": {}}):
        raise artifacts.ArtifactError(
            f"{wrong}; restore it (git checkout Part2/images Part2/mnist_generator.pt), "
            "or train it again: python my_gan.py --retrain"
        )
    return wrong is None


def publish(work):
    """Puts the results of our recipe's training in their place; says, in words, where, or why not."""
    from gan_study import experiments

    known = artifacts.sha256(work.path / "mnist_generator.pt")
    try:
        measured = experiments.record(OURS)["generator"]
    except artifacts.ArtifactError:
        measured = known  # there is nothing that it could contradict
    if known != measured:
        return (
            f"{work.words()}\nIt is not published: trained on other hardware or by other versions, it differs from the "
            "generator that was measured; to measure and publish this one: python -m gan_study all --retrain"
        )
    with RESULTS.writing("published"):
        before = RESULTS.records("published").get("ours", {"images": []})
        RESULTS.write("published", next(runs()), collected(work), 0)
    for batch in {*before["images"]} - {*published()["images"]}:
        (HERE / "images" / f"{batch}.png").unlink(missing_ok=True)
    return f"trained and published: {HERE / 'images'}, {HERE / 'mnist_generator.pt'}"


def unfinished():
    """Whether a training by our recipe was begun in runs/ and has not finished."""
    return (folder(OURS) / "checkpoint.pt").exists()


def words():
    """What is published, how to look at it, how to make it again."""
    record = published()
    epochs, minutes, grids = record["config"]["recipe"]["n_epochs"], record["trained_in"] / 60, len(record["images"])
    again = f"train it again: python my_gan.py --retrain (it took {minutes:.0f} min)"
    if unfinished():
        again = f"it is being trained again in {folder(OURS)}: python my_gan.py --resume continues"
    return (
        f"up to date: mnist_generator.pt, trained for {epochs} epochs, and {grids} sample grids in images/\n"
        'look at it: Part2.ipynb, or python -m gan_study interpolate --pair "3 -> 8"\n'
        f"{again}; a training of a minute or two: python my_gan.py --n_epochs 5"
    )
