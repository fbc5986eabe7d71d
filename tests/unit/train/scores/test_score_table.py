"""The table of scores."""

import inspect

import pytest
from score_nets import EVERY

from sabench.catalog.scores import SCORES, find_asked, find_score
from sabench.errors import ConfigError


def test_there_are_eight_scores():
    names = "grad_norm snip grasp synflow fisher jacob_cov naswot zen"
    assert " ".join(EVERY) == names


@pytest.mark.parametrize("name", EVERY)
def test_a_row_names_a_function_of_its_name_with_its_variants(name):
    row = find_score(name)
    function = row.load()
    assert function.__name__ == row.name == name
    taken = list(inspect.signature(function).parameters)
    assert taken[:3] == ["module", "batch", "chunks"]
    assert ("variant" in taken) == bool(row.variants)


@pytest.mark.parametrize("name", EVERY)
def test_a_score_cites_its_rows_source(name):
    assert SCORES[name].source in inspect.getdoc(SCORES[name].load())


def test_an_unknown_score_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="'ziko' is no score; known: grad_norm, snip, grasp"):
        find_score("ziko")


def test_a_variant_is_known_by_its_scores_name_and_its_own():
    asked = find_asked("synflow_absolute")
    assert (asked.score.name, asked.variant) == ("synflow", "absolute")
    assert asked.title.startswith(SCORES["synflow"].title)
    with pytest.raises(ConfigError, match="'synflow_own' is no score; known: grad_norm, "):
        find_asked("synflow_own")


def test_a_variant_of_a_score_without_any_is_refused():
    with pytest.raises(ConfigError, match="variant='own': no variant of zen; known: none"):
        find_score("zen").check("own")
