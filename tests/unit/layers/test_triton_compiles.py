"""Our Triton kernels through Triton's compiler, for a GPU that need not be there.

The interpreter runs what the compiler refuses: a name that changes its shape in a loop, for one.
"""

from itertools import product
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from sabench.layers.kernels import triton_kernels
from sabench.layers.kernels.triton import _Call
from sabench.measure import exp_kernel

HOPPER = GPUTarget("cuda", 90, 32)
FP32 = ("rows", "columns", "lse", "delta", "d_rows", "d_columns")
TENSORS = ("q", "k", "v", "out", "d_out", "d_q", "d_k", "d_v")
CALLS = {  # block, halo, stride, band, positions, widths of keys and values
    "halo": ([8, 8], 3, 1, False, True, (16, 16)),
    "band": ([4, 4], 3, 1, True, True, (32, 32)),
    "widths apart, every second query": ([8, 8], 3, 2, False, False, (20, 2)),
    "few queries of a tile": ([2, 2], 3, 1, False, True, (16, 16)),
    "a row of keys a step": ([56, 56], 0, 1, False, True, (32, 32)),
    "wide heads": ([7, 7], 3, 1, False, True, (128, 128)),
}


each_kernel = pytest.mark.parametrize("kernel", ["forward", "backward_queries", "backward_keys"])


def call_of(
    dtype: torch.dtype,
    block: list[int],
    halo: int,
    stride: int,
    band: bool,
    positions: bool,
    widths: tuple[int, int],
) -> _Call:
    q, k = (torch.empty(1, 4, side, side, widths[0], dtype=dtype) for side in (28 // stride, 28))
    table = torch.empty(27, widths[0], dtype=dtype) if positions else None
    v = torch.empty(1, 4, 28, 28, widths[1], dtype=dtype)
    how = ([13, 13], False, block, halo, stride, band, True)
    return _Call.of(q, k, v, table, table, *how)


def compiled(kernel: str, name: str, dtype: str, warps: int) -> Any:
    function = getattr(triton_kernels, kernel).fn
    call = call_of({"bf16": torch.bfloat16, "fp32": torch.float32}[dtype], *CALLS[name])
    constants: dict[str, Any] = call.constants
    if kernel == "backward_keys":
        constants = constants | call.of_keys
    kinds = dict.fromkeys(function.arg_names, "i32")
    kinds |= dict.fromkeys(constants, "constexpr")
    kinds |= {key: "*fp32" for key in kinds if key in FP32}
    kinds |= {key: f"*{dtype}" for key in kinds if key in TENSORS}
    source = ASTSource(fn=function, signature=kinds, constexprs=constants)
    return compile(source, target=HOPPER, options={"num_warps": warps})


USUAL = (("halo", "bf16"), ("band", "fp32"), ("widths apart, every second query", "bf16"))


@each_kernel
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param(*one, marks=() if one in USUAL else pytest.mark.slow)
        for one in product(CALLS, ("bf16", "fp32"))
    ],
)
def test_it_compiles(kernel: str, name: str, dtype: str) -> None:
    made = compiled(kernel, name, dtype, 4)
    assert ("mma" in made.asm["ptx"]) == (dtype == "bf16")  # on tensor cores; fp32 as it is
    assert made.metadata.shared <= 227 * 1024


@each_kernel
def test_numbers_of_warps_are_searched(kernel: str) -> None:
    assert [one.num_warps for one in getattr(triton_kernels, kernel).configs] == [4, 2, 8]


@pytest.mark.slow
@each_kernel
@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("warps", [2, 8])
def test_it_compiles_with_every_number_of_warps(
    kernel: str, dtype: str, name: str, warps: int
) -> None:
    assert compiled(kernel, name, dtype, warps).metadata.num_warps == warps


@each_kernel
def test_the_search_is_by_what_the_kernel_is_compiled_for(kernel: str) -> None:
    """All but what follows from the rest: places in a block, and the tables' reach; and by how much
    work there is."""
    function = getattr(triton_kernels, kernel)
    fixed = {one.name for one in function.fn.params if one.is_constexpr}
    assert fixed - {*function.keys} == {"I", "J", "LR", "LC"}
    assert {*function.keys} - fixed == {"work"}
    assert function.cache_results


def test_exponentials_are_repeated_in_registers() -> None:
    """One load and one store a number, and nothing between them but arithmetic."""
    constants = {"REPEATS": exp_kernel.REPEATS, "BLOCK": exp_kernel.BLOCK}
    kinds = {"x": "*fp32", "y": "*fp32"} | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=exp_kernel.repeat_exp, signature=kinds, constexprs=constants)
    made = compile(source, target=HOPPER, options={"num_warps": 4})
    ptx = made.asm["ptx"]
    a_thread = exp_kernel.BLOCK // (4 * 32)
    assert ptx.count("ld.global") == ptx.count("st.global") == a_thread
    assert ptx.count("ex2.approx") >= a_thread
    assert "local" not in ptx
