"""What no score may depend on, on reduced networks of each layer."""

import pytest
from score_nets import EVERY, LAYERS, SAMPLES, score, scored, small_batch, small_network

from sabench.train.scores.scored import UndefinedScoreError
from slowness import mostly_slow

each_score = pytest.mark.parametrize("name", EVERY)
each_layer = pytest.mark.parametrize("layer", mostly_slow(LAYERS, ("conv", "halo").__contains__))


@pytest.mark.parametrize("chunks", mostly_slow([2, 4, SAMPLES], (4).__eq__))
@each_layer
@pytest.mark.parametrize("name", [name for name in EVERY if name != "zen"])
def test_a_split_of_the_batch_changes_no_score(name, layer, chunks):
    split = score(name, layer, small_batch(), chunks=chunks)
    assert split.value == pytest.approx(scored(name, layer).value, rel=1e-12)
    assert (split.seen, split.unseen) == (scored(name, layer).seen, scored(name, layer).unseen)


@each_layer
@each_score
def test_the_samples_order_changes_no_score(name, layer):
    other = score(name, layer, small_batch(order=[3, 0, 5, 1, 4, 2]))
    assert other.value == pytest.approx(scored(name, layer).value, rel=1e-12)


@each_layer
@each_score
def test_the_same_seed_gives_the_same_bits(name, layer):
    assert score(name, layer, small_batch()) == scored(name, layer)


def test_what_is_of_the_batchs_statistics_is_not_split():
    with pytest.raises(UndefinedScoreError, match="of all its images at once"):
        score("zen", "conv", small_batch(), chunks=2)


@each_layer
def test_another_seed_gives_another_zen(layer):
    assert score("zen", layer, small_batch(seed=1)).value != scored("zen", layer).value


@each_layer
@each_score
def test_every_parameter_is_seen_or_listed_once_with_a_reason(name, layer):
    found = scored(name, layer)
    names = [key for key, _ in small_network(layer).named_parameters()]
    assert sorted([*found.seen, *(key for key, _ in found.unseen)]) == sorted(names)
    assert all(reason for _, reason in found.unseen)


@each_layer
@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "synflow", "fisher"])
def test_every_tensor_of_two_axes_is_seen_and_no_other(name, layer):
    wide = {key for key, one in small_network(layer).named_parameters() if one.ndim >= 2}
    assert set(scored(name, layer).seen) == wide
    assert {reason for _, reason in scored(name, layer).unseen} == {"one axis: bias or norm"}


@pytest.mark.parametrize("layer", ["self_attention", "augmented", "halo"])
@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "synflow", "fisher"])
def test_position_tables_are_seen(name, layer):
    tables = {key for key in scored(name, layer).seen if key.endswith((".rows", ".columns"))}
    assert len(tables) == 2 * 4  # a slot in each of four groups


@each_layer
def test_zen_sees_the_weights_before_the_pooling(layer):
    reasons = dict(scored("zen", layer).unseen)
    assert "classifier.weight" in reasons
    assert all(one.endswith(("weight", "rows", "columns")) for one in scored("zen", layer).seen)
    assert scored("zen", layer).details["softmax"] == (layer != "conv")


@each_layer
def test_naswot_sees_what_comes_before_a_relu(layer):
    found = scored("naswot", layer)
    assert set(dict(found.unseen)) == {"classifier.weight", "classifier.bias"}
    assert "stem.conv.norm.bias" in found.seen
