"""The papers' files hold what is printed and nothing that was counted here."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files

import pytest

from sabench.papers.rows import PAPERS, load_paper
from sabench.papers.verify import verify

DECIMALS = {  # paper -> table -> decimals of parameters and of FLOPs in print
    "sasa": {"": (1, 1), "Table 2 (COCO, RetinaNet-50, 640 px)": (1, 0)},
    "aacn": {"": (1, 1), "MnasNets": (2, 2), "COCO, RetinaNet, 640 px": (1, 0)},
    "halonet": {
        "": (1, 1),
        "Third-party re-implementation": (1, 2),
        "Table 4 (H7 with convolution in some stages)": (0, 0),
        "Table 6 (ImageNet-21k, fine-tuned)": (0, 0),
        "Table A1 (HaloNet-50 scaled to about 30 M)": (0, 0),
    },
}


def decimals(number: str) -> int:
    return len(number.partition(".")[2])


def of_ours(text: str, counts: list[tuple[str, Decimal]], printed: set[str]) -> list[str]:
    """Numbers of a text that are a count of ours at the print's precision or beyond it."""
    found = []
    for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\d)", text):
        places = decimals(number)
        for figure, count in counts:
            rounded = count.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
            if places >= decimals(figure) and rounded == Decimal(number) and number not in printed:
                found.append(number)
    return found


@pytest.mark.parametrize("name", PAPERS)
def test_no_figure_has_more_decimals_than_the_paper_prints(name):
    tables = DECIMALS[name]
    rows = load_paper(name).rows
    assert set(tables) - {""} <= {row.table for row in rows}
    for row in rows:
        allowed = tables.get(row.table, tables[""])
        for figure, most in zip((row.params_m, row.flops_b), allowed, strict=True):
            assert figure is None or decimals(figure.printed) <= most, (row.table, row.row)
        for accuracy in (row.top1, row.ap):
            assert accuracy is None or decimals(accuracy) == 1


def words_of(name: str) -> str:
    """What a paper's file says beside its rows: comments, notes, reasons."""
    paper = load_paper(name)
    text = (files("sabench.papers") / f"{name}.yaml").read_text(encoding="utf-8")
    reasons = [one.reason for one in paper.tolerances.values()]
    return "\n".join([*re.findall("#.*", text), paper.left_out, *paper.notes.values(), *reasons])


@pytest.mark.parametrize("name", PAPERS)
def test_no_number_of_the_notes_is_a_count_of_ours(name):
    """A figure that one of the papers prints may be named. Of the other papers' counts only those
    with decimals are told from other numbers."""
    compared = [
        one
        for other in PAPERS
        for row in verify(load_paper(other))
        for one in (row.params, row.flops)
        if one and (other == name or "." in one.printed)
    ]
    printed = {
        figure.printed
        for other in PAPERS
        for row in load_paper(other).rows
        for figure in (row.params_m, row.flops_b)
        if figure
    }
    counts = [(one.printed, one.ours) for one in compared]
    assert of_ours(words_of(name), counts, printed) == []


@pytest.mark.parametrize(
    "text",
    ["ours is 25.557 M", "# 25.56", "gives 25.091", "{printed: 25.1}", "8.178 B", "8.18"],
)
def test_a_count_of_ours_would_be_found(text):
    counts = [
        ("25.6", Decimal("25.557032")),
        ("25.0", Decimal("25.090664")),
        ("8.2", Decimal("8.178368512")),
    ]
    assert of_ours(text, counts, {"25.6", "25.0", "8.2"})


def test_printed_figures_and_other_numbers_are_let_through():
    text = "25.6 in arXiv:1906.05909, 7x7, 28 x 28, 0.25, 2019, width 1.4, 26"
    assert of_ours(text, [("25.6", Decimal("25.557032"))], {"25.6"}) == []
