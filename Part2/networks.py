"""The networks: the template's generator and discriminator, ours that reads black as 0, and C3's wider ones."""

import itertools

import torch
from torch import nn


class Generator(nn.Module):
    """z (batch, latent_dim), standard Normal -> images (batch, 1, 28, 28) in [-1, 1]."""

    def __init__(self, latent_dim=100, bn_eps=1e-5):
        super().__init__()

        def block(n_in, n_out):
            return nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out, bn_eps), nn.LeakyReLU(0.2)

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
    """images (batch, 1, 28, 28) or (batch, 784) -> the probability (batch, 1) that each is real.

    With two outputs, "fake" and "real", a softmax over them is a sigmoid of their difference, and so is its loss.
    """

    def __init__(self, outputs=1):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Linear(784, 512), nn.LeakyReLU(0.2)),
            *(nn.Linear(512, 256), nn.LeakyReLU(0.2)),
            nn.Linear(256, outputs),
        )

    def logits(self, images):
        out = self.net(images.flatten(1))
        return out if out.shape[1] == 1 else out[:, 1:] - out[:, :1]

    def forward(self, images):
        return torch.sigmoid(self.logits(images))


class ZeroBlackDiscriminator(Discriminator):
    """The template's, reading black as 0 and white as 2, not as -1 and 1.

    It can be the same functions, by its first biases. But most pixels of an image are black, and at -1 each of their
    weights, in every batch, is moved by what all images have in common (inputs should be near 0: LeCun et al. 1998).
    """

    def logits(self, images):
        return super().logits(images + 1)


def layers(*widths):
    """Linear layers of these widths with LeakyReLU(0.2) between them."""
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        yield from (nn.Linear(n_in, n_out), nn.LeakyReLU(0.2))
    yield nn.Linear(widths[-2], widths[-1])


class WideGenerator(nn.Module):
    """C3's: z (batch, latent_dim) -> images (batch, 1, 28, 28); a sigmoid's [0, 1] is given as [-1, 1], as ours are."""

    def __init__(self, latent_dim=100):
        super().__init__()
        self.latent_dim = latent_dim
        self.net = nn.Sequential(*layers(latent_dim, 256, 512, 1024, 784), nn.Sigmoid())

    def forward(self, z):
        return 2 * self.net(z).view(-1, 1, 28, 28) - 1


class WideDiscriminator(nn.Module):
    """C3's: images (batch, 1, 28, 28) in [-1, 1], which it reads in [0, 1] -> the probability (batch, 1) of real."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*layers(784, 1024, 512, 256, 1))

    def logits(self, images):
        return self.net((images.flatten(1) + 1) / 2)

    def forward(self, images):
        return torch.sigmoid(self.logits(images))
