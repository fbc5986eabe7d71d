"""Which parity jobs a suite's cases come to, and which cases hang on each."""

import pytest

from making_runs import preset, run_info
from sabench.cases.case import Case
from sabench.cases.parity import MAX_MACS, claims, fits, parity_cases
from sabench.cases.plan import make_batches, parity_jobs


def halo(size: int = 14, **fields: object) -> Case:
    fields = {"implementation": "blocked", "channels": 64} | fields
    return Case.model_validate({"kind": "layer", "subject": "halo", "size": size} | fields)


def test_one_job_for_each_implementation_at_the_smallest_of_its_cases() -> None:
    cases = [halo(56), halo(14), halo(28, channels=32)]
    assert [case.case_id for case in parity_cases(cases)] == [halo(14).case_id]


@pytest.mark.parametrize(
    "other",
    [
        {"dtype": "bf16"},
        {"autocast": "bf16"},
        {"mode": "forward_backward"},
        {"options": {"border": "zeros"}},
        {"options": {"halo": 0}},
        {"stride": 2},
        {"subject": "self_attention"},
    ],
)
def test_another_computation_is_another_job(other: dict[str, object]) -> None:
    assert len(parity_cases([halo(), halo(**other)])) == 2
    assert claims(halo()).isdisjoint(claims(halo(**other)))


@pytest.mark.parametrize(
    ("layer", "other", "is_another"),
    [
        ("self_attention", {"content": False}, True),
        ("self_attention", {"position": "none"}, True),
        ("halo", {"position": "none"}, True),
        ("augmented", {"position": "none"}, True),
        ("augmented", {"max_map": 7}, False),
        ("attention_stem", {"values": "conv"}, False),
    ],
)
def test_other_logits_are_another_job_and_other_inputs_of_attend_are_not(
    layer: str, other: dict[str, object], is_another: bool
) -> None:
    first, second = halo(subject=layer), halo(subject=layer, options=other)
    assert (claims(first) != claims(second)) == is_another


@pytest.mark.parametrize(
    "other",
    [
        {"batch": 8},
        {"threads": 2},
        {"layout": "channels_last"},
        {"runtime": "compiled"},
        {"options": {"block": 4, "heads": 4}},
    ],
)
def test_the_same_computation_otherwise_run_is_the_same_job(other: dict[str, object]) -> None:
    assert claims(halo()) == claims(halo(**other))


def test_a_step_is_held_to_the_same_as_a_backward_pass() -> None:
    assert claims(halo(mode="step")) == claims(halo(mode="forward_backward"))


@pytest.mark.parametrize(
    "case",
    [
        halo(implementation="reference"),
        halo(subject="conv", implementation="reference"),
        halo(subject="Mine", implementation="reference", file="mine.py:Mine"),
        halo(runtime="fake"),
        halo(options={"no_such": 1}),
    ],
    ids=["reference", "convolution", "own", "fake", "unbuildable"],
)
def test_nothing_is_asked_of_what_computes_nothing_differently(case: Case) -> None:
    assert parity_cases([case]) == []


def test_a_network_hangs_on_the_layers_of_its_slots() -> None:
    """resnet26 with halo in its last two groups: stride 1 and stride 2, nothing else."""
    network = Case(
        kind="network",
        subject="resnet26",
        resolution=224,
        options={"mix": "conv,conv,halo,halo"},
        implementation="blocked",
    )
    found = parity_cases([network])
    assert {(case.subject, case.stride) for case in found} == {("halo", 1), ("halo", 2)}
    assert claims(network) == frozenset().union(*map(claims, found))
    assert claims(halo()) < claims(network)  # a layer's own case is held to one of the same jobs
    assert halo(7) in parity_cases([network, halo(7)])  # the smaller of both


def test_its_own_size_is_left_out_where_it_is_dear() -> None:
    assert fits(halo(14))
    wide = halo(112, channels=512)  # 12544 positions x 512 x 1536 for the projections alone
    assert MAX_MACS < 112 * 112 * 512 * 1536
    assert not fits(wide)


def test_parity_jobs_share_one_process_a_device_before_all_others() -> None:
    info = run_info(
        (halo(), halo(dtype="bf16")), preset=preset(processes=1), isolation="case", seed=3
    )
    first, *others = make_batches(info.plan(), info.isolation)
    assert [job.kind for job in first] == ["parity", "parity"]
    assert [[job.kind for job in batch] for batch in others] == [["layer"], ["layer"]]
    assert {job.job_id for job in first} == {
        job.job_id for job in parity_jobs(info.cases, info.devices, seed=99)
    }
