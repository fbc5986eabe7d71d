"""What a layer's implementations should take by a device's ceilings, before any is timed.

    python tools/predict_kernels.py halo channels=128 size=56 block=8 batch=64 dtype=bf16 \
        --bytes 4.8e12 --macs 494.7e12 --exponentials 4.18e12 [--implementation triton ...]

Each ceiling is an amount a second: what `sabench explain` measures, or a data sheet's. Beside the
floor of `sabench explain` stands for each implementation the sum of its operators' times, each of
them at its ceiling: the projections, which read the map and write q, k and v, or read what was
attended to, and between them `attend`. That one is a single kernel in `triton`, whose three kinds
of work overlap; elsewhere they follow each other, and what the implementation keeps is written and
read again. A backward pass multiplies twice as much and moves as much again, `triton`'s three times
its maps: it computes the logits and weights again in each of two kernels. What fills its tiles up
to powers of two is not counted. A device is no faster than that; by how much it is slower is
measured.
"""

import argparse
from collections.abc import Mapping

from sabench.cases.case import Case
from sabench.cases.cost import BYTES, case_options
from sabench.cases.floor import bounds, least_work, precision
from sabench.cases.point import single_case
from sabench.cases.scalars import parse_pairs
from sabench.catalog.attention import AttentionCall, Cut, blocked_macs
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.errors import ConfigError, SabenchError

ONE_KERNEL = "triton"


def predicted_s(case: Case, implementation: str, rates: Mapping[str, float]) -> float:
    """Of one call, by bytes, macs and exponentials a second.

    Raises: ConfigError for what is no layer of attention with a closed form.
    """
    row, channels, side = layers()[case.subject], case.channels or 0, case.size or 0
    at = (case_options(case), channels, channels, (side, side), case.stride)
    least = least_work(case)
    if row.attention is None or row.cost is None or least is None:
        raise ConfigError(f"{case.subject} has no attention with a closed form")
    call = row.attention(*at)
    width, both_ways = BYTES[precision(case)], case.mode != "forward"
    maps = case.batch * width * _maps(call)
    rest = max(
        (2 if both_ways else 1) * maps / rates["bytes"] + least.bytes / rates["bytes"],
        (3 if both_ways else 1) * case.batch * (row.cost(*at).macs - call.macs) / rates["macs"],
    )
    chosen = IMPLEMENTATIONS[implementation]
    kept = case.batch * width * chosen.workspace(call)
    pairs = case.batch * call.heads * Cut.of(call).pairs
    macs = case.batch * chosen.macs(call)
    if implementation == ONE_KERNEL and call.content:  # without keys it is `blocked`
        forward = (maps, macs, pairs)
        backward = (3 * maps, _again(case, call) + 2 * macs, 2 * pairs)
        passes = [forward, backward] if both_ways else [forward]
        return rest + sum(max(_times(one, rates)) for one in passes)
    moved, times = maps + 2 * kept, 3 if both_ways else 1
    return rest + sum(_times(((2 if both_ways else 1) * moved, times * macs, pairs), rates))


def _maps(call: AttentionCall) -> int:
    """Elements of q, k, v and the answer of one image."""
    pixels = call.size[0] * call.size[1]
    of_keys = pixels * (call.content_width + call.value_width)
    return call.heads * (of_keys + call.queries * (call.key_width + call.value_width))


def _again(case: Case, call: AttentionCall) -> int:
    """MACs of q.k and q.r in both kernels of the backward pass, and of dout.v in the second."""
    pairs = call.heads * Cut.of(call).pairs
    positions = blocked_macs(call) - pairs * (call.key_width + call.value_width)
    macs = pairs * (2 * call.key_width + call.value_width) + 2 * positions
    return case.batch * macs


def _times(work: tuple[int, int, int], rates: Mapping[str, float]) -> list[float]:
    kinds = ("bytes", "macs", "exponentials")
    return [amount / rates[kind] for amount, kind in zip(work, kinds, strict=True)]


def main() -> int:
    """Print the floor and what is predicted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layer")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--bytes", type=float, required=True)
    parser.add_argument("--macs", type=float, required=True)
    parser.add_argument("--exponentials", type=float, required=True)
    parser.add_argument("--implementation", action="append", choices=[*IMPLEMENTATIONS])
    told = parser.parse_args()
    rates = {"bytes": told.bytes, "macs": told.macs, "exponentials": told.exponentials}
    try:
        case = single_case(told.layer, parse_pairs(told.values))
        names = told.implementation or [ONE_KERNEL, "blocked"]
        found = {name: predicted_s(case, name, rates) for name in names}
        work = least_work(case)
    except SabenchError as error:
        parser.error(str(error))
    assert work is not None  # told where a time is predicted
    ceilings = {"copy": told.bytes, "matmul": told.macs, "exp": told.exponentials}
    floors = bounds(work, ceilings)
    for bound in floors:
        print(f"floor by {bound.name}: {bound.seconds * 1e6:.1f} us")
    for name, seconds in found.items():
        print(f"{name}: {seconds * 1e6:.1f} us, {seconds / floors[0].seconds:.2f} x the floor")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
