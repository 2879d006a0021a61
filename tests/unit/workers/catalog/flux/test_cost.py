"""Estimates of device-seconds: what they grow with, and how near they are to measured figures."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.values.pricing import PIXELS_PER_MEGAPIXEL as MEGAPIXEL
from workers.catalog import find

MEASURED = [
    ("flux.1-demo", 64, 1, (), 0.072),
    ("flux.1-demo", 128, 1, (), 0.073),
    ("flux.1-demo", 256, 1, (), 0.134),
    ("flux.1-demo", 384, 1, (), 0.217),
    ("flux.1-demo", 256, 4, (), 0.400),
    ("flux.2-demo", 64, 1, (), 0.063),
    ("flux.2-demo", 128, 1, (), 0.044),
    ("flux.2-demo", 256, 1, (), 0.090),
    ("flux.2-demo", 384, 1, (), 0.164),
    ("flux.2-demo", 256, 4, (), 0.287),
    ("flux.2-demo", 64, 1, (256 * 256,) * 4, 0.153),
    ("flux.2-demo", 64, 1, (MEGAPIXEL,), 0.680),
    ("flux.2-demo", 256, 1, (MEGAPIXEL,) * 2, 1.643),
    ("flux.2-demo", 64, 1, (5160 * 3870,) * 4, 4.238),
]
"""Processor seconds of three steps by `python -m workers.bench.flux_cost`, see BENCHMARKS.md."""

ON_A_GPU = [
    ("flux.1-schnell", {"width": 1024, "height": 1024}, 0.816),
    ("flux.2-klein-4b", {"width": 1024, "height": 1024}, 0.508),
    ("flux.2-klein-4b", {"width": 2048, "height": 2048}, 2.17),
]
"""Seconds of four steps by diffusers' pipelines on one H200, see BENCHMARKS.md."""


def cost(name: str, inputs: tuple[int, ...] = (), **parameters: Any) -> float:
    variant = find(name)
    pictures = {"images": ["file_1"] * len(inputs)} if inputs else {}
    return variant.cost_seconds(
        variant.parameters(prompt="x", **pictures, **parameters).with_sizes(
            {"images": [(64, 64)] * len(inputs)}
        ),
        inputs,
    )


@pytest.mark.parametrize(("name", "side", "pictures", "inputs", "seconds"), MEASURED)
def test_an_estimate_is_within_a_factor_of_two_of_what_was_measured(
    name: str, side: int, pictures: int, inputs: tuple[int, ...], seconds: float
) -> None:
    estimate = cost(name, inputs, steps=3, width=side, height=side, num_images=pictures)
    assert 0.5 <= estimate / seconds <= 2


@pytest.mark.parametrize(("name", "parameters", "seconds"), ON_A_GPU)
def test_an_estimate_of_a_large_model_is_near_what_a_gpu_took(
    name: str, parameters: dict[str, Any], seconds: float
) -> None:
    assert cost(name, steps=4, **parameters) == pytest.approx(seconds, rel=0.2)


@given(
    st.sampled_from(["flux.2-klein-4b", "flux.2-dev", "flux.2-demo"]),
    st.lists(st.integers(4096, 24 * MEGAPIXEL), min_size=0, max_size=3),
    st.integers(4096, 24 * MEGAPIXEL),
    st.integers(1, 11),
)
def test_more_steps_pictures_references_and_pixels_cost_more(
    name: str, inputs: list[int], reference: int, steps: int
) -> None:
    size = {"width": 128, "height": 128}
    asked = [
        cost(name, tuple(inputs), steps=steps, **size),
        cost(name, (*inputs, reference), steps=steps, **size),
        cost(name, (*inputs, reference + MEGAPIXEL), steps=steps, **size),
        cost(name, (*inputs, reference + MEGAPIXEL), steps=steps + 1, **size),
        cost(name, (*inputs, reference + MEGAPIXEL), steps=steps + 1, width=256, height=256),
        cost(name, (*inputs, reference + MEGAPIXEL), steps=steps + 1, num_images=2, **size)
        + cost(name, width=256, height=256, steps=12),
    ]
    assert all(less < more for less, more in pairwise(asked[:5]))
    assert asked[5] > asked[3]


def test_a_reference_counts_by_its_own_area_and_not_by_the_output_s() -> None:
    """Four pictures of twenty megapixels, beside 64 x 64: a hundred times the job without them."""
    size = {"width": 64, "height": 64, "steps": 50}
    assert cost("flux.2-demo", (20 * MEGAPIXEL,) * 4, **size) > 50 * cost("flux.2-demo", **size)
    many = cost("flux.2-demo", (20 * MEGAPIXEL,) * 4, **size)
    assert many == pytest.approx(cost("flux.2-demo", (MEGAPIXEL,) * 4, **size), rel=0.05)
    assert cost("flux.2-demo", (4096,) * 4, **size) < 2 * cost("flux.2-demo", **size)


def test_pictures_whose_size_is_not_known_yet_count_as_large() -> None:
    variant = find("flux.2-klein-4b")
    parsed = variant.parameters(prompt="x", images=["a", "b"], width=512, height=512)
    assert variant.cost_seconds(parsed) == variant.cost_seconds(parsed, (MEGAPIXEL, MEGAPIXEL))


def test_kontext_reads_every_picture_at_a_megapixel() -> None:
    variant = find("flux.1-kontext-dev")
    parsed = variant.parameters(prompt="x", image="a", width=1024, height=1024)
    plain = variant.parameters(prompt="x", width=1024, height=1024)
    small, large = (variant.cost_seconds(parsed, (n,)) for n in (4096, 4 * MEGAPIXEL))
    assert small == pytest.approx(large, rel=0.01)
    assert small > 2 * variant.cost_seconds(plain)


def test_the_largest_job_of_every_model_ends_within_its_deadline_or_is_refused() -> None:
    """Four megapixels, eight references and fifty steps: 707 s, of 600 that a job once had."""
    variant = find("flux.2-dev")
    largest = {"width": 2048, "height": 2048, "steps": 50, "images": ["file_1"] * 8}
    refused = []
    for pictures in (1, 2, 3, 4):
        parsed = variant.parameters(prompt="x", num_images=pictures, **largest)
        inputs = (MEGAPIXEL,) * 8
        assert variant.cost_seconds(parsed, inputs) < variant.deadline_for(parsed, inputs)
        refused.append(variant.exceeds_deadline(parsed, inputs))
    assert refused == [False, False, False, True]
