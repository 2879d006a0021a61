"""LoRAs that a row names: part of the variant's weights, with or without a job's own LoRAs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conformance.workers.adapters.test_flux_loras import SAVES, lora, one_thread, paint
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.weights import WeightsError, override_variable
from workers.catalog import find
from workers.catalog.flux.loras import RowLora
from workers.catalog.variant import Weights

__all__ = ["one_thread"]

SCALE = 0.7
LARGEST_DIFFERENCE = 1
"""Levels of 255: the sum of weights and LoRA is rounded elsewhere than that of their products."""


def adapter_for(variant_id: str, folder: Path, **files: bytes) -> FluxAdapter:
    """The variant with those files as its row's LoRAs, each at `SCALE`."""
    variant = find(variant_id)
    overrides = {override_variable(variant_id): str(folder)}
    for number, (name, data) in enumerate(files.items(), 1):
        path = folder / f"{name}.safetensors"
        path.write_bytes(data)
        overrides[f"{override_variable(variant_id)}_LORA_{number}"] = str(path)
    named = tuple(RowLora(Weights("someone/styles", "main"), name, SCALE) for name in files)
    exact = {"cpu": "float32"}  # where a processor takes 16 bits, sums are rounded too coarsely
    row = replace(variant, dtype=exact, options={**variant.options, "loras": named})
    return FluxAdapter(row, "cpu", overrides)


@pytest.fixture(scope="module", params=SAVES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("weights")
    SAVES[request.param](folder)
    return request.param, folder


@pytest.mark.slow
def test_a_rows_loras_act_on_every_job_and_a_jobs_own_come_on_top(saved: Any) -> None:
    plain = adapter_for(*saved)
    plain.load()
    files = {name: lora(plain, seed) for seed, name in enumerate(("style", "touch", "own"))}
    made = {name: files[name] for name in ("style", "touch")}
    fixed = adapter_for(*saved, **made)
    fixed.load()

    bare = paint(plain, files)
    asked = [("style", SCALE), ("touch", SCALE)]
    for own in ([], [("own", 1.0)], []):
        expected = paint(plain, files, *asked, *own)
        assert not np.array_equal(expected, bare)
        painted = paint(fixed, files, *own)
        assert np.abs(painted - expected).max() <= LARGEST_DIFFERENCE


def test_a_lora_that_is_missing_or_broken_fails_the_load_and_tells_which(saved: Any) -> None:
    variant_id, folder = saved
    broken = adapter_for(variant_id, folder, broken=b"no file at all")
    with pytest.raises(WeightsError, match=f"{variant_id}: a LoRA of its row: .* not a LoRA"):
        broken.load()
    (folder / "broken.safetensors").unlink()
    with pytest.raises(WeightsError, match="_LORA_1 must name one"):
        broken.load()
