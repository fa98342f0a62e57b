"""How far the Fréchet distance depends on the classifier: what annealing is worth by four of them, and why.

    python -m gan_study opinions            results/opinions.jsonl, unless up to date

The classifiers of classifier.py were trained to be sure of a digit wherever it stands: on shifted images, with
BatchNorm, dropout and a learning rate that falls to 0. Two more are trained here as plainly as possible: two
convolutions, none of these, Adam at a constant rate. All four compare the same samples with the same training images:
as they are, only those images that the reporting classifier is sure of, and all of them blurred.
"""

import torch
from filelock import FileLock
from torch import nn
from torch.nn.functional import conv2d, cross_entropy
from torchvision.transforms.functional import gaussian_blur

import artifacts
from dataset import mnist
from gan_study import measures, quality, trainings
from gan_study.classifier import ARCHITECTURES, Classifier, classify, load_classifier
from my_gan import sample

N_EPOCHS = 1 if artifacts.SMOKE else 4
BLUR = 1.0  # pixels, the standard deviation


class Plain(Classifier):
    """Two 3x3 convolutions with max pooling, and a fully connected layer."""

    def make_body(self):
        return nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # 14 x 14
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # 7 x 7
            *(nn.Flatten(), nn.Linear(64 * 7 * 7, self.num_features), nn.ReLU()),
        )

    def forward(self, images):
        return self.head(self.features(images))


def plain(images, labels, seed):
    """A Plain classifier in eval mode, trained on `images` uint8 (n, 28, 28)."""
    torch.manual_seed(seed)
    classifier = Plain()
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-3, fused=True)
    batches = mnist.Batches(images, labels, 128, torch.Generator().manual_seed(seed), "cpu")
    for _ in range(N_EPOCHS):
        for x, y in batches:
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(x)
            optimizer.zero_grad()
            cross_entropy(logits.float(), y).backward()
            optimizer.step()
    return classifier.eval()


def sure(images):
    """Which of `images` the reporting classifier is sure of: bool (n,)."""
    return classify(load_classifier(), images)[1] >= quality.CONFIDENCE


def blurred(images):
    """`images` through a Gaussian filter, which takes away detail of about two pixels: grain, and edges of strokes."""
    return torch.cat([gaussian_blur(part, 7, BLUR) for part in images.split(1000)])


def roughness(images):
    """The squared Laplacian, large where a pixel differs from its neighbours: summed over these, mean over `images`."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    return conv2d(images, kernel[None, None]).square().flatten(1).sum(1).mean().item()


def strokes(images):
    """{"variance": of the grey values, summed over the pixels, "roughness"}."""
    return {"variance": images.flatten(1).var(0).sum().item(), "roughness": roughness(images)}


def trained(config, data_root):
    """`trainings.trained`, but it waits while another run of this experiment has that training."""
    with FileLock(trainings.HERE / "runs" / "study" / f".{config['folder']}.lock"):
        return trainings.trained(config, data_root)


def samples(config, data_root):
    """{name: (images, which of them are sure)}: of each training in the configuration, and test images."""
    found = {}
    for each in config["trainings"]:
        generator = trainings.generator_of(trained(each, data_root))
        images = sample(generator, quality.N_SAMPLES, seed=1)
        found[each["folder"]] = images, sure(images)
    test = mnist.normalise(mnist.load(config["dataset"], "test", data_root)[0])[: quality.N_SAMPLES]
    return found | {"test images": (test, sure(test))}


def perform(config, data_root=mnist.HERE, **_):
    """{"distances", "test_accuracy"} by the classifier that `config` names.

    "distances": {name: {"all", "sure", "blurred": Fréchet distances to the training images, "share": of images that are
    sure, "variance", "roughness"}}; those of "training images" are of the first to the rest.
    """
    images, labels = mnist.load(config["dataset"], "train", data_root)
    training = mnist.normalise(images)
    by = load_classifier(config["use"]) if config["use"] in ARCHITECTURES else plain(images, labels, config["seed"])

    def seen(images, which):
        every, soft = (measures.features(by, each)[0] for each in (images, blurred(images)))
        return {"all": every, "sure": every[which], "blurred": soft}

    real, n = seen(training, sure(training)), quality.N_SAMPLES
    metrics = {what: measures.frechet_to(each) for what, each in real.items()}
    first = {what: measures.frechet(measures.frechet_to(real[what][n:]), real[what][:n]) for what in ("all", "blurred")}
    found = {"training images": first | strokes(training)}
    for name, (some, which) in samples(config, data_root).items():
        found[name] = {what: measures.frechet(metrics[what], each) for what, each in seen(some, which).items()}
        found[name] |= {"share": which.float().mean().item(), **strokes(some)}
    tests, digits = mnist.load(config["dataset"], "test", data_root)
    right = classify(by, mnist.normalise(tests))[0] == digits
    return {"distances": found, "test_accuracy": right.float().mean().item()}
