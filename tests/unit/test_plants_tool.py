"""tools/check_plants.py counts a plant as seen only where its check read it."""

from types import ModuleType

import pytest

from loading_tools import load_tool
from sabench.measure.selftest.judge import Finding, Verdict, no_answer, not_applicable
from sabench.measure.selftest.table import CHECKS, PLANTS, Check

SEEN = Verdict.FAIL
Answers = dict[str, Finding]


@pytest.fixture
def tool() -> ModuleType:
    return load_tool("check_plants")


def found(check: str, verdict: Verdict = SEEN) -> Finding:
    return Finding(check, verdict, "0.9500, error -5.00 %", "1.00 ± 0.01")


def run(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, told: Answers, device: str = "cpu"
) -> int:
    """Its exit code where the checks of `told` say that and all others see their plants."""

    def selftest(checks: list[Check], device: str, plant: str) -> list[Finding]:
        (row,) = checks
        assert plant == row.plant
        if device not in row.kinds:
            return [not_applicable(row)]
        return [told.get(row.name, found(row.name))]

    monkeypatch.setattr(tool, "selftest", selftest)
    monkeypatch.setattr(tool, "resolve_devices", lambda word: [word])
    monkeypatch.setattr("sys.argv", ["check_plants.py", "--device", device])
    return int(tool.main())


def test_a_plant_that_the_device_cannot_have_is_skipped_and_counted_apart(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = Finding("energy", Verdict.NOT_APPLICABLE, "no counter here")
    assert run(tool, monkeypatch, {"energy": absent}) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    skipped = [line.removeprefix("skipped").split(maxsplit=2) for line in lines if "skip" in line]
    assert [(plant, reason) for plant, _, reason in skipped] == [
        ("warm-flush", CHECKS["cold_warm"].elsewhere),
        ("short-spin", CHECKS["spin"].elsewhere),
        ("frozen-counter", "no counter here"),
    ]
    assert len(lines) == len(PLANTS)
    assert total == "7 seen, 0 not seen, 0 no answer, 0 untold, 3 skipped on cpu"


@pytest.mark.parametrize(
    ("finding", "word", "code"),
    [
        (found("aa_pair"), "seen", 0),
        (found("aa_pair", Verdict.PASS), "not seen", 1),
        (no_answer(CHECKS["aa_pair"], "the child ended with code 1"), "no answer", 1),
        (found("aa_pair", Verdict.UNRELIABLE), "untold", 4),
    ],
)
def test_only_a_check_that_answers_has_seen_its_plant(
    tool: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    finding: Finding,
    word: str,
    code: int,
) -> None:
    assert run(tool, monkeypatch, {"aa_pair": finding}) == code
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "uneven-pair" in line)
    assert line.startswith(f"{word} ")


def test_where_no_plant_applies_nothing_was_seen(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tool, monkeypatch, {}, device="neither") == 4
