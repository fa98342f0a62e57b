"""The state of a training on disk: saved whole or not at all, and restored so exactly that going on changes no bit.

This is the one place of Part II that puts report/ on the path, for report/artifacts.py: what a result is.
"""

import contextlib
import io
import math
import signal
import sys
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torchvision.utils import save_image
from tqdm import tqdm

sys.path.append(str(Path(__file__).resolve().parent.parent / "report"))
import artifacts

SERIES = ("batches_done", "loss_D", "loss_G", "D_x", "D_G_z")


def packed(state):
    """What torch.save writes, as bytes that do not depend on a file's name."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def seal(state, path):
    """Saves `state` with a hash of its bytes, atomically; OSError if it cannot be written, the disk being full, say."""
    content = packed(state)
    sealed = {"hash": artifacts.sha256(content), "content": torch.frombuffer(bytearray(content), dtype=torch.uint8)}
    with artifacts.atomic(path) as temporary:
        temporary.write_bytes(packed(sealed))


def unseal(path):
    """What `seal` saved, on the CPU; ValueError if its bytes are not those that were written."""
    sealed = torch.load(path, weights_only=True, map_location="cpu")
    content = sealed["content"].numpy().tobytes()
    if (found := artifacts.sha256(content)) != sealed["hash"]:
        raise ValueError(f"its content's hash is {found[:16]}, but {sealed['hash'][:16]} was written")
    return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")


def save_grid(images, path):
    """Images (n, 1, 28, 28) in [-1, 1] as a picture, 5 a row."""
    with artifacts.atomic(path) as temporary:
        save_image((images + 1) / 2, temporary, nrow=5)


class Checkpoint:
    """Where a training is (`epoch`, `batch` within it, `history`), and its networks, optimisers and random states.

    `parts` are named things with a state_dict; `rng` draws the noise and, if the data do so, the order. A checkpoint is
    resumed only if the same code wrote it (`perform` and all that it calls) with the same `config`.
    """

    def __init__(self, path, parts, rng, config, perform, resume=False):
        self.path, self.parts, self.rng = path, parts, rng
        self.fingerprint = artifacts.fingerprint(config, perform)
        self.epoch, self.batch, self.seconds, self.order = 0, 0, 0.0, None
        self.stretch, self.history = [], {name: [] for name in (*SERIES, "epoch_seconds")}
        if resume and path.exists():
            self.restore()

    def random_states(self):
        return {"rng": self.rng.get_state(), "global": torch.get_rng_state()}

    def set_random_states(self, states):
        self.rng.set_state(states["rng"])
        torch.set_rng_state(states["global"])

    def save(self):
        state = {name: part.state_dict() for name, part in self.parts.items()}
        at = {name: getattr(self, name) for name in ("epoch", "batch", "seconds", "order", "stretch", "history")}
        seal(state | {"at": at, "random": self.random_states(), "fingerprint": self.fingerprint}, self.path)

    def restore(self):
        """Puts back what `save` wrote; ArtifactError if that is damaged or of another training."""
        try:
            state = unseal(self.path)
            if state["fingerprint"] != self.fingerprint:
                raise ValueError("made with other settings or other code")
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.set_random_states(state["random"])
            self.__dict__ |= state["at"]
        except Exception as error:  # torch.load and load_state_dict raise many kinds
            raise artifacts.ArtifactError(
                f"{self.path} cannot be resumed ({error!r:.200}); --retrain starts it over"
            ) from error

    def batches(self, dataloader):
        """Yields the images of the batches that remain of this epoch; after each, counts it, and heeds Ctrl-C.

        Raises KeyboardInterrupt at Ctrl-C, between two batches and after saving.
        """
        started = time.perf_counter() - self.seconds
        now, self.order = self.random_states(), self.order or self.random_states()
        self.set_random_states(self.order)  # from here the data draw this epoch's order
        rest = iter(tqdm(dataloader, f"epoch {self.epoch + 1}", leave=False, disable=None))
        for _ in range(self.batch):  # done before an interruption
            next(rest)
        if self.batch:
            self.set_random_states(now)
        with interruptible() as pressed:
            for images, *_ in rest:
                yield images
                self.batch += 1
                self.seconds = time.perf_counter() - started
                if pressed:
                    self.save()
                    raise KeyboardInterrupt
        self.history["epoch_seconds"].append(round(self.seconds, 2))
        self.epoch, self.batch, self.seconds, self.order = self.epoch + 1, 0, 0.0, None

    def log(self, values, batches_done, full):
        """Gathers the batch's `values` (a tensor); when the stretch is `full`, appends its means to the history.

        The device is asked once a stretch. Raises FloatingPointError if a mean is not finite.
        """
        self.stretch.append(values)
        if full:
            means = torch.stack([each.to(values.device) for each in self.stretch]).mean(0).tolist()
            if not all(map(math.isfinite, means)):
                raise FloatingPointError(f"a loss is not finite before batch {batches_done}: {means}")
            for name, value in zip(SERIES, [batches_done, *means], strict=True):
                self.history[name].append(round(value, 5))
            self.stretch.clear()

    def end_epoch(self, n_epochs):
        """Saves, and prints a line; FloatingPointError, instead, if a weight is no longer finite."""
        for name in ("G", "D"):
            if not all(p.isfinite().all() for p in self.parts[name].parameters()):
                raise FloatingPointError(f"a weight of {name} is not finite after epoch {self.epoch}")
        self.save()
        latest = "  ".join(f"{name} {values[-1]:g}" for name, values in self.history.items())
        print(f"epoch {self.epoch}/{n_epochs}  {latest}", flush=True)


@contextlib.contextmanager
def interruptible():
    """A list that Ctrl-C fills instead of interrupting the block; a second Ctrl-C interrupts."""
    pressed = []

    def handler(*_):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    try:
        previous = signal.signal(signal.SIGINT, handler)
    except ValueError:  # not in the main thread, where nobody can press it
        yield pressed
        return
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, previous)


class Folder:
    """The folder of one training: its checkpoint while it runs, its result, training.jsonl, when it has finished.

    The training is what the project's function `perform` does with `config`.
    """

    def __init__(self, path, config, perform):
        self.path, self.checkpoint = path, path / "checkpoint.pt"
        self.run = artifacts.Run("training", config)
        experiments = {"training": artifacts.Experiment(lambda: [self.run], perform)}
        self.results = artifacts.Results(path, experiments, "python my_gan.py --retrain")

    def finished(self):
        """The record of the training, if it has finished with the code as it is now; else None."""
        record = self.results.records("training").get("training")
        return None if self.results.fault("training", self.run, record) else record

    def resumable(self):
        """Whether there is a checkpoint that this training can continue from."""
        try:
            expected = artifacts.fingerprint(self.run.config, self.results.experiments["training"].perform)
            return unseal(self.checkpoint)["fingerprint"] == expected
        except Exception:  # whatever torch.load raises for what is missing or damaged
            return False

    def clear(self):
        """Removes what a training writes, and nothing else that may lie here."""
        for pattern in ("images/[0-9]*.png", "checkpoint.pt", "mnist_generator.pt", "training.jsonl"):
            for file in self.path.glob(pattern):
                file.unlink()

    @contextlib.contextmanager
    def alone(self):
        """Holds the folder; ArtifactError if another process does. Removes what killed processes left half-done."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise artifacts.ArtifactError(
                f"another process is running this training, in {self.path}; wait until it has finished, or stop it"
            ) from None
        try:
            for leftover in (*self.path.glob(".*-*"), *self.path.glob("images/.*-*")):
                leftover.unlink()
            if self.checkpoint.exists() and self.finished():
                self.checkpoint.unlink()
            yield self
        except KeyboardInterrupt as stop:
            kept = f"what was trained is saved in {self.path}: --resume continues it"
            kept = kept if self.checkpoint.exists() else "nothing was trained yet"
            raise KeyboardInterrupt(f"{stop.args[0] if stop.args else 'interrupted'}; {kept}") from None
        except FloatingPointError as error:
            kept = f"the state after the last whole epoch is kept in {self.checkpoint}"
            kept = kept if self.checkpoint.exists() else "no epoch was completed, so nothing is kept"
            raise FloatingPointError(f"{error}; {kept}") from None
        finally:
            lock.release()

    def is_to_do(self, resume, retrain):
        """Whether to train, the folder being prepared for it; ArtifactError if that would throw away a checkpoint."""
        if retrain:
            self.clear()
        elif self.finished():
            return False
        elif not self.checkpoint.exists():
            self.clear()  # what is there was made with other code
        elif not resume:
            raise artifacts.ArtifactError(
                f"an unfinished training is in {self.path}: --resume continues it, --retrain starts it over"
            )
        return True

    def words(self):
        """Where the results of the finished training are, and what to do with them."""
        return (
            f"trained: sample grids in {self.path / 'images'}, the generator in {self.path / 'mnist_generator.pt'}\n"
            f"--retrain trains it again; python my_gan.py --help lists the settings"
        )

    def write(self, results, device):
        """Keeps the results of the finished training, whose checkpoint is then of no more use."""
        seconds = sum(results["history"]["epoch_seconds"])
        self.results.write("training", self.run, results, seconds, hardware=artifacts.hardware(device))
        self.checkpoint.unlink(missing_ok=True)
        return self.finished()
