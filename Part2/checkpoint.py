"""The state of a training on disk: saved whole or not at all, and put back so that going on changes no bit."""

import contextlib
import io
import math
import signal
import time

import torch
from tqdm import tqdm

import artifacts

SNAPSHOTS = (1,) if artifacts.SMOKE else (2, 3, 8, 15, 40)  # epochs whose generators are kept, to be measured
SERIES = ("batches_done", "loss_D", "loss_G", "D_x", "D_G_z")


def dump(state, path):
    """torch.save, atomically; OSError if it cannot be written, the disk being full, say."""
    buffer = io.BytesIO()  # torch.save to a path would put the path's name into the bytes
    torch.save(state, buffer)
    with artifacts.atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


class Checkpoint:
    """Where a training is (`epoch`, `batch` within it, `history`), and its networks, optimisers and random states.

    `parts` are named things with a state_dict; `rng` draws the noise and, if the data do so, the order.
    """

    def __init__(self, path, parts, rng, fingerprint, resume):
        self.path, self.parts, self.rng, self.fingerprint = path, parts, rng, fingerprint
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
        if self.epoch in SNAPSHOTS and self.batch == 0:
            dump({name: state[name] for name in ("G", "ema")}, self.path.with_name(f"epoch_{self.epoch}.pt"))
        dump(state | {"at": at, "random": self.random_states(), "fingerprint": self.fingerprint}, self.path)

    def restore(self):
        """Puts back what `save` wrote; ArtifactError if that is unreadable or of another run."""
        try:
            state = torch.load(self.path, weights_only=True, map_location="cpu")
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
