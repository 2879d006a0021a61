"""Florence-2's checkpoints: fine-tunes, number formats, image processors, the vendor's format."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.support.florence2 import DEMO, first_result, loaded_demo, look, red_circle, work
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.florence2.vendor_format import refuse_vendor_format
from workers.adapters.image_processors import on_pillow
from workers.adapters.registry import make_adapter
from workers.adapters.weights import Source, WeightsError, override_variable
from workers.catalog import Family, variants
from workers.catalog.serving import PLAIN, Precision, ServingMode
from workers.demo import weights_folder

FLOAT16 = ServingMode(precision=Precision.FP16)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo checkpoint."""
    copy = tmp_path / "checkpoint"
    shutil.copytree(weights_folder("florence-2-demo"), copy)
    return copy


def loaded(folder: Path, mode: ServingMode | None = None) -> Florence2Adapter:
    overrides = {override_variable(DEMO.id): str(folder)}
    adapter = make_adapter(DEMO, "cpu", overrides, mode)
    assert isinstance(adapter, Florence2Adapter)
    adapter.load()
    return adapter


def test_a_fine_tune_whose_settings_force_no_first_token_answers_as_any(folder: Path) -> None:
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["forced_bos_token_id"]
    path.write_text(json.dumps(settings), encoding="utf-8")
    asked = [work(task="<CAPTION>"), work(task="<OD>"), work(task="<OD>", num_beams=3)]
    here, usual = loaded(folder), loaded_demo()
    for each in asked:
        answer = look(here, each)
        assert answer == look(usual, each)
        assert any(answer[0]["results"][0]["result"].values())


def test_every_row_runs_in_float16_on_a_gpu_and_in_float32_on_the_cpu() -> None:
    rows = [row for row in variants() if row.family is Family.FLORENCE2]
    assert {row.dtype["cuda"] for row in rows} == {"float16"}
    for row in rows:
        assert Florence2Adapter(row, "cuda:0", {})._dtype() is torch.float16
        for mode in (None, PLAIN):
            assert Florence2Adapter(row, "cpu", {}, mode)._dtype() is torch.float32


@pytest.mark.parametrize(
    ("device", "precision", "dtype"),
    [
        ("cuda:0", Precision.FP16, torch.float16),
        ("cuda:0", Precision.BF16, torch.bfloat16),
        ("cpu", Precision.FP16, torch.float16),
    ],
)
def test_the_mode_names_the_number_format(
    device: str, precision: Precision, dtype: torch.dtype
) -> None:
    mode = ServingMode(precision=precision)
    assert Florence2Adapter(DEMO, device, {}, mode)._dtype() is dtype


def test_float16_answers_on_the_cpu_too(folder: Path) -> None:
    adapter = loaded(folder, FLOAT16)
    assert next(adapter._model.parameters()).dtype is torch.float16
    caption = first_result(adapter, task="<CAPTION>")["result"]["<CAPTION>"]
    assert caption == "A red circle on a white background."


@pytest.mark.parametrize(
    "precision", [each for each in Precision if each not in {Precision.FP16, Precision.BF16}]
)
def test_another_precision_is_refused_in_one_sentence(folder: Path, precision: Precision) -> None:
    expected = f"served in 16 bits alone: precision {precision} is none of fp16, bf16$"
    with pytest.raises(WeightsError, match=expected):
        loaded(folder, ServingMode(precision=precision))


class CLIPImageProcessor(transformers.CLIPImageProcessorPil):  # type: ignore[misc]  # has no types
    """The processor as transformers names it where torchvision is installed; it scales nothing."""

    def preprocess(self, *_: Any, **__: Any) -> Any:
        """Scale nothing."""
        raise AssertionError("pictures are scaled by Pillow")


def test_pictures_are_scaled_by_pillow_whatever_else_is_installed() -> None:
    usual = loaded_demo()
    settings = usual._processor.image_processor.to_dict()
    there = CLIPImageProcessor.from_dict(settings)
    pinned = on_pillow(there)
    assert type(pinned) is transformers.CLIPImageProcessorPil
    assert pinned.to_dict() == usual._processor.image_processor.to_dict()
    usual._processor.image_processor = there
    usual.adopt(usual._model, usual._processor)
    assert first_result(usual, task="<CAPTION>")["result"]["<CAPTION>"].startswith("A red circle")
    pixels = pinned(red_circle(), return_tensors="np")["pixel_values"]
    assert np.isfinite(pixels).all()


def test_the_vendor_s_own_format_is_refused_by_the_name_of_its_conversions(folder: Path) -> None:
    (folder / "processor_config.json").unlink()
    (folder / "processing_florence2.py").touch()
    with pytest.raises(WeightsError, match="florence-community/Florence-2-base"):
        loaded(folder)
    hub = Source("microsoft/Florence-2-large-ft", "0" * 40, "fetch it")
    with pytest.raises(WeightsError, match="such code is never run"):
        refuse_vendor_format(DEMO, hub)
    refuse_vendor_format(DEMO, Source("florence-community/Florence-2-large-ft", "0" * 40, ""))
