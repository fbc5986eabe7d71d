"""What the Triton kernels of attention share: tiles, places on the map, position logits, masks."""

import triton
import triton.language as tl

FAR = tl.constexpr(-1e30)  # two of them are finite still
LEAST = tl.constexpr(16)
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def tile_of(
    program, width,
    I: tl.constexpr, J: tl.constexpr, TI: tl.constexpr, TJ: tl.constexpr, BLOCK_W: tl.constexpr,
):  # fmt: skip
    """A program's tile: block and first query in it, down and across."""
    down, across = tl.cdiv(I, TI), tl.cdiv(J, TJ)
    in_a_row = tl.cdiv(width, BLOCK_W) * across
    tile_i, tile_j = program // in_a_row, program % in_a_row
    return tile_i // down, tile_i % down * TI, tile_j // across, tile_j % across * TJ


@triton.jit
def queries_of(
    block_i, first_i, block_j, first_j, kept_height, kept_width,
    I: tl.constexpr, J: tl.constexpr, TI: tl.constexpr, TJ: tl.constexpr,
):  # fmt: skip
    """Of each query of a tile: row and column in the block and on the map, and whether it is one.

    (TI TJ,) each.
    """
    number = tl.arange(0, TI * TJ)
    i, j = first_i + number // TJ, first_j + number % TJ
    row, column = block_i * I + i, block_j * J + j
    kept = (i < I) & (j < J) & (row < kept_height) & (column < kept_width)
    return i, j, row, column, kept


@triton.jit
def table_rows(
    table, start, count, first, last, width, D: tl.constexpr, LENGTH: tl.constexpr
):  # fmt: skip
    """LENGTH rows of a table from `start` on, as channels [first, last) of D: (LENGTH, D).

    Rows beyond an end are the end's: a band hides such keys.
    """
    entry = tl.minimum(tl.maximum(start + tl.arange(0, LENGTH), 0), count - 1)
    channel = tl.arange(0, D)
    acts = (channel >= first) & (channel < last)
    return tl.load(
        table + entry[:, None] * width + (channel - first)[None, :],
        mask=acts[None, :] & (entry >= 0)[:, None],
        other=0.0,
    )


@triton.jit
def reached(
    q, table, start, count, first, last, width,
    D: tl.constexpr, LENGTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """q times LENGTH rows of a table from `start` on: (Q, D) -> (Q, LENGTH)."""
    rows = table_rows(table, start, count, first, last, width, D, LENGTH)
    return tl.dot(q, tl.trans(rows.to(q.dtype)), input_precision=PRECISION)


@triton.jit
def through_table(
    d_reached, q, table, d_part, start, count, first, last, width,
    D: tl.constexpr, LENGTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of q through `reached`; that of the table's rows is stored: (LENGTH, width)."""
    d_reached = d_reached.to(q.dtype)
    rows = table_rows(table, start, count, first, last, width, D, LENGTH)
    d_rows = tl.dot(tl.trans(d_reached), q, input_precision=PRECISION)
    channel = tl.arange(0, D)
    tl.store(
        d_part + tl.arange(0, LENGTH)[:, None] * width + (channel - first)[None, :],
        d_rows,
        mask=((channel >= first) & (channel < last))[None, :],
    )
    return tl.dot(d_reached, rows.to(q.dtype), input_precision=PRECISION)


@triton.jit
def by_tables(
    queries, rows, columns, first_row, first_column, rows_count, columns_count,
    rows_last, columns_first, channels,
    D: tl.constexpr, LR: tl.constexpr, LC: tl.constexpr, Q: tl.constexpr,
    POSITIONS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The queries times what they can reach of both tables: (Q, LR), (Q, LC)."""
    by_row = tl.zeros((Q, LR), tl.float32)
    by_column = tl.zeros((Q, LC), tl.float32)
    if POSITIONS:
        by_row = reached(
            queries, rows, first_row, rows_count, 0, rows_last, rows_last, D, LR, PRECISION
        )
        by_column = reached(
            queries, columns, first_column, columns_count, columns_first, channels,
            channels - columns_first, D, LC, PRECISION,
        )  # fmt: skip
    return by_row, by_column


@triton.jit
def along(
    logits, query, key, first_key, last, size, start,
    WINDOW: tl.constexpr, HALO: tl.constexpr, STRIDE: tl.constexpr,
    BAND: tl.constexpr, MASK: tl.constexpr, POSITIONS: tl.constexpr,
):  # fmt: skip
    """Along one axis, what positions and masks add: (Q, keys).

    `query`: its place in the block; `key`: its place in the window; `last`: the tile's last query;
    `start`: where the window begins on the map. The first of `logits` is of the last query and
    `first_key`.
    """
    shape = query[:, None] + key[None, :]
    if POSITIONS:
        index = (key - first_key)[None, :] + (last - query)[:, None] * STRIDE
        index = tl.where((key >= 0)[None, :] & (key < WINDOW)[None, :], index, 0)
        bias = tl.gather(logits, index, 1)
    else:
        bias = tl.zeros_like(shape).to(tl.float32)
    hidden = (key < 0) | (key >= WINDOW)
    if MASK:
        hidden = hidden | (start + key < 0) | (start + key >= size)
    bias = tl.where(hidden[None, :], FAR, bias)
    if BAND:
        step = key[None, :] - HALO - query[:, None] * STRIDE
        bias = tl.where((step > HALO) | (step < -HALO), FAR, bias)
    return bias


@triton.jit
def reached_from(
    d_bias, query, first_key, last,
    KEYS: tl.constexpr, LENGTH: tl.constexpr, STRIDE: tl.constexpr,
):  # fmt: skip
    """The gradient through what `along` gathers: (Q, KEYS), from `first_key` on -> (Q, LENGTH)."""
    key = tl.arange(0, LENGTH)[None, :] - (last - query)[:, None] * STRIDE - first_key
    there = (key >= 0) & (key < KEYS)
    if KEYS < LEAST:  # Triton's compiler refuses to gather from less than it has threads
        d_bias = tl.broadcast_to(d_bias[:, None, :], (d_bias.shape[0], LEAST // KEYS, KEYS))
        d_bias = tl.reshape(d_bias, (d_bias.shape[0], LEAST))
    return tl.where(there, tl.gather(d_bias, tl.where(there, key, 0), 1), 0.0)


@triton.jit
def places(
    base, i, j, by_i, by_j, by_channel, height, width, channels, D: tl.constexpr
):  # fmt: skip
    """Pointers to the vectors at map positions (i, j), and which of them are there: (N, D)."""
    channel = tl.arange(0, D)
    here = (i >= 0) & (i < height) & (j >= 0) & (j < width)
    pointers = base + (i * by_i + j * by_j)[:, None] + channel[None, :] * by_channel
    return pointers, here[:, None] & (channel < channels)[None, :]


@triton.jit
def vectors(
    base, i, j, by_i, by_j, by_channel, height, width, channels, wanted, D: tl.constexpr
):  # fmt: skip
    """The vectors at map positions (i, j), zeros where none is there or wanted: (N, D)."""
    pointers, here = places(base, i, j, by_i, by_j, by_channel, height, width, channels, D)
    return tl.load(pointers, mask=here & wanted[:, None], other=0.0)


@triton.jit
def pair_logits(
    queries, keys, row_bias, column_bias,
    Q: tl.constexpr, KR: tl.constexpr, KC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """q.k and what rows and columns of keys add, times log2(e): (Q, KR KC)."""
    logits = tl.dot(queries, tl.trans(keys), input_precision=PRECISION)
    logits = tl.reshape(logits, (Q, KR, KC)) + row_bias[:, :, None] + column_bias[:, None, :]
    return tl.reshape(logits, (Q, KR * KC)) * LOG2E
