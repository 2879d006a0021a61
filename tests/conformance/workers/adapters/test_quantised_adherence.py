"""Quantised demo weights paint what a prompt says nearly as often as the whole ones."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conformance.workers.adapters.checkpoint_files import save_gguf, tensors_in
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.protocol import Work
from workers.catalog import find
from workers.catalog.serving import PLAIN, Precision, ServingMode
from workers.catalog.variant import Weights
from workers.demo import weights_folder
from workers.training.flux.adherence import check
from workers.training.flux.flux1_metrics import COUNTS, unseen_scenes

DEMO = find("flux.1-demo")
PROMPTS, SEED = 100, 20261126
KEPT_SHARE = 0.95
SIZES = {"int8": 0.56, "fp8": 0.56, "nf4": 0.40, "Q8_0": 0.60, "Q4_0": 0.37}
"""Each format with the largest share of the transformer's bytes in 16 bits that it may take. It
has more layers that are kept, relative to the others, than a large model."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def adapter_for(stored: str, folder: Path) -> FluxAdapter:
    bf16 = {"cpu": "bfloat16"}
    if stored.startswith("Q"):
        path = folder / f"{stored}.gguf"
        save_gguf(tensors_in(weights_folder(DEMO.id) / "transformer"), path, stored)
        weights = Weights("", file=str(path))
        row = replace(DEMO, id="flux.1-mine", base=DEMO.id, weights=weights, dtype=bf16)
        adapter = FluxAdapter(row, "cpu", {}, ServingMode(Precision.STORED))
    else:
        mode = PLAIN if stored == "plain" else ServingMode(Precision(stored))
        adapter = FluxAdapter(replace(DEMO, dtype=bf16), "cpu", {}, mode)
    adapter.load()
    return adapter


def transformer_bytes(adapter: FluxAdapter) -> int:
    transformer = adapter._pipeline.transformer
    return sum(each.nbytes for each in (*transformer.parameters(), *transformer.buffers()))


def right_pictures(adapter: FluxAdapter) -> int:
    """The number of pictures with everything right."""
    scenes = unseen_scenes(SEED, [COUNTS[n % len(COUNTS)] for n in range(PROMPTS)])
    right = 0
    for number, scene in enumerate(scenes):
        parameters: Any = DEMO.parameters(prompt=scene.caption, seed=SEED + number)
        (output,) = adapter.run([Work(parameters)], lambda _step, _steps: None, lambda: False)
        right += check(output.images[0].image, scene).right
    return right


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """The whole weights' right pictures, and their bytes."""
    adapter = adapter_for("plain", tmp_path_factory.mktemp("plain"))
    return right_pictures(adapter), transformer_bytes(adapter)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stored", SIZES)
def test_it_keeps_its_adherence_in_less_memory(
    stored: str, plain: tuple[int, int], tmp_path: Path, record_property: Any
) -> None:
    adapter = adapter_for(stored, tmp_path)
    right, taken = right_pictures(adapter), transformer_bytes(adapter)
    record_property("right", right)
    record_property("bytes", taken)
    print(  # noqa: T201 - the real size is told
        f"{stored}: {right} of {PROMPTS} right ({plain[0]} in 16 bits), {taken} bytes "
        f"({taken / plain[1]:.2f} of 16 bits)"
    )
    assert right >= KEPT_SHARE * plain[0]
    assert taken <= SIZES[stored] * plain[1]
