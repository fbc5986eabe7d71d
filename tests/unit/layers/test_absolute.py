"""Positions on the map: sinusoids, learned tables, coordinates, by hand."""

import math

import torch

from sabench.layers.absolute import (
    Coordinates,
    FreePositions,
    LearnedPositions,
    SinePositions,
    sinusoids,
)


def test_sinusoids_encode_the_row_in_the_first_half_of_the_channels() -> None:
    """Eight channels: four each, of frequencies 1 and 10000^(-2/4) = 1/100, row before column."""
    at = sinusoids(8, (4, 6))[:, 3, 5]
    expected = [f(p * rate) for p in (3, 5) for rate in (1, 1 / 100) for f in (math.sin, math.cos)]
    torch.testing.assert_close(at, torch.tensor(expected))


def test_an_odd_number_of_channels_gives_the_row_one_more() -> None:
    found = sinusoids(3, (2, 2))
    assert found.shape == (3, 2, 2)
    torch.testing.assert_close(found[:, 1, 0], torch.tensor([math.sin(1), math.cos(1), 0.0]))
    assert sinusoids(1, (2, 2)).shape == (1, 2, 2)


def test_sinusoids_and_coordinates_have_no_parameter_and_no_place_in_the_state() -> None:
    for layer in (SinePositions(8, (4, 4)), Coordinates((4, 4))):
        assert list(layer.parameters()) == []
        assert layer.state_dict() == {}


def test_sinusoids_of_another_map_are_its_own() -> None:
    layer, zeros = SinePositions(8, (4, 4)), torch.zeros(2, 8, 3, 9)
    torch.testing.assert_close(layer(zeros), sinusoids(8, (3, 9)).expand(2, -1, -1, -1))


def test_half_types_come_back_in_their_type() -> None:
    x = torch.zeros(1, 8, 4, 4, dtype=torch.bfloat16)
    size = (4, 4)
    adding = [kind(8, size) for kind in (SinePositions, LearnedPositions, FreePositions)]
    for layer in (*adding, Coordinates(size)):
        assert layer(x).dtype == torch.bfloat16


def test_learned_positions_add_the_embedding_of_row_and_column() -> None:
    layer, x = LearnedPositions(2, (3, 4)), torch.ones(1, 2, 3, 4)
    with torch.no_grad():
        layer.rows.copy_(torch.arange(6.0).view(3, 2) * 10)
        layer.columns.copy_(torch.arange(8.0).view(4, 2))
    out = layer(x)
    assert out[0, :, 2, 1].tolist() == [1 + 40 + 2, 1 + 50 + 3]


def test_learned_positions_of_another_map_lie_on_a_line() -> None:
    """Rows 0 and 2 of a ramp on a map of 5 rows become 0, 1/2, 1, 3/2, 2."""
    layer = LearnedPositions(1, (3, 2))
    with torch.no_grad():
        layer.rows.copy_(torch.arange(3.0)[:, None])
        layer.columns.zero_()
    assert layer(torch.zeros(1, 1, 5, 2))[0, 0, :, 0].tolist() == [0, 0.5, 1, 1.5, 2]


def test_free_positions_add_an_embedding_of_the_pixel_alone() -> None:
    layer, x = FreePositions(2, (3, 4)), torch.ones(1, 2, 3, 4)
    with torch.no_grad():
        layer.table.copy_(torch.arange(24.0).view(3, 4, 2))
    assert layer(x)[0, :, 2, 1].tolist() == [1 + 2 * (2 * 4 + 1), 1 + 2 * (2 * 4 + 1) + 1]


def test_free_positions_of_another_map_lie_between_the_corners() -> None:
    """A table of x y on a map of 2 x 2 is x y at every point of the square."""
    layer = FreePositions(1, (2, 2))
    with torch.no_grad():
        layer.table.copy_(torch.tensor([[0.0, 0.0], [0.0, 1.0]])[:, :, None])
    found = layer(torch.zeros(1, 1, 3, 5))[0, 0]
    places = [[y * x for x in (0, 0.25, 0.5, 0.75, 1)] for y in (0, 0.5, 1)]
    torch.testing.assert_close(found, torch.tensor(places))


def test_coordinates_are_x_y_and_the_distance_from_the_centre() -> None:
    found = Coordinates((3, 5))(torch.zeros(2, 4, 3, 5))
    assert found.shape == (2, 7, 3, 5)
    assert not found[:, :4].any()
    torch.testing.assert_close(found[1, 4:, 0, 3], torch.tensor([0.5, -1.0, math.sqrt(1.25)]))
    assert found[0, 4:, 1, 2].tolist() == [0, 0, 0]


def test_a_side_of_one_pixel_lies_at_the_centre() -> None:
    assert Coordinates((8, 8))(torch.zeros(1, 1, 1, 3))[0, 1:, 0].tolist() == [
        [-1, 0, 1],
        [0, 0, 0],
        [1, 0, 1],
    ]
