"""Triton kernels of attention over blocks: keys read in place, nothing gathered, no logits kept.

A program has a tile of TI x TJ queries of one block and walks the rows of the block's window. Both
position logits and all masks factorise into the key's row and its column, so they are two small
matrices beside the tile: q times the rows of a table that the tile can reach, each query's own cut
out of it by `tl.gather`. Sums are in fp32, exponentials to base 2. The backward pass computes the
weights again, once for a tile of queries and once for a tile of keys, and adds in a fixed order.

Names: q_b, q_n, q_h, q_w, q_d are q's strides; a block has I x J queries, TI x TJ of them a tile;
KR rows of KC keys are a step; D and DV hold a head's channels, LR and LC what a tile reaches of the
tables of rows and columns.
"""

import os
from typing import Any

import triton
import triton.language as tl

from sabench.layers.kernels.triton_parts import (
    FAR,
    along,
    by_tables,
    pair_logits,
    places,
    queries_of,
    reached_from,
    through_table,
    tile_of,
    vectors,
)

WARPS = (4, 2, 8)
"""Of a program. The search times a kernel with each, once for every setting; Triton keeps the
fastest beside what it compiled. Its interpreter has none."""

SETTING = (
    *("D", "DV", "TI", "TJ", "KR", "KC", "BLOCK_H", "BLOCK_W"),
    *("HALO", "STRIDE", "BAND", "MASK", "POSITIONS", "PRECISION", "work"),
)
"""`work` is the number of programs, rounded up to a power of two."""


def searched(kernel: Any) -> Any:
    """A kernel with the number of warps that is fastest for its widths, tiles and window."""
    warps = WARPS[:1] if os.environ.get("TRITON_INTERPRET") == "1" else WARPS
    configs = [triton.Config({}, num_warps=number) for number in warps]
    return triton.autotune(configs, key=[*SETTING], cache_results=True)(kernel)


@searched
@triton.jit(do_not_specialize=["work"])
def forward(
    q, k, v, rows, columns, out, lse,
    q_b, q_n, q_h, q_w, q_d, k_b, k_n, k_h, k_w, k_d,
    v_b, v_n, v_h, v_w, v_d, o_b, o_n, o_h, o_w, o_d,
    heads, height, width, kept_height, kept_width,
    rows_count, columns_count, rows_zero, columns_zero, rows_last, columns_first,
    channels, value_channels, work,
    D: tl.constexpr, DV: tl.constexpr, TI: tl.constexpr, TJ: tl.constexpr,
    KR: tl.constexpr, KC: tl.constexpr, I: tl.constexpr, J: tl.constexpr,
    BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr, HALO: tl.constexpr, STRIDE: tl.constexpr,
    BAND: tl.constexpr, MASK: tl.constexpr, POSITIONS: tl.constexpr,
    LR: tl.constexpr, LC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """out and the base-2 logarithm of each query's sum of exponentials."""
    A: tl.constexpr = BLOCK_H + 2 * HALO
    B: tl.constexpr = BLOCK_W + 2 * HALO
    block_i, first_i, block_j, first_j = tile_of(tl.program_id(0), width, I, J, TI, TJ, BLOCK_W)
    image, head = (tl.program_id(1) // heads).to(tl.int64), tl.program_id(1) % heads
    i, j, row, column, kept = queries_of(
        block_i, first_i, block_j, first_j, kept_height, kept_width, I, J, TI, TJ
    )
    queries = vectors(
        q + image * q_b + head * q_n, row, column, q_h, q_w, q_d, kept_height, kept_width,
        channels, kept, D,
    )  # fmt: skip
    top, left = block_i * BLOCK_H - HALO, block_j * BLOCK_W - HALO
    last_i, last_j = first_i + TI - 1, first_j + TJ - 1
    by_row, by_column = by_tables(
        queries, rows, columns, rows_zero - HALO - last_i * STRIDE,
        columns_zero - HALO - last_j * STRIDE, rows_count, columns_count, rows_last, columns_first,
        channels, D, LR, LC, TI * TJ, POSITIONS, PRECISION,
    )  # fmt: skip
    key_column = tl.arange(0, KC)
    column_bias = along(
        by_column, j, key_column, 0, last_j, width, left,
        B, HALO, STRIDE, BAND, MASK, POSITIONS,
    )  # fmt: skip
    number = tl.arange(0, KR * KC)
    each = number >= 0
    most = tl.full((TI * TJ,), FAR * 4, tl.float32)
    total = tl.zeros((TI * TJ,), tl.float32)
    mixed = tl.zeros((TI * TJ, DV), tl.float32)
    for first in range(0, A, KR):
        key_row = first + tl.arange(0, KR)
        row_bias = along(
            by_row, i, key_row, 0, last_i, height, top,
            A, HALO, STRIDE, BAND, MASK, POSITIONS,
        )  # fmt: skip
        y, x = top + first + number // KC, left + number % KC
        keys = vectors(
            k + image * k_b + head * k_n, y, x, k_h, k_w, k_d, height, width, channels, each, D,
        )  # fmt: skip
        logits = pair_logits(queries, keys, row_bias, column_bias, TI * TJ, KR, KC, PRECISION)
        newer = tl.maximum(most, tl.max(logits, 1))
        weights = tl.exp2(logits - newer[:, None])
        shrink = tl.exp2(most - newer)
        total = total * shrink + tl.sum(weights, 1)
        values = vectors(
            v + image * v_b + head * v_n, y, x, v_h, v_w, v_d, height, width, value_channels,
            each, DV,
        )  # fmt: skip
        mixed = mixed * shrink[:, None]
        mixed += tl.dot(weights.to(values.dtype), values, input_precision=PRECISION)
        most = newer
    mixed = mixed / total[:, None]
    pointers, here = places(
        out + image * o_b + head * o_n, row, column, o_h, o_w, o_d, kept_height, kept_width,
        value_channels, DV,
    )  # fmt: skip
    tl.store(pointers, mixed.to(out.dtype.element_ty), mask=here & kept[:, None])
    place = ((image * heads + head) * kept_height + row) * kept_width + column
    tl.store(lse + place, most + tl.log2(total), mask=kept)


@searched
@triton.jit(do_not_specialize=["work"])
def backward_queries(
    q, k, v, rows, columns, d_out, lse, delta, d_q, d_rows, d_columns,
    q_b, q_n, q_h, q_w, q_d, k_b, k_n, k_h, k_w, k_d,
    v_b, v_n, v_h, v_w, v_d, o_b, o_n, o_h, o_w, o_d, g_b, g_n, g_h, g_w, g_d,
    heads, height, width, kept_height, kept_width,
    rows_count, columns_count, rows_zero, columns_zero, rows_last, columns_first,
    channels, value_channels, work,
    D: tl.constexpr, DV: tl.constexpr, TI: tl.constexpr, TJ: tl.constexpr,
    KR: tl.constexpr, KC: tl.constexpr, I: tl.constexpr, J: tl.constexpr,
    BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr, HALO: tl.constexpr, STRIDE: tl.constexpr,
    BAND: tl.constexpr, MASK: tl.constexpr, POSITIONS: tl.constexpr,
    LR: tl.constexpr, LC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of q, and this tile's part in that of what it can reach of both tables: d_rows
    is (maps, programs, LR, their channels) and d_columns (maps, programs, LC, theirs)."""
    A: tl.constexpr = BLOCK_H + 2 * HALO
    B: tl.constexpr = BLOCK_W + 2 * HALO
    block_i, first_i, block_j, first_j = tile_of(tl.program_id(0), width, I, J, TI, TJ, BLOCK_W)
    image, head = (tl.program_id(1) // heads).to(tl.int64), tl.program_id(1) % heads
    i, j, row, column, kept = queries_of(
        block_i, first_i, block_j, first_j, kept_height, kept_width, I, J, TI, TJ
    )
    queries = vectors(
        q + image * q_b + head * q_n, row, column, q_h, q_w, q_d, kept_height, kept_width,
        channels, kept, D,
    )  # fmt: skip
    d_mixed = vectors(
        d_out + image * o_b + head * o_n, row, column, o_h, o_w, o_d, kept_height, kept_width,
        value_channels, kept, DV,
    )  # fmt: skip
    place = ((image * heads + head) * kept_height + row) * kept_width + column
    sums = tl.load(lse + place, mask=kept, other=0.0)
    shared = tl.load(delta + place, mask=kept, other=0.0)
    top, left = block_i * BLOCK_H - HALO, block_j * BLOCK_W - HALO
    last_i, last_j = first_i + TI - 1, first_j + TJ - 1
    first_row = rows_zero - HALO - last_i * STRIDE
    first_column = columns_zero - HALO - last_j * STRIDE
    by_row, by_column = by_tables(
        queries, rows, columns, first_row, first_column, rows_count, columns_count,
        rows_last, columns_first, channels, D, LR, LC, TI * TJ, POSITIONS, PRECISION,
    )  # fmt: skip
    key_column = tl.arange(0, KC)
    column_bias = along(
        by_column, j, key_column, 0, last_j, width, left,
        B, HALO, STRIDE, BAND, MASK, POSITIONS,
    )  # fmt: skip
    number = tl.arange(0, KR * KC)
    each = number >= 0
    d_queries = tl.zeros((TI * TJ, D), tl.float32)
    d_row_bias = tl.zeros((TI * TJ, LR), tl.float32)
    d_column_bias = tl.zeros((TI * TJ, KC), tl.float32)
    for first in range(0, A, KR):
        key_row = first + tl.arange(0, KR)
        row_bias = along(
            by_row, i, key_row, 0, last_i, height, top,
            A, HALO, STRIDE, BAND, MASK, POSITIONS,
        )  # fmt: skip
        y, x = top + first + number // KC, left + number % KC
        keys = vectors(
            k + image * k_b + head * k_n, y, x, k_h, k_w, k_d, height, width, channels, each, D,
        )  # fmt: skip
        logits = pair_logits(queries, keys, row_bias, column_bias, TI * TJ, KR, KC, PRECISION)
        weights = tl.exp2(logits - sums[:, None])
        values = vectors(
            v + image * v_b + head * v_n, y, x, v_h, v_w, v_d, height, width, value_channels,
            each, DV,
        )  # fmt: skip
        d_weights = tl.dot(d_mixed, tl.trans(values), input_precision=PRECISION)
        d_logits = weights * (d_weights - shared[:, None])
        d_logits = tl.where(kept[:, None], d_logits, 0.0)
        d_queries += tl.dot(d_logits.to(keys.dtype), keys, input_precision=PRECISION)
        if POSITIONS:
            by_place = tl.reshape(d_logits, (TI * TJ, KR, KC))
            d_column_bias += tl.sum(by_place, 1)
            d_row_bias += reached_from(tl.sum(by_place, 2), i, first, last_i, KR, LR, STRIDE)
    if POSITIONS:
        part = tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)
        d_queries += through_table(
            d_row_bias, queries, rows, d_rows + part * LR * rows_last, first_row, rows_count,
            0, rows_last, rows_last, D, LR, PRECISION,
        )  # fmt: skip
        wide = channels - columns_first
        d_queries += through_table(
            reached_from(d_column_bias, j, 0, last_j, KC, LC, STRIDE),
            queries, columns, d_columns + part * LC * wide, first_column, columns_count,
            columns_first, channels, wide, D, LC, PRECISION,
        )  # fmt: skip
    pointers, here = places(
        d_q + image * g_b + head * g_n, row, column, g_h, g_w, g_d, kept_height, kept_width,
        channels, D,
    )  # fmt: skip
    tl.store(pointers, d_queries.to(d_q.dtype.element_ty), mask=here & kept[:, None])


@searched
@triton.jit(do_not_specialize=["work"])
def backward_keys(
    q, k, v, rows, columns, d_out, lse, delta, d_k, d_v,
    q_b, q_n, q_h, q_w, q_d, k_b, k_n, k_h, k_w, k_d,
    v_b, v_n, v_h, v_w, v_d, o_b, o_n, o_h, o_w, o_d,
    g_b, g_n, g_h, g_w, g_d, f_b, f_n, f_h, f_w, f_d,
    heads, height, width, kept_height, kept_width,
    rows_count, columns_count, rows_zero, columns_zero, rows_last, columns_first,
    channels, value_channels, work,
    D: tl.constexpr, DV: tl.constexpr, TI: tl.constexpr, TJ: tl.constexpr,
    KR: tl.constexpr, KC: tl.constexpr, I: tl.constexpr, J: tl.constexpr,
    BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr, HALO: tl.constexpr, STRIDE: tl.constexpr,
    BAND: tl.constexpr, MASK: tl.constexpr, POSITIONS: tl.constexpr,
    LR: tl.constexpr, LC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of a tile of KR x KC keys and their values, over every block that sees it."""
    A: tl.constexpr = BLOCK_H + 2 * HALO
    B: tl.constexpr = BLOCK_W + 2 * HALO
    across = tl.cdiv(width, KC)
    first_y, first_x = tl.program_id(0) // across * KR, tl.program_id(0) % across * KC
    image, head = (tl.program_id(1) // heads).to(tl.int64), tl.program_id(1) % heads
    number = tl.arange(0, KR * KC)
    each = number >= 0
    y, x = first_y + number // KC, first_x + number % KC
    keys = vectors(
        k + image * k_b + head * k_n, y, x, k_h, k_w, k_d, height, width, channels, each, D,
    )  # fmt: skip
    values = vectors(
        v + image * v_b + head * v_n, y, x, v_h, v_w, v_d, height, width, value_channels, each,
        DV,
    )  # fmt: skip
    d_keys = tl.zeros((KR * KC, D), tl.float32)
    d_values = tl.zeros((KR * KC, DV), tl.float32)
    from_i = tl.maximum(first_y - HALO, 0) // BLOCK_H
    from_j = tl.maximum(first_x - HALO, 0) // BLOCK_W
    to_i = tl.minimum((first_y + KR - 1 + HALO) // BLOCK_H + 1, tl.cdiv(height, BLOCK_H))
    to_j = tl.minimum((first_x + KC - 1 + HALO) // BLOCK_W + 1, tl.cdiv(width, BLOCK_W))
    tiles_i: tl.constexpr = (I + TI - 1) // TI
    tiles_j: tl.constexpr = (J + TJ - 1) // TJ
    for tile_i in range(from_i * tiles_i, to_i * tiles_i):
        block_i, first_i = tile_i // tiles_i, tile_i % tiles_i * TI
        for tile_j in range(from_j * tiles_j, to_j * tiles_j):
            block_j, first_j = tile_j // tiles_j, tile_j % tiles_j * TJ
            i, j, row, column, kept = queries_of(
                block_i, first_i, block_j, first_j, kept_height, kept_width, I, J, TI, TJ
            )
            queries = vectors(
                q + image * q_b + head * q_n, row, column, q_h, q_w, q_d, kept_height,
                kept_width, channels, kept, D,
            )  # fmt: skip
            d_mixed = vectors(
                d_out + image * o_b + head * o_n, row, column, o_h, o_w, o_d, kept_height,
                kept_width, value_channels, kept, DV,
            )  # fmt: skip
            place = ((image * heads + head) * kept_height + row) * kept_width + column
            sums = tl.load(lse + place, mask=kept, other=0.0)
            shared = tl.load(delta + place, mask=kept, other=0.0)
            top, left = block_i * BLOCK_H - HALO, block_j * BLOCK_W - HALO
            last_i, last_j = first_i + TI - 1, first_j + TJ - 1
            above, before = first_y - top, first_x - left  # of the tile's keys, in the window
            by_row, by_column = by_tables(
                queries, rows, columns, rows_zero - HALO - last_i * STRIDE + above,
                columns_zero - HALO - last_j * STRIDE + before, rows_count, columns_count,
                rows_last, columns_first, channels, D, LR, LC, TI * TJ, POSITIONS, PRECISION,
            )  # fmt: skip
            row_bias = along(
                by_row, i, above + tl.arange(0, KR), above, last_i, height, top,
                A, HALO, STRIDE, BAND, MASK, POSITIONS,
            )  # fmt: skip
            column_bias = along(
                by_column, j, before + tl.arange(0, KC), before, last_j, width, left,
                B, HALO, STRIDE, BAND, MASK, POSITIONS,
            )  # fmt: skip
            logits = pair_logits(queries, keys, row_bias, column_bias, TI * TJ, KR, KC, PRECISION)
            weights = tl.where(kept[:, None], tl.exp2(logits - sums[:, None]), 0.0)
            d_values += tl.dot(
                tl.trans(weights.to(d_mixed.dtype)), d_mixed, input_precision=PRECISION
            )
            d_weights = tl.dot(d_mixed, tl.trans(values), input_precision=PRECISION)
            d_logits = weights * (d_weights - shared[:, None])
            d_keys += tl.dot(
                tl.trans(d_logits.to(queries.dtype)), queries, input_precision=PRECISION
            )
    pointers, here = places(
        d_k + image * g_b + head * g_n, y, x, g_h, g_w, g_d, height, width, channels, D
    )
    tl.store(pointers, d_keys.to(d_k.dtype.element_ty), mask=here)
    pointers, here = places(
        d_v + image * f_b + head * f_n, y, x, f_h, f_w, f_d, height, width, value_channels, DV
    )
    tl.store(pointers, d_values.to(d_v.dtype.element_ty), mask=here)
