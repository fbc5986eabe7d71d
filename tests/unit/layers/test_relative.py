"""Tables and displacements."""

import torch

from sabench.catalog.attention import Geometry
from sabench.layers.relative import Relative, _entries, displacements, global_relative, new_table


def test_displacements_count_from_the_query_in_pixels() -> None:
    strided = Geometry((4, 4), halo=1, query_stride=2)
    found = displacements(2, 6, strided, torch.device("cpu"))
    assert found.tolist() == [[-1, 0, 1, 2, 3, 4], [-3, -2, -1, 0, 1, 2]]


def test_split_tables_stand_side_by_side() -> None:
    rows, columns = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[4.0], [5.0], [6.0]])
    relative = Relative(rows, columns, (1, 1), split=True)
    r = relative.vectors(torch.tensor([[-1, 1]]), torch.tensor([[0, 1]]))
    assert r[0, 0].tolist() == [[[1, 5], [1, 6]], [[3, 5], [3, 6]]]


def test_summed_tables_add() -> None:
    rows, columns = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0], [20.0], [30.0]])
    relative = Relative(rows, columns, (1, 1), split=False)
    r = relative.vectors(torch.tensor([[-1, 1]]), torch.tensor([[0, 1]]))
    assert r[0, 0, :, :, 0].tolist() == [[21, 31], [23, 33]]


def test_factorised_logits_add_up_to_the_products_with_r() -> None:
    torch.manual_seed(0)
    down, across = torch.tensor([[-1, 0, 1], [-2, -1, 0]]), torch.tensor([[0, 1], [-1, 0]])
    q = torch.randn(3, 2, 2, 4, dtype=torch.float64)  # (., I, J, d)
    for split in (True, False):
        rows, columns = torch.randn(2, 5, 2 if split else 4, dtype=torch.float64)
        relative = Relative(rows, columns, (2, 2), split)
        by_row, by_column = relative.logits(q, down, across)
        expected = (q[..., None, None, :] * relative.vectors(down, across)).sum(-1)
        torch.testing.assert_close(by_row[..., :, None] + by_column[..., None, :], expected)


def test_a_table_for_another_map_is_interpolated_about_displacement_zero() -> None:
    """A ramp from -1 to 1 stays a ramp from -1 to 1."""
    ramp = torch.linspace(-1, 1, 2 * 5 - 1)[:, None]
    relative = global_relative(ramp, ramp, (8, 3))
    torch.testing.assert_close(relative.rows, torch.linspace(-1, 1, 2 * 8 - 1)[:, None])
    torch.testing.assert_close(relative.columns, torch.linspace(-1, 1, 2 * 3 - 1)[:, None])
    assert relative.zero == (7, 2)
    assert relative.rows[7] == relative.columns[2] == 0


def test_a_table_of_the_right_length_is_left_alone() -> None:
    table = new_table(9, 4)
    relative = global_relative(table, table, (5, 5))
    assert relative.rows is table


def test_a_new_table_has_a_standard_deviation_of_one_over_the_root_of_its_width() -> None:
    torch.manual_seed(0)
    assert abs(new_table(10_000, 16).std().item() - 0.25) < 0.005


def test_with_several_threads_a_tables_gradient_has_the_same_bits_each_time() -> None:
    """Of a map of 32 with 128 channels: an index's gradient has dozens of values."""
    torch.manual_seed(0)
    index = displacements(32, 32, Geometry((32, 32), halo=0), torch.device("cpu")) + 31
    table, upstream = torch.randn(63, 128, requires_grad=True), torch.randn(32, 32, 128)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = {
            torch.autograd.grad(_entries(table, index), table, upstream)[0].numpy().tobytes()
            for _ in range(200)
        }
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1
