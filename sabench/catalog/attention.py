"""What `attend` is asked for, as numbers: geometry and the closed-form counts of its core.

    attend(q, k, v, relative, geometry) -> out

q is (B, heads, H', W', d), k is (B, heads, H, W, d), v is (B, heads, H, W, dv); out has q's map
and v's width. Queries lie at every `query_stride`-th row and column of the key map;
a band keeps them all. k is None where the logits are q.r alone: the key map is then v's.
"""

from dataclasses import dataclass
from typing import Literal

Relative = Literal["none", "split", "sum"]
"""Position logits: absent; rows on the first half of q and columns on the second; both on all."""

Counted = Literal["pairs", "tables", "none"]
"""What a count of q.r takes: each (query, key) pair, each query and table row, or nothing."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which keys a query sees.

    The map is cut into blocks of `block` (rows, columns); the queries of a block see the block
    widened by `halo` on each side. With `band` each query sees only the (2 halo + 1) square
    centred on it, whatever the block: the block is then the implementation's choice.
    Keys outside the map are masked, or are zeros that take part in the softmax.
    """

    block: tuple[int, int]
    halo: int
    band: bool = False
    border: Literal["mask", "zeros"] = "mask"
    query_stride: int = 1


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """One call of `attend` on one image: widths are per head, `size` is the key map.

    `content`: whether the logits have q.k; without it there are no keys.
    """

    heads: int
    key_width: int
    value_width: int
    size: tuple[int, int]
    geometry: Geometry
    relative: Relative
    content: bool = True

    @property
    def content_width(self) -> int:
        """Key channels that are projected, gathered and multiplied: none without content."""
        return self.key_width if self.content else 0

    @property
    def queries(self) -> int:
        """Real query positions: those that only fill up a block do not count."""
        stride = self.geometry.query_stride
        return -(-self.size[0] // stride) * -(-self.size[1] // stride)

    @property
    def keys(self) -> int:
        """Keys of one query, padded ones included."""
        halo = self.geometry.halo
        if self.geometry.band:
            return (2 * halo + 1) ** 2
        return (self.geometry.block[0] + 2 * halo) * (self.geometry.block[1] + 2 * halo)

    @property
    def macs(self) -> int:
        """q.k + q.r + a.v by the definition: one product per (query, key) pair each."""
        pairs = self.heads * self.queries * self.keys
        return pairs * (self.content_width + self.value_width) + position_macs(self, "pairs")


@dataclass(frozen=True, slots=True)
class Along:
    """One axis of a call: its queries, the keys that each is offered, and the (query, key) pairs
    of which the key lies in the map."""

    queries: int
    keys: int
    seen: int

    @classmethod
    def of(cls, call: AttentionCall, axis: Literal[0, 1]) -> "Along":
        """Rows are axis 0."""
        length, geometry = call.size[axis], call.geometry
        block, stride = (1, 1) if geometry.band else (geometry.block[axis], geometry.query_stride)
        queries = seen = 0
        for start in range(0, length, block):
            end = min(start + block, length)
            here = -(-(end - start) // stride)
            first, last = max(0, start - geometry.halo), min(length, start + block + geometry.halo)
            queries, seen = queries + here, seen + here * (last - first)
        return cls(queries, block + 2 * geometry.halo, seen)


def position_macs(call: AttentionCall, counted: Counted) -> int:
    """MACs of q.r: a key width for each (query, key) pair (our definition), or a product of each
    query with each row of both tables, or none.

    A band's tables have a row for each displacement in its window, other tables for each between
    any two pixels of a block with its halo.
    """
    if call.relative == "none" or counted == "none":
        return 0
    queries, width, geometry = call.heads * call.queries, call.key_width, call.geometry
    if counted == "pairs":
        return queries * call.keys * width
    halo = geometry.halo
    rows, columns = (
        2 * halo + 1 if geometry.band else 2 * (side + 2 * halo) - 1 for side in geometry.block
    )
    if call.relative == "sum":
        return queries * (rows + columns) * width
    return queries * (rows * (width // 2) + columns * (width - width // 2))


def blocked_block(geometry: Geometry) -> tuple[int, int]:
    """The block that `blocked` uses: the geometry's own, or for a band one that wastes little.

    4 x 4 was within 10 % of the best of eight blocks, 2 x 2 to 8 x 8, for nearly every window of
    3 to 15 on maps of 14 to 56 pixels, one thread of an AVX-512 CPU: a guess for other devices.
    """
    return (4, 4) if geometry.band else geometry.block


@dataclass(frozen=True, slots=True)
class Cut:
    """How many blocks a call is cut into; their queries, fillers among them; rows and columns of
    the keys that a block sees."""

    blocks: int
    queries: int
    window: tuple[int, int]

    @classmethod
    def of(cls, call: AttentionCall) -> "Cut":
        """As `blocked` cuts it."""
        rows, columns, stride = *blocked_block(call.geometry), call.geometry.query_stride
        blocks = -(-call.size[0] // rows) * -(-call.size[1] // columns)
        queries = blocks * -(-rows // stride) * -(-columns // stride)
        halo = call.geometry.halo
        return cls(blocks, queries, (rows + 2 * halo, columns + 2 * halo))

    @property
    def keys(self) -> int:
        """Of a block."""
        return self.window[0] * self.window[1]

    @property
    def pairs(self) -> int:
        """Logits of a head."""
        return self.queries * self.keys


def blocked_macs(call: AttentionCall) -> int:
    """MACs that `blocked` executes: filled-up blocks, the whole neighbourhood under a band, and
    position logits factorised into rows and columns."""
    cut = Cut.of(call)
    macs = cut.pairs * (call.content_width + call.value_width)
    if call.relative == "split":
        rest = call.key_width - call.key_width // 2
        macs += cut.queries * (cut.window[0] * (call.key_width // 2) + cut.window[1] * rest)
    elif call.relative == "sum":
        macs += cut.queries * sum(cut.window) * call.key_width
    return call.heads * macs


def bmm_aug_macs(call: AttentionCall) -> int:
    """`blocked`'s, and the products with the one-hot rows and columns of the keys."""
    cut = Cut.of(call)
    folded = call.heads * cut.pairs * sum(cut.window) if call.content and has_bias(call) else 0
    return blocked_macs(call) + folded


def has_bias(call: AttentionCall) -> bool:
    """Whether positions or masks add anything to q.k."""
    geometry, block = call.geometry, blocked_block(call.geometry)
    is_cut_short = any(side % part for side, part in zip(call.size, block, strict=True))
    masks = geometry.border == "mask" and (geometry.halo > 0 or is_cut_short)
    return call.relative != "none" or geometry.band or masks


def blocked_workspace(call: AttentionCall) -> int:
    """Elements alive at `blocked`'s peak: gathered keys and values, logits and weights."""
    return call.heads * (_gathered(call, call.content_width) + 2 * Cut.of(call).pairs)


def bmm_aug_workspace(call: AttentionCall) -> int:
    """`blocked`'s, with rows and columns beside the keys and beside the queries."""
    if not (call.content and has_bias(call)):
        return blocked_workspace(call)
    cut = Cut.of(call)
    wide = call.key_width + sum(cut.window)
    return call.heads * (_gathered(call, wide) + cut.queries * wide + 2 * cut.pairs)


def sdpa_workspace(call: AttentionCall) -> int:
    """Gathered keys and values, and what torch keeps: nothing more where its fused kernel is sure
    to be taken; else the bias, the logits and the weights. On a CPU a learned bias is one that
    needs a gradient, which the fused kernel does not take."""
    is_fused = call.content and call.key_width == call.value_width and call.relative == "none"
    maps = (1 if has_bias(call) else 0) if is_fused else (3 if has_bias(call) else 2)
    return call.heads * (_gathered(call, call.content_width) + maps * Cut.of(call).pairs)


def flex_workspace(call: AttentionCall) -> int:
    """Gathered keys and values, and for each query a logit of each row and of each column; without
    keys it is `blocked`."""
    if not call.content:
        return blocked_workspace(call)
    cut = Cut.of(call)
    told = cut.queries * sum(cut.window) if has_bias(call) else 0
    return call.heads * (_gathered(call, call.content_width) + told)


def triton_workspace(call: AttentionCall) -> int:
    """A sum for each query; without keys it is `blocked`."""
    return call.heads * call.queries if call.content else blocked_workspace(call)


def _gathered(call: AttentionCall, key_width: int) -> int:
    """Elements of a head's gathered keys and values."""
    cut = Cut.of(call)
    return cut.blocks * cut.keys * (key_width + call.value_width)


def reference_workspace(call: AttentionCall) -> int:
    """Elements alive at the reference's peak: keys and values gathered per block (per query
    under a band), the position vector of every pair of a block, logits and weights."""
    geometry = call.geometry
    if geometry.band:
        blocks, pairs = call.queries, call.keys
    else:
        rows, columns = geometry.block
        blocks = -(-call.size[0] // rows) * -(-call.size[1] // columns)
        pairs = rows * columns * call.keys
    gathered = call.heads * blocks * call.keys * (call.content_width + call.value_width)
    positions = 0 if call.relative == "none" else pairs * call.key_width
    return gathered + positions + 2 * call.heads * call.queries * call.keys
