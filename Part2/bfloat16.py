"""Products in bfloat16 as fast as in float32 on processors that have no instructions for them; recipes.py imports it.

There PyTorch takes some ten times as long for a product in bfloat16 as in float32. So the linear layers and
convolutions of torch.autocast are replaced: the operands are rounded to bfloat16, multiplied in float32, and the
result is rounded; likewise for gradients. Instructions for bfloat16 do the same: they, too, sum in float32, in an order
of their own. Like PyTorch's own kernels, this is part of no result's fingerprint.
"""

import torch
from torch.nn import functional


def rounded(tensor):
    """The values of `tensor` in autocast's format, as float32; its gradient is rounded, too. None stays None."""
    return None if tensor is None else tensor.to(torch.get_autocast_dtype("cpu")).float()


def product(function, x, weight, bias, *settings):
    """function(x, weight, bias, *settings) as in autocast: the result in bfloat16, but in float64 if `x` is."""
    with torch.autocast("cpu", enabled=False):
        if x.dtype == torch.float64:
            return function(x, weight, bias, *settings)
        return function(rounded(x), rounded(weight), rounded(bias), *settings).to(torch.get_autocast_dtype("cpu"))


def linear(x, weight, bias=None):
    return product(functional.linear, x, weight, bias)


def conv2d(x, weight, bias=None, *settings):
    return product(functional.conv2d, x, weight, bias, *settings)


INSTRUCTIONS = any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)
if not (INSTRUCTIONS and torch.backends.mkldnn.is_available()):  # oneDNN, which uses them
    KERNELS = torch.library.Library("aten", "IMPL")  # as long as it lives
    for kernel in (linear, conv2d):
        KERNELS.impl(kernel.__name__, kernel, "AutocastCPU")
