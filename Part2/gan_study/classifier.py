"""The MNIST classifiers that measure the GAN: which digit an image shows, how surely, and features to compare sets by.

    python -m gan_study classifiers         trains both, unless done: results/classifiers.jsonl, classifier_*.pt

Recipes were chosen by the first and are reported by the second, of another architecture and trained apart, so that no
number of the report was itself optimised. Both are trained on randomly shifted images with Adam under a one-cycle
learning rate (Smith & Topin 2018). Images are (batch, 1, 28, 28) in [-1, 1], as the generator makes them.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import artifacts
from checkpoint import packed
from dataset import mnist


class Classifier(nn.Module):
    """images (batch, 1, 28, 28) in [-1, 1] -> logits (batch, 10); `features` gives the values before them."""

    num_features = 128

    def __init__(self):
        super().__init__()
        self.body = self.make_body()
        self.head = nn.Linear(self.num_features, 10)

    def features(self, images):
        return self.body(images)

    def forward(self, images):
        return self.head(nn.functional.dropout(self.features(images), 0.3, self.training))


class Convolutional(Classifier):
    """3x3 convolutions with BatchNorm, max pooling, and a fully connected layer."""

    def make_body(self):
        def block(n_in, n_out):
            return nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()

        return nn.Sequential(
            *(*block(1, 16), *block(16, 32), nn.MaxPool2d(2)),  # 14 x 14
            *(*block(32, 32), *block(32, 64), nn.MaxPool2d(2)),  # 7 x 7
            *(nn.Flatten(), nn.Linear(64 * 7 * 7, self.num_features), nn.ReLU()),
        )


class Residual(Classifier):
    """Residual blocks (He et al. 2016) with strided 5x5 convolutions between them, GELU, and a mean over all places."""

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.net = nn.Sequential(
                *(nn.BatchNorm2d(channels), nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False)),
                *(nn.BatchNorm2d(channels), nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False)),
            )

        def forward(self, x):
            return x + self.net(x)

    def make_body(self):
        return nn.Sequential(
            *(nn.Conv2d(1, 32, 5, stride=2, padding=2), self.Block(32)),  # 14 x 14
            *(nn.Conv2d(32, 64, 5, stride=2, padding=2), self.Block(64)),  # 7 x 7
            *(nn.Conv2d(64, self.num_features, 3, stride=2, padding=1), self.Block(self.num_features)),  # 4 x 4
            *(nn.BatchNorm2d(self.num_features), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )


FOLDER = mnist.HERE.parent / "results"
ARCHITECTURES = {"tuning": Convolutional, "reporting": Residual}


@torch.no_grad()
def classify(classifier, images):
    """(digit int64 (n,), its probability (n,)) for each of `images` (n, 1, 28, 28) in [-1, 1]."""
    probabilities = torch.cat([classifier(part).softmax(1) for part in images.split(1000)])
    return probabilities.argmax(1), probabilities.amax(1)


def shift(images, pixels=2):
    """The batch moved by up to `pixels` in each direction, the border filled with background."""
    row, column = torch.randint(0, 2 * pixels + 1, (2,)).tolist()
    padded = nn.functional.pad(images, [pixels] * 4, value=-1.0)
    return padded[..., row : row + 28, column : column + 28]


def fit(images, labels, test_images, test_labels, config):
    """Trains on `images`; returns (the classifier in eval mode, test accuracy after each epoch)."""
    torch.manual_seed(config["seed"])
    classifier = ARCHITECTURES[config["use"]]()
    batches = mnist.Batches(images, labels, config["batch_size"], torch.Generator().manual_seed(config["seed"]), "cpu")
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    steps = config["n_epochs"] * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config["lr"], total_steps=steps)
    accuracies = []
    for epoch in range(config["n_epochs"]):
        classifier.train()
        for x, y in batches:
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(shift(x))
            optimizer.zero_grad()
            cross_entropy(logits.float(), y).backward()
            optimizer.step()
            schedule.step()
        digits, _ = classify(classifier.eval(), mnist.normalise(test_images))
        accuracies.append((digits == test_labels).float().mean().item())
        print(
            f"{config['use']}: epoch {epoch + 1}/{config['n_epochs']}  test accuracy {accuracies[-1]:.4f}", flush=True
        )
    return classifier, accuracies


def perform(config, data_root=mnist.HERE, **_):
    """Trains the classifier that `config` describes; returns its test accuracies and its weights."""
    train_set, test_set = (mnist.load(config["dataset"], split, data_root) for split in ("train", "test"))
    classifier, accuracies = fit(*train_set, *test_set, config)
    return {"test_accuracy": accuracies, f"classifier_{config['use']}.pt": packed(classifier.state_dict())}


def load_classifier(use="reporting", folder=FOLDER):
    """The trained classifier `use` in eval mode; ArtifactError if its file is missing or unreadable."""
    path = folder / f"classifier_{use}.pt"
    try:
        classifier = ARCHITECTURES[use]()
        classifier.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:  # torch.load and load_state_dict raise many kinds
        raise artifacts.ArtifactError(
            f"{path} cannot be read ({error!r:.200}); make it with: python -m gan_study classifiers"
        ) from error
    return classifier.eval()
