"""Prompts as FLUX paints them: what was cut is told, and negative ones lead away."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conformance.workers.adapters.official.checkpoints import (
    generators,
    load_adapter,
    load_stock,
    one_thread,
    small,
)
from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1, save_true_width_redux
from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.protocol import Output, Work
from workers.catalog import find

DEMO = find("flux.1-demo")
LONG = "very " * 90 + "small red circle on a blue background"
SHORT = "a red circle on a blue background"
TINY = {"width": 64, "height": 64, "steps": 1, "seed": 7}


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def demo() -> FluxAdapter:
    adapter = FluxAdapter(DEMO, "cpu", {})
    adapter.load()
    return adapter


def asked(**given: Any) -> Work:
    return Work(DEMO.parameters(**{"prompt": SHORT, **TINY, **given}))


def run(adapter: FluxAdapter, *works: Work) -> list[Output]:
    return adapter.run(list(works), lambda _step, _steps: None, lambda: False)


def warnings(outputs: list[Output]) -> list[list[str]]:
    return [(output.data or {})["warnings"] for output in outputs]


def pixels(output: Output) -> np.ndarray:
    return np.asarray(output.images[0].image, dtype=int)


def test_the_job_whose_prompt_is_cut_is_told_and_no_mate_of_it(demo: FluxAdapter) -> None:
    works = [asked(), asked(prompt=LONG), asked(prompt="a green star")]
    assert warnings(run(demo, *works)) == [[], ["prompt_cut"], []]
    # From the cache, too.
    assert warnings(run(demo, works[1])) == [["prompt_cut"]]
    assert warnings(run(demo, works[0])) == [[]]


def test_a_prompt_is_cut_from_one_token_beyond_the_limit(demo: FluxAdapter) -> None:
    limit = DEMO.max_prompt_tokens
    assert limit == 64
    fits, longer = ("red " * count for count in (limit - 1, limit))
    assert warnings(run(demo, asked(prompt=fits), asked(prompt=longer))) == [[], ["prompt_cut"]]


def test_what_the_encoder_of_one_vector_leaves_out_is_not_told(demo: FluxAdapter) -> None:
    """CLIP reads 77 tokens; here T5 reads all."""
    prompt = "xyz " * 96
    assert len(demo._pipeline.tokenizer(prompt).input_ids) > 77
    row = replace(DEMO, options={**DEMO.options, "max_sequence_length": 512})
    longer = FluxAdapter(row, "cpu", {})
    longer.load()
    assert warnings(run(longer, asked(prompt=prompt))) == [[]]


def test_a_cut_negative_prompt_is_told_as_such(demo: FluxAdapter) -> None:
    works = [asked(negative_prompt=LONG), asked(prompt=LONG, negative_prompt=LONG)]
    expected = [["negative_prompt_cut"], ["prompt_cut", "negative_prompt_cut"]]
    assert warnings(run(demo, *works)) == expected


def test_a_job_in_least_memory_is_told_as_well(demo: FluxAdapter) -> None:
    outputs = demo.run_in_least_memory(
        [asked(prompt=LONG, num_images=2)], lambda _step, _steps: None, lambda: False
    )
    assert warnings(outputs) == [["prompt_cut"]]
    assert len(outputs[0].images) == 2


@pytest.mark.parametrize(
    ("variant", "save"), [("flux.2-klein-4b", save_tiny_klein), ("flux.2-dev", save_tiny_flux2)]
)
def test_flux_2_is_told_of_what_its_chat_leaves_out(
    variant: str, save: Any, tmp_path: Path
) -> None:
    save(tmp_path)
    row = small(variant, max_sequence_length=512)
    adapter = load_adapter(row, tmp_path)
    for prompt, expected in (("a red circle", []), ("a red circle " * 60, ["prompt_cut"])):
        parameters = row.parameters(prompt=prompt, **TINY)
        assert warnings(run(adapter, Work(parameters))) == [expected]


@pytest.mark.slow
def test_variations_of_a_picture_are_told_of_their_prompt(tmp_path: Path) -> None:
    save_true_width_redux(tmp_path)
    row = small("flux.1-redux-dev")
    adapter = load_adapter(row, tmp_path / "painter", PRIOR=tmp_path / "prior")
    picture = {"image": [Image.new("RGB", (64, 64), "red")]}
    for prompt, expected in (("", []), ("a red circle", []), ("red " * 600, ["prompt_cut"])):
        parameters = row.parameters(prompt=prompt, image="key", **TINY)
        assert warnings(run(adapter, Work(parameters, picture))) == [expected]


def test_a_negative_prompt_leads_away_from_what_it_names(demo: FluxAdapter) -> None:
    prompt, size = "a circle on a background", {"steps": 4, "width": 128, "height": 128}
    plain = run(demo, asked(prompt=prompt, **size))[0]
    colour = "blue" if pixels(plain).mean(axis=(0, 1)).argmax() == 2 else "red"
    away = run(demo, asked(prompt=prompt, negative_prompt=f"a {colour} circle", **size))[0]
    assert np.abs(pixels(plain) - pixels(away)).max() > 30


def test_jobs_with_negative_prompts_share_a_call_and_keep_theirs(demo: FluxAdapter) -> None:
    works = [asked(negative_prompt="a blue star"), asked(negative_prompt="red", seed=9)]
    works.append(asked(true_guidance=3.5, seed=11))
    assert len({DEMO.batch_key(work.parameters) for work in works}) == 1
    together = run(demo, *works)
    for work, output in zip(works, together, strict=True):
        assert np.abs(pixels(run(demo, work)[0]) - pixels(output)).max() <= 4
    without = run(demo, asked(seed=11))[0]
    assert np.abs(pixels(together[2]) - pixels(without)).max() > 4


def test_less_strength_changes_less_at_any_number_of_steps(demo: FluxAdapter) -> None:
    picture = Image.new("RGB", (64, 64), (40, 70, 200))
    for steps in (1, 3):
        changes = []
        for strength in (0.01, 0.3, 0.6, 1.0):
            given = {
                "image": "key",
                "strength": strength,
                "steps": steps,
                "prompt": "a yellow star",
            }
            work = Work(asked(**given).parameters, {"image": [picture]})
            changes.append(np.abs(pixels(run(demo, work)[0]) - np.asarray(picture, int)).mean())
        assert changes[0] < 15
        assert changes == sorted(changes)
        assert changes[3] > 2 * changes[0]


KONTEXT = "FluxKontextPipeline"


@pytest.mark.parametrize(
    ("variant", "loads", "stock", "given"),
    [
        ("flux.1-dev", "FluxPipeline", "FluxPipeline", ()),
        ("flux.1-dev", "FluxPipeline", "FluxImg2ImgPipeline", ("image",)),
        ("flux.1-dev", "FluxPipeline", "FluxInpaintPipeline", ("image", "mask")),
        ("flux.1-kontext-dev", KONTEXT, KONTEXT, ("image",)),
        ("flux.1-kontext-dev", KONTEXT, "FluxKontextInpaintPipeline", ("image", "mask")),
    ],
)
def test_a_negative_prompt_paints_what_the_stock_pipeline_paints(
    variant: str, loads: str, stock: str, given: tuple[str, ...], tmp_path: Path
) -> None:
    save_tiny_flux1(loads, tmp_path)
    row = small(variant, **({"snaps_picture": False} if "kontext" in variant else {}))
    size = (64, 64)
    white, red = (Image.new("RGB", size, colour) for colour in ("white", "red"))
    pictures = {"image": [red], "mask": [white]}
    own = {name: pictures[name] for name in given}
    parameters: Any = row.parameters(
        prompt="a red circle",
        negative_prompt="a frame",
        true_guidance=2.5,
        width=64,
        height=64,
        steps=2,
        seed=3,
        **dict.fromkeys(given, "key"),
        **({"strength": 0.5} if given and variant == "flux.1-dev" else {}),
    ).with_sizes({name: [size] for name in given})
    painted = run(load_adapter(row, tmp_path), Work(parameters, own))[0]
    arguments = dict(zip(("image", "mask_image"), (red, white), strict=True))
    named: dict[str, Any] = dict(list(arguments.items())[: len(given)])
    if given and variant == "flux.1-dev":
        named["strength"] = 0.5
    if "kontext" in variant:
        named |= {"max_area": 64 * 64, "_auto_resize": False}
    with torch.inference_mode():
        expected = load_stock(stock, tmp_path)(
            prompt="a red circle",
            negative_prompt="a frame",
            true_cfg_scale=2.5,
            width=64,
            height=64,
            num_inference_steps=2,
            guidance_scale=parameters.guidance,
            max_sequence_length=32,
            generator=generators(3)[0],
            **named,
        ).images[0]
    assert np.array_equal(pixels(painted), np.asarray(expected, dtype=int))
