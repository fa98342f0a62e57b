"""Products in bfloat16 are what they are said to be, whichever processor computes them."""

import runpy

import pytest
import torch
from common import ROOT
from torch.nn import functional

import bfloat16

ROUNDING = 2.0**-8  # what rounding to the nearest number of bfloat16 changes at most, relatively


def operands(case, dtype):
    rng = torch.Generator().manual_seed(0)
    shapes = {"linear": ((64, 100), (128, 100), (128,)), "conv2d": ((8, 3, 9, 9), (16, 3, 3, 3), (16,))}[case]
    return [torch.randn(shape, generator=rng).to(torch.bfloat16).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("case", ["linear", "conv2d"])
def test_products_and_gradients_are_exact_ones_rounded_once(case):
    """Operands and the gradient that arrives are numbers of bfloat16: what is left is one rounding of each result."""
    found, exact = operands(case, torch.float32), operands(case, torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        product = getattr(bfloat16, case)(*found)
    expected = getattr(functional, case)(*exact)
    assert product.dtype == torch.bfloat16 and all(each.dtype == torch.float32 for each in found)
    torch.testing.assert_close(product.double(), expected, rtol=ROUNDING, atol=1e-4)
    arrives = torch.randn(product.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    product.backward(arrives)
    expected.backward(arrives.double())
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.grad, one.grad.bfloat16().float(), rtol=0, atol=0)
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=ROUNDING, atol=1e-3)


@pytest.mark.parametrize("case", ["linear", "conv2d"])
def test_autocast_gives_the_same_on_every_processor(case):
    """Here by this module or by the processor's instructions: the same products but for the last bit of a few."""
    x, weight, _ = operands(case, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = getattr(functional, case)(x, weight), getattr(bfloat16, case)(x, weight)
    assert found.dtype == torch.bfloat16
    replaced = "ToCopy" in found.grad_fn.name()  # the last step of bfloat16.product
    assert replaced == hasattr(bfloat16, "KERNELS")
    torch.testing.assert_close(found, expected, rtol=2 * ROUNDING, atol=1e-3)
    assert (found == expected).float().mean() > 0.9


def test_without_bias_with_settings_in_float64_and_outside_of_autocast():
    x, weight, _ = operands("conv2d", torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        strided = bfloat16.conv2d(x, weight, None, (2, 2), (1, 1))
        torch.testing.assert_close(
            functional.conv2d(x, weight, stride=2, padding=1), strided, rtol=2 * ROUNDING, atol=1e-3
        )
        assert bfloat16.linear(x[..., :3].bfloat16(), weight[0, 0]).shape == (8, 3, 9, 3)
        assert functional.linear(torch.ones(2, 3).double(), torch.ones(1, 3).double()).dtype == torch.float64
    assert functional.conv2d(x, weight).dtype == torch.float32


@pytest.mark.parametrize(
    ("there", "mkldnn", "replaced"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, True, ["linear", "conv2d"]),
        ({"avx2": True, "avx512": True}, True, ["linear", "conv2d"]),
        ({"avx2": True, "avx512_bf16": True, "amx_bf16": False}, True, []),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": True}, True, []),
        ({"neon": True, "bf16": True}, False, ["linear", "conv2d"]),
    ],
)
def test_kernels_are_replaced_only_where_there_are_no_instructions_in_use(monkeypatch, there, mkldnn, replaced):
    names = []

    class Library:
        def __init__(self, *_):
            pass

        def impl(self, name, kernel, key):
            names.append(name)
            assert key == "AutocastCPU" and kernel.__name__ == name

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: mkldnn)
    monkeypatch.setattr(torch.library, "Library", Library)
    runpy.run_path(str(ROOT / "Part2" / "bfloat16.py"))
    assert names == replaced
