"""MACs counted on a real device: those of the closed form, so those that a CPU counts too."""

import pytest
from on_gpu import DEVICE, MARKS

from counting import BACKENDS, EACH, HALOS, count_halo, count_layer

pytestmark = MARKS


@pytest.mark.parametrize(("name", "implementation"), EACH)
def test_a_layer_multiplies_what_its_closed_form_says(name: str, implementation: str) -> None:
    counted = count_layer(DEVICE, name, implementation)
    assert counted.macs == counted.expected


@pytest.mark.parametrize("halo", HALOS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_attention_backend_counts_the_same(backend: str, halo: str) -> None:
    counted = count_halo(DEVICE, backend, halo)
    assert counted.macs == counted.expected
    assert counted.fused == {backend} - {"math"}
