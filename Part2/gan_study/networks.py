"""The networks of recipes that do not train the template's own: ours, which reads black as 0, D2's and C3's."""

import itertools

import torch
from torch import nn

from my_gan import Discriminator, Generator


class ZeroBlackDiscriminator(Discriminator):
    """The template's, reading black as 0 and white as 2, not as -1 and 1.

    It can be the same functions, by its first biases. But most pixels of an image are black, and at -1 each of their
    weights, in every batch, is moved by what all images have in common (inputs should be near 0: LeCun et al. 1998).
    """

    def logits(self, images):
        return super().logits(images + 1)


class TwoOutputDiscriminator(nn.Module):
    """D2's: two logits, "fake" and "real". A softmax over them is a sigmoid of their difference, and so is its loss."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*layers(784, 512, 256, 2))

    def logits(self, images):
        out = self.net(images.flatten(1))
        return out[:, 1:] - out[:, :1]

    def forward(self, images):
        return torch.sigmoid(self.logits(images))


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


NETWORKS = {  # recipe.networks: what makes G, then D, of a recipe
    "zero-black": (lambda recipe: Generator(recipe.latent_dim, recipe.bn_eps), lambda recipe: ZeroBlackDiscriminator()),
    "two-output": (lambda recipe: Generator(recipe.latent_dim, recipe.bn_eps), lambda recipe: TwoOutputDiscriminator()),
    "wide": (lambda recipe: WideGenerator(recipe.latent_dim), lambda recipe: WideDiscriminator()),
}
