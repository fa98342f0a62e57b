"""The benchmark compares like with like: both ways end in the same weights; and its record meets what is said of it."""

import torch

import gan_benchmark
import my_gan


def test_both_ways_make_the_same_updates(tmp_path):
    """Twenty batches of the same images and noise, float32: the same weights and BatchNorm statistics.

    By gradient descent, since Adam's steps blow rounding errors of gradients near 0 up to its learning rate.
    """
    images = [(image, 0) for image in (torch.rand(20, 32, 1, 28, 28) * 2 - 1)]
    args = my_gan.parse(["--recipe", "ganpy-eps", "--n_epochs", "1", "--no-bf16"])
    made = []
    for way in ("ours", "public"):
        (discriminator, generator, *_), rng = my_gan.build(args)
        before = generator.net[0].weight.detach().clone()
        optimizers = [torch.optim.SGD(network.parameters(), 0.1) for network in (generator, discriminator)]
        if way == "ours":
            my_gan.train(images, discriminator, generator, *optimizers, args, rng, tmp_path)
        else:
            gan_benchmark.public_epoch(images, discriminator, generator, *optimizers, rng)
        made.append(discriminator.state_dict() | {f"G.{k}": v for k, v in generator.state_dict().items()})
        assert (generator.net[0].weight - before).abs().max() > 1e-3
    for name in made[0]:
        torch.testing.assert_close(made[0][name], made[1][name], atol=1e-5, rtol=1e-4)


def test_the_record_has_five_rounds_of_every_way():
    artifact = gan_benchmark.load()
    assert set(artifact["epoch_seconds"]) == set(gan_benchmark.WAYS)
    assert all(len(seconds) == 5 for seconds in artifact["epoch_seconds"].values())
    public, exact, half = gan_benchmark.medians().values()
    assert public > exact > half
