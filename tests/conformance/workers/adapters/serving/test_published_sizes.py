"""Kept sizes of the published models against their real classes, and against what was measured."""

import pytest

from tests.conformance.workers.adapters.serving.published_models import PUBLISHED, meta_model
from workers.adapters.serving import published_sizes
from workers.adapters.serving.component import count
from workers.catalog.serving import Precision

GIGABYTE = 10**9
# Bytes in 16 bits as the vendors' files have them.
FILES = {
    "flux1": 23.8,
    "t5-xxl": 9.5,
    "clip-l": 0.25,
    "flux1-vae": 0.17,
    "flux2-klein-4b": 7.75,
    "qwen3-4b": 8.05,
    "flux2-klein-9b": 18.2,
    "qwen3-8b": 16.4,
    "flux2-vae": 0.17,
    "flux2-dev": 64.4,
    "mistral-small-24b": 48.0,
    "florence-2-base": 0.46,
    "florence-2-large": 1.55,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_kept_numbers_are_those_of_the_real_class(name: str) -> None:
    kept = published_sizes.PUBLISHED[name]
    model = meta_model(name)
    shapes = ((layer, tuple(each.shape)) for layer, each in model.named_parameters())
    assert count(type(model).__name__, kept.role, shapes, kept.width) == kept


def test_every_published_model_is_kept() -> None:
    assert set(published_sizes.PUBLISHED) == set(PUBLISHED)


@pytest.mark.parametrize(("name", "gigabytes"), FILES.items())
def test_bytes_in_16_bits_are_those_of_the_files(name: str, gigabytes: float) -> None:
    found = published_sizes.PUBLISHED[name].bytes_in(Precision.BF16, 2) / GIGABYTE
    assert found == pytest.approx(gigabytes, rel=0.02)
