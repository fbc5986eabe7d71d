"""`attend` by our Triton kernels, as operators that torch's compiler, counters and autograd see.

Keys and values are read in place from the map, in any strides: nothing is gathered, no bias and no
logits are kept. The kernels are in `triton_kernels`; here is what calls them.
"""

import math
import os
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sabench.catalog.attention import AttentionCall, Cut, Geometry, blocked_block, blocked_macs
from sabench.catalog.attention import Relative as Kind
from sabench.errors import ConfigError
from sabench.layers.kernels import blocked, positions
from sabench.layers.kernels.derivatives import not_given
from sabench.layers.relative import Relative

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
TILE = 8  # rows and columns of a program's queries, and of its keys in the backward pass
NARROW = 32  # channels of a head, above which fp32 without tensor cores has tiles of half the side:
# each product is written out, number by number, and what it reads has to fit in shared memory
LEAST = 16  # what a product of a program's matrices takes on each side
KEYS = 64  # of a step
WIDEST = 256  # columns of a window that a program can hold
MOST_MAPS = 65_535  # what the second axis of CUDA's grid has room for


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + q.r) v, forward and backward in one pass over each block's keys.

    Sums are in fp32; products in fp32 follow torch's setting for TF32. Without keys it is
    `blocked`.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    Raises: ConfigError without Triton, on a device that it has no kernels for, in fp64, or for
    derivatives in forward mode or by torch.func.
    """
    if k is None:
        return blocked.attend(q, k, v, relative, geometry)
    if q.dtype not in DTYPES:
        raise ConfigError(f"implementation=triton has no kernel for {q.dtype}")
    if q.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ConfigError("implementation=triton needs a CUDA device")
    block = blocked_block(geometry)
    rows, columns = (None, None) if relative is None else (relative.rows, relative.columns)
    zero = (0, 0) if relative is None else relative.zero
    if words := not_given([q, k, v, *(x for x in (rows, columns) if x is not None)]):
        raise ConfigError(f"implementation=triton has no {words}: use blocked")
    found: tuple[Tensor, Tensor] = block_attention(
        q, k, v, rows, columns, [*zero], relative is not None and relative.split,
        [*block], geometry.halo, geometry.query_stride, geometry.band, geometry.border == "mask",
    )  # fmt: skip
    return found[0]


@torch.library.custom_op("sabench::block_attention", mutates_args=())
def block_attention(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None,
    zero: list[int], split: bool,
    block: list[int], halo: int, stride: int, band: bool, mask: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The answer, and the base-2 logarithm of each query's sum of exponentials, (B, n, H', W')."""
    out, sums = _answers(q, v)
    if out.numel():
        call = _Call.of(q, k, v, rows, columns, zero, split, block, halo, stride, band, mask)
        _launch(
            "forward", q, call.grid, call.constants, q, k, v, *call.tables, out, sums,
            *q.stride(), *k.stride(), *v.stride(), *out.stride(), *call.numbers,
        )  # fmt: skip
    return out, sums


@block_attention.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return _answers(q, v)


@torch.library.custom_op("sabench::block_attention_backward", mutates_args=())
def block_attention_backward(
    d_out: Tensor, out: Tensor, sums: Tensor,
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None,
    zero: list[int], split: bool,
    block: list[int], halo: int, stride: int, band: bool, mask: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of q, k and v, and of the tables of rows and columns, empty without positions."""
    d_q, d_k, d_v, d_rows, d_columns = _gradients(q, k, v, rows, columns)
    if not out.numel():
        return d_q, d_k, d_v, d_rows.zero_(), d_columns.zero_()
    shared = (d_out.float() * out).sum(-1).contiguous()
    call = _Call.of(q, k, v, rows, columns, zero, split, block, halo, stride, band, mask)
    inputs = (q, k, v, *call.tables, d_out, sums, shared)
    strides = (*q.stride(), *k.stride(), *v.stride(), *d_out.stride())
    parts = call.room_for_parts()
    _launch(
        "backward_queries", q, call.grid, call.constants, *inputs, d_q, *parts,
        *strides, *d_q.stride(), *call.numbers,
    )  # fmt: skip
    _launch(
        "backward_keys", q, call.key_grid, call.constants | call.of_keys, *inputs, d_k, d_v,
        *strides, *d_k.stride(), *d_v.stride(), *call.numbers,
    )  # fmt: skip
    if rows is not None:
        d_rows, d_columns = call.add_up(parts, zero)
    return d_q, d_k, d_v, d_rows, d_columns


@block_attention_backward.register_fake
def _(
    d_out: Tensor, out: Tensor, sums: Tensor, q: Tensor, k: Tensor, v: Tensor,
    rows: Tensor | None, columns: Tensor | None, *rest: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    return _gradients(q, k, v, rows, columns)


def _launch(
    name: str, q: Tensor, grid: tuple[int, int], constants: dict[str, Any], *arguments: Any
) -> None:
    """A kernel on q's device. Raises: ConfigError without Triton, or where it does not fit."""
    try:
        from triton.runtime.errors import OutOfResources

        from sabench.layers.kernels import triton_kernels
    except ImportError as error:
        raise ConfigError(f"implementation=triton needs the package triton: {error}") from error
    try:
        with torch.cuda.device_of(q):  # type: ignore[no-untyped-call]
            getattr(triton_kernels, name)[grid](*arguments, **constants)
    except OutOfResources as error:
        raise ConfigError(f"implementation=triton does not fit on this device: {error}") from error


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.zero, ctx.split, ctx.block, ctx.halo, ctx.stride, ctx.band, ctx.mask = inputs
    ctx.save_for_backward(*tensors, *output)
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx: Any, d_out: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    q, k, v, rows, columns, out, sums = ctx.saved_tensors
    how = (ctx.zero, ctx.split, ctx.block, ctx.halo, ctx.stride, ctx.band, ctx.mask)
    d_q, d_k, d_v, d_rows, d_columns = block_attention_backward(
        d_out, out, sums, q, k, v, rows, columns, *how
    )
    tables = (None, None) if rows is None else (d_rows, d_columns)
    return d_q, d_k, d_v, *tables, *[None] * len(how)


block_attention.register_autograd(_differentiate, setup_context=_remember)


@dataclass(frozen=True, slots=True)
class _Call:
    """What a launch is given beside tensors."""

    grid: tuple[int, int]
    key_grid: tuple[int, int]
    tables: tuple[Tensor, Tensor]
    tiles: tuple[int, int, int, int, int]  # maps; blocks down, tiles of each; the same across
    numbers: tuple[int, ...]
    constants: dict[str, Any]
    of_keys: dict[str, int]  # what is other in the keys' pass

    @classmethod
    def of(
        cls, q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None,
        zero: list[int], split: bool, block: list[int], halo: int, stride: int, band: bool,
        mask: bool,
    ) -> Self:  # fmt: skip
        """Raises: ConfigError for a window that a program cannot hold, or more maps than a grid."""
        (batch, heads, *kept, width), (*size, value_width) = q.shape, v.shape[2:]
        window = [side + 2 * halo for side in block]
        if window[1] > WIDEST:
            raise ConfigError(f"implementation=triton: a window of {window[1]} columns is too wide")
        if batch * heads > MOST_MAPS:
            raise ConfigError(
                f"implementation=triton: batch x heads = {batch * heads} is more than {MOST_MAPS}"
            )
        inner = [-(-side // stride) for side in block]
        is_exact = q.dtype == torch.float32 and not torch.backends.cuda.matmul.allow_tf32
        largest = TILE // 2 if is_exact and max(width, value_width) > NARROW else TILE
        tile = [min(largest, _power(side)) for side in inner]
        tile[1] = max(tile[1], LEAST // tile[0])
        columns_held = _power(window[1])
        rows_held = max(1, KEYS * largest // TILE // columns_held)
        blocks = [-(-size[axis] // block[axis]) for axis in (0, 1)]
        of_block = [-(-inner[axis] // tile[axis]) for axis in (0, 1)]
        tiles = (batch * heads, blocks[0], of_block[0], blocks[1], of_block[1])
        programs = math.prod(tiles[1:])
        key_programs = math.prod(-(-side // largest) for side in size)
        if rows is None or columns is None:
            rows = columns = q
            counts, last, first = (1, 1), width, 0
        else:
            rows, columns = rows.contiguous(), columns.contiguous()
            counts = (len(rows), len(columns))
            last, first = (rows.shape[1], rows.shape[1]) if split else (width, 0)
        reach = [_power(window[i] + (tile[i] - 1) * stride, LEAST) for i in (0, 1)]
        constants = {
            "D": _power(width, LEAST), "DV": _power(value_width, LEAST),
            "TI": tile[0], "TJ": tile[1], "KR": rows_held, "KC": columns_held,
            "I": inner[0], "J": inner[1], "BLOCK_H": block[0], "BLOCK_W": block[1],
            "HALO": halo, "STRIDE": stride, "BAND": band, "MASK": mask,
            "POSITIONS": rows is not q, "LR": reach[0], "LC": reach[1],
            "PRECISION": "tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee",
        }  # fmt: skip
        work = _power(programs * batch * heads)
        numbers = (heads, *size, *kept, *counts, *zero, last, first, width, value_width, work)
        grids = ((programs, batch * heads), (key_programs, batch * heads))
        seen = [_power(largest + (tile[i] - 1) * stride, LEAST) for i in (0, 1)]
        of_keys = {"KR": largest, "KC": largest, "LR": seen[0], "LC": seen[1]}
        return cls(*grids, (rows, columns), tiles, numbers, constants, of_keys)

    def room_for_parts(self) -> list[Tensor]:
        """For what each program adds to the gradients of the tables; none without positions."""
        if not self.constants["POSITIONS"]:
            return [self.tables[0].new_empty(0)] * 2
        reach = (self.constants["LR"], self.constants["LC"])
        return [
            table.new_empty(*self.tiles, reach[axis], table.shape[1], dtype=torch.float32)
            for axis, table in enumerate(self.tables)
        ]

    def add_up(self, parts: list[Tensor], zero: list[int]) -> list[Tensor]:
        """The gradients of the tables."""
        halo, stride = self.constants["HALO"], self.constants["STRIDE"]
        steps = [self.constants[side] * stride for side in ("TI", "TJ")]
        return [
            positions.add_up(
                part, 2 + 2 * axis, zero[axis] - halo - steps[axis] + stride, steps[axis], table
            )
            for axis, (part, table) in enumerate(zip(parts, self.tables, strict=True))
        ]


def _power(count: int, least: int = 1) -> int:
    """The power of two that holds so many."""
    return max(least, 1 << (count - 1).bit_length())


def _answers(q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Room for the answer, its channels last as the projections are, and for the sums."""
    batch, heads, height, width, _ = q.shape
    out = q.new_empty(batch, height, width, heads, v.shape[-1]).permute(0, 3, 1, 2, 4)
    return out, q.new_empty(batch, heads, height, width, dtype=torch.float32)


def _gradients(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None, columns: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Room for all gradients."""
    like = (torch.empty_like(x) for x in (q, k, v))
    tables = (q.new_empty(0) if x is None else x.new_empty(x.shape) for x in (rows, columns))
    return *like, *tables  # type: ignore[return-value]


@register_flop_formula(torch.ops.sabench.block_attention)
def _flops(
    q: torch.Size, k: torch.Size, v: torch.Size, rows: torch.Size | None, columns: object,
    zero: object, split: bool, block: list[int], halo: int, stride: int, band: bool, *rest: Any,
    **how: Any,
) -> int:  # fmt: skip
    """Twice what `blocked` multiplies; a program's fillers up to powers of two are not counted."""
    call = _shape_of(q, v, rows, split, block, halo, stride, band)
    return 2 * q[0] * blocked_macs(call)


@register_flop_formula(torch.ops.sabench.block_attention_backward)
def _flops_backward(
    d_out: object, out: object, sums: object,
    q: torch.Size, k: torch.Size, v: torch.Size, rows: torch.Size | None, columns: object,
    zero: object, split: bool, block: list[int], halo: int, stride: int, band: bool, *rest: Any,
    **how: Any,
) -> int:  # fmt: skip
    """The queries' pass: q.k, dout.v, dq, and q.r with both its gradients; the keys': q.k, dout.v,
    dk, dv and q.r.

    Not counted: what the keys' pass multiplies of blocks that see a part of its tile, and q.r that
    it takes again for each of its tiles.
    """
    call = _shape_of(q, v, rows, split, block, halo, stride, band)
    pairs = call.heads * Cut.of(call).pairs
    positions = blocked_macs(call) - pairs * (call.key_width + call.value_width)
    macs = pairs * (4 * call.key_width + 3 * call.value_width) + 4 * positions
    return 2 * q[0] * macs


def _shape_of(
    q: torch.Size, v: torch.Size, rows: torch.Size | None, split: bool,
    block: list[int], halo: int, stride: int, band: bool,
) -> AttentionCall:  # fmt: skip
    kind: Kind = "none" if rows is None else "split" if split else "sum"
    geometry = Geometry((block[0], block[1]), halo, band, query_stride=stride)
    return AttentionCall(q[1], q[4], v[4], (v[2], v[3]), geometry, kind)
