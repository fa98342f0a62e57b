"""MNIST as two tensors: downloaded by torchvision, every file checked by its md5, read at once, served in batches.

    python mnist.py [--data_root FOLDER]        downloads what is missing, verifies all four files

The files lie in FOLDER/MNIST/raw, as torchvision lays them; FOLDER is this one unless given. `--dataset digits`,
wherever it is a flag, means the 1,797 handwritten digits that scikit-learn brings along, scaled to 28x28: no network.
"""

import argparse
import hashlib
import socket
import sys
import tempfile
from pathlib import Path

import torch
from torchvision.datasets import MNIST
from torchvision.datasets.mnist import read_image_file, read_label_file

HERE = Path(__file__).parent
MD5 = {  # of the uncompressed files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TIMEOUT = 30  # seconds without an answer from a server


class DataError(OSError):
    """MNIST is not there and cannot be had; the message says what to do."""


def problems(raw):
    """File name -> what is wrong with it, for the files of folder `raw` that are not MNIST's."""
    found = {}
    for name, expected in MD5.items():
        path = raw / name
        if not path.is_file():
            found[name] = "missing"
        elif (md5 := hashlib.md5(path.read_bytes()).hexdigest()) != expected:
            found[name] = f"wrong: {path.stat().st_size} bytes with md5 {md5}"
    return found


def download(data_root=HERE):
    """Fills data_root/MNIST/raw; files that are there and right are kept, nothing half-written is left.

    Raises DataError, naming the four files and the offline alternative, if that does not succeed.
    """
    if not Path(data_root).is_dir():
        raise DataError(f"--data_root {data_root} is not a folder; expected one that holds MNIST/raw, or is to hold it")
    raw = Path(data_root) / "MNIST" / "raw"
    found = problems(raw)
    if not found:
        return
    print("MNIST: " + "; ".join(f"{raw / name} is {what}" for name, what in found.items()) + ": downloading")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_root, prefix=".download-") as scratch:
            new = Path(MNIST(scratch, download=True).raw_folder)
            if wrong := problems(new):
                raise RuntimeError(f"the downloaded files are not MNIST's: {wrong}")
            for name in found:
                (new / name).replace(raw / name)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"MNIST could not be downloaded ({type(error).__name__}: {error}).\n"
            f"Put these four files, uncompressed, into {raw}:\n"
            + "".join(f"  {name}   md5 {md5}, here {found.get(name, 'right')}\n" for name, md5 in MD5.items())
            + "or say where they are (--data_root FOLDER, which holds MNIST/raw), "
            "or train offline on scikit-learn's digits (--dataset digits)."
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


def load(dataset="mnist", split="train", data_root=HERE):
    """(images uint8 (n, 28, 28), labels int64 (n,)) of `split` "train" or "test"; for "mnist", downloaded if need be.

    Raises DataError if MNIST is not to be had.
    """
    if dataset == "digits":
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] * (255 / 16)
        images = torch.nn.functional.interpolate(images, size=28, mode="bilinear")[:, 0].round().to(torch.uint8)
        part = slice(0, 1500) if split == "train" else slice(1500, None)
        return images[part], torch.tensor(bunch.target)[part].long()
    download(data_root)
    raw, stem = Path(data_root) / "MNIST" / "raw", {"train": "train", "test": "t10k"}[split]
    return read_image_file(str(raw / f"{stem}-images-idx3-ubyte")), read_label_file(
        str(raw / f"{stem}-labels-idx1-ubyte")
    )


def normalise(images):
    """uint8 (n, 28, 28) -> float32 (n, 1, 28, 28) in [-1, 1], the range of the generator's tanh."""
    return images.unsqueeze(1).float() / 127.5 - 1


class Batches:
    """The training set in memory: an epoch is a permutation, a batch (images in [-1, 1], labels), the rest dropped."""

    def __init__(self, images, labels, batch_size, rng, device):
        if not 0 < batch_size <= len(images):
            raise ValueError(f"batch_size is {batch_size}; expected 1 to {len(images)}, the number of images")
        self.images, self.labels = images.to(device), labels.to(device)
        self.batch_size, self.rng, self.device = batch_size, rng, device

    def __len__(self):
        return len(self.images) // self.batch_size

    def __iter__(self):
        order = torch.randperm(len(self.images), generator=self.rng).to(self.device)
        for index in order[: len(self) * self.batch_size].split(self.batch_size):
            yield normalise(self.images[index]), self.labels[index]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", type=Path, default=HERE, help="folder that holds MNIST/raw")
    root = parser.parse_args().data_root
    try:
        download(root)
    except DataError as error:
        sys.exit(str(error))
    print(f"MNIST: four files verified in {root / 'MNIST' / 'raw'}")
