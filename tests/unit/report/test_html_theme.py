"""Colours that the colour-blind tell apart, on light and on dark, and marks without colour."""

from itertools import combinations

import numpy as np
import pytest

from sabench.report.html.page import page_css
from sabench.report.html.theme import DARK, LIGHT, PAGE, SHAPES, Marks

PALETTES = {"light": (LIGHT, "#ffffff"), "dark": (DARK, "#16181b")}
each_palette = pytest.mark.parametrize(("palette", "back"), PALETTES.values(), ids=PALETTES)

# Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15, 1291), severity 1.0, on linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
JUST_NOTICEABLE = 2.3  # CIE 1976 delta E; Mahy, Van Eycken and Oosterlinck 1994


def linear(colour: str) -> np.ndarray:
    encoded = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@each_palette
def test_every_colour_stands_out_from_its_background(palette: tuple[str, ...], back: str) -> None:
    assert min(contrast(colour, back) for colour in palette) >= 3.0  # WCAG 2.1, 1.4.11


@each_palette
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_colours_stay_apart_for_the_colour_blind(
    palette: tuple[str, ...], back: str, blindness: str
) -> None:
    seen = [lab(BLINDNESS[blindness] @ linear(colour)) for colour in palette]
    nearest = min(np.linalg.norm(one - other) for one, other in combinations(seen, 2))
    assert nearest > 9 * JUST_NOTICEABLE


def test_a_red_and_a_green_of_one_lightness_would_not_do() -> None:
    red, green = linear("#b05a3c"), linear("#787a32")
    blind = BLINDNESS["deuteranopia"]
    assert np.linalg.norm(lab(red) - lab(green)) > 9 * JUST_NOTICEABLE
    assert np.linalg.norm(lab(blind @ red) - lab(blind @ green)) < 9 * JUST_NOTICEABLE


def test_sixty_four_layers_have_marks_of_their_own() -> None:
    names = [f"layer{number:03}" for number in range(len(LIGHT) * len(SHAPES))]
    marks = Marks.of(names, PAGE)
    assert len(set(zip(marks.colours, marks.shapes, strict=True))) == len(names)


def test_a_layers_mark_does_not_hang_on_the_order_of_the_runs() -> None:
    assert Marks.of(["halo", "conv"], PAGE) == Marks.of(["conv", "halo", "conv"], PAGE)


def test_the_style_sheet_has_the_palettes_colours() -> None:
    style = page_css()
    for number, (light, dark) in enumerate(zip(LIGHT, DARK, strict=True)):
        assert style.count(f"--c{number}: {light};") == 1
        assert style.count(f"--c{number}: {dark};") == 2  # as the system asks, and by the button
