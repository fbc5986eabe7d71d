"""What must be shown of an implementation before its cases are timed: that it computes the layer.

A claim is what one parity job shows. A network is held to the claims of the layers in its slots.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from sabench.cases.case import Case
from sabench.cases.cost import BYTES, case_cost, case_options, case_plan
from sabench.catalog.attention import Geometry, Relative
from sabench.catalog.implementations import resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import PlacedStep, placed_steps
from sabench.catalog.rows import stated
from sabench.errors import ConfigError

MAX_MACS = 2 * 10**9  # both passes of the reference: half a second on one core
MAX_BYTES = 1024**3
EXACT_BYTES = 8  # the reference is computed in float64


@dataclass(frozen=True, slots=True)
class Claim:
    """An implementation computes a layer as the reference does, in one precision and direction.

    `form` is the geometry's kind, whatever its sizes: band, border, stride of queries, halo or
    none, position logits, content logits.
    """

    subject: str
    implementation: str
    dtype: str
    autocast: str
    backward: bool
    form: tuple[bool, str, bool, bool, Relative, bool]


def claims(case: Case) -> frozenset[Claim]:
    """What must hold for a case's figures to mean anything; nothing for the reference itself."""
    return frozenset(_claim(one) for one in _layers_of(case))


def parity_cases(cases: Sequence[Case]) -> list[Case]:
    """One layer case for each claim: the smallest by its MACs, eager, one image, one thread."""
    smallest: dict[Claim, tuple[int, Case]] = {}
    for case in cases:
        for one in _layers_of(case):
            claim, macs = _claim(one), _macs(one)
            if claim not in smallest or macs < smallest[claim][0]:
                smallest[claim] = macs, one
    return [case for _, case in smallest.values()]


def fits(case: Case) -> bool:
    """Whether a parity case is cheap enough to be checked at its own size, beside the small one."""
    reference = case_cost(case.model_copy(update={"implementation": "reference"}))
    own = case_cost(case)
    if reference is None or own is None:
        return False
    macs = max(own.macs_executed * own.passes, reference.macs_executed * reference.passes)
    held = max(own.workspace_bytes, reference.workspace_bytes) * EXACT_BYTES // BYTES[case.dtype]
    return macs < MAX_MACS and held < MAX_BYTES


def _layers_of(case: Case) -> Iterator[Case]:
    """The layers of a case that are not computed by the reference, as parity cases."""
    if case.file or case.implementation == "reference" or case.runtime == "fake":
        return  # nothing is computed under `fake`
    plain = {
        "batch": 1,
        "threads": 1,
        "layout": "contiguous",
        "runtime": "eager",
        "mode": "forward" if case.mode == "forward" else "forward_backward",
    }
    try:
        found = [case] if case.kind == "layer" else _slots(case)
        for one in found:
            if _is_other(one):
                case_options(one)
                yield one.model_copy(update=plain)
    except (ConfigError, ValidationError):  # its own job says what is wrong with it
        return


def _slots(case: Case) -> list[Case]:
    return [_as_layer(case, place) for place in placed_steps(case_plan(case))]


def _as_layer(case: Case, place: PlacedStep) -> Case:
    """A network's step as a layer of the same map; its channels are those it leaves."""
    row, step = layers()[place.step.layer], place.step
    return Case(
        kind="layer",
        subject=step.layer,
        channels=step.out_channels,
        size=place.size[0],
        stride=step.stride,
        options=stated(step.options, row.options()),
        dtype=case.dtype,
        autocast=case.autocast,
        mode=case.mode,
        implementation=resolve(row, case.implementation),
    )


def _is_other(case: Case) -> bool:
    row = layers().get(case.subject)
    return row is not None and row.attention is not None and case.implementation != "reference"


def _claim(case: Case) -> Claim:
    row, channels, side = layers()[case.subject], case.channels or 0, case.size or 0
    assert row.attention is not None
    call = row.attention(case_options(case), channels, channels, (side, side), case.stride)
    return Claim(
        subject=case.subject,
        implementation=case.implementation,
        dtype=case.dtype,
        autocast=case.autocast,
        backward=case.mode != "forward",
        form=(*_form(call.geometry), call.relative, call.content),
    )


def _form(geometry: Geometry) -> tuple[bool, str, bool, bool]:
    return geometry.band, geometry.border, geometry.query_stride > 1, geometry.halo > 0


def _macs(case: Case) -> int:
    cost = case_cost(case)
    return cost.macs_executed if cost else 0
