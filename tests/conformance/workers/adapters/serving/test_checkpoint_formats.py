"""Checkpoints as people publish them: GGUF, single files, folders that are quantised already."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from transformers import BitsAndBytesConfig, T5EncoderModel

from tests.conformance.workers.adapters.serving.checkpoint_files import (
    quantize_folder,
    rewrite_config,
    save_gguf,
    tensors_in,
    vendor_config,
    vendor_tensors,
)
from tests.conformance.workers.adapters.test_flux_loras import lora, stored
from tests.conformance.workers.adapters.tiny_flux1 import PACKED, WORDS, save_tiny_flux1
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.optimizations import OptionError
from workers.adapters.protocol import Work
from workers.adapters.serving.gguf_layers import GgufLinear
from workers.adapters.serving.quantization import Int8Linear, Nf4Linear
from workers.adapters.weights import Source, WeightsError, locate, override_variable
from workers.catalog import find
from workers.catalog.flux.loras import RowLora
from workers.catalog.serving import PLAIN, Precision, ServingMode
from workers.catalog.variant import Variant, Weights
from workers.demo import weights_folder

DEMO = find("flux.1-demo")
STORED = ServingMode(Precision.STORED)
NEAR = 3
"""Mean difference in levels of 255 between the demo's picture and that of 8-bit weights."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def with_file(path: Path) -> Variant:
    """The demo with another transformer."""
    return replace(DEMO, id="flux.1-mine", base=DEMO.id, weights=Weights("", file=str(path)))


def loaded(
    variant: Variant, mode: ServingMode = STORED, overrides: dict[str, str] | None = None
) -> FluxAdapter:
    adapter = FluxAdapter(variant, "cpu", overrides or {}, mode)
    adapter.load()
    return adapter


def paint(adapter: FluxAdapter, files: dict[str, bytes] | None = None, **asked: Any) -> np.ndarray:
    asked = {
        "prompt": "a red circle on a blue background",
        "seed": 3,
        "steps": 2,
        "width": 64,
        "height": 64,
        **asked,
    }
    one = Work(adapter._variant.parameters(**asked), stored=stored(files or {}))
    (output,) = adapter.run([one], lambda _step, _steps: None, lambda: False)
    return np.asarray(output.images[0].image, dtype=int)


def layers(adapter: FluxAdapter, kind: type) -> int:
    return sum(isinstance(each, kind) for each in adapter._pipeline.transformer.modules())


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return paint(loaded(DEMO, PLAIN))


@pytest.fixture(scope="module")
def demo_tensors() -> dict[str, torch.Tensor]:
    return tensors_in(weights_folder(DEMO.id) / "transformer")


@pytest.fixture
def demo_folder(tmp_path: Path) -> Path:
    """A copy of the demo's folder, to be changed."""
    return shutil.copytree(weights_folder(DEMO.id), tmp_path / "demo")


@pytest.mark.parametrize(
    "kind",
    ["Q8_0", *(pytest.param(each, marks=pytest.mark.slow) for each in ("Q4_0", "BF16"))],
)
def test_a_gguf_file_paints_and_takes_a_lora(
    kind: str, demo_tensors: dict[str, torch.Tensor], plain: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "mine.gguf"
    save_gguf(demo_tensors, path, kind)
    adapter = loaded(with_file(path))
    bare = paint(adapter)
    assert layers(adapter, GgufLinear) > 40
    if kind != "Q4_0":
        assert np.abs(bare - plain).mean() < NEAR
    files = {"some": lora(adapter, 1)}
    assert not np.array_equal(paint(adapter, files, loras=[{"source": "some"}]), bare)
    assert np.array_equal(paint(adapter), bare)


def test_a_gguf_file_keeps_its_format_and_the_text_encoder_takes_the_one_asked(
    demo_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_gguf(demo_tensors, tmp_path / "mine.gguf", "Q8_0")
    adapter = loaded(with_file(tmp_path / "mine.gguf"), ServingMode(Precision.NF4))
    assert layers(adapter, GgufLinear)
    assert not layers(adapter, Nf4Linear)
    words = adapter._pipeline.text_encoder_2.modules()
    assert any(isinstance(each, Nf4Linear) for each in words)


@pytest.mark.parametrize(
    "dtype",
    [torch.float8_e4m3fn, torch.bfloat16, pytest.param(torch.float32, marks=pytest.mark.slow)],
)
def test_a_single_file_is_served_in_any_precision(
    dtype: torch.dtype, demo_tensors: dict[str, torch.Tensor], plain: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    written = {name: tensor.to(dtype) for name, tensor in demo_tensors.items()}
    safetensors.torch.save_file(written, path)
    for precision in (Precision.BF16, Precision.INT8):
        adapter = loaded(with_file(path), ServingMode(precision))
        assert bool(layers(adapter, Int8Linear)) == (precision is Precision.INT8)
        assert np.abs(paint(adapter) - plain).mean() < 2 * NEAR


@pytest.mark.parametrize(("bits", "kind"), [(4, Nf4Linear), (8, Int8Linear)])
def test_a_folder_of_bitsandbytes_is_served_as_it_is(
    bits: int, kind: type, demo_folder: Path, plain: np.ndarray
) -> None:
    quantize_folder(demo_folder / "transformer", bits=bits)
    adapter = loaded(DEMO, STORED, {override_variable(DEMO.id): str(demo_folder)})
    assert layers(adapter, kind) > 40
    bare = paint(adapter)
    assert np.abs(bare - plain).mean() < 4 * NEAR
    files = {"some": lora(adapter, 1)}
    assert not np.array_equal(paint(adapter, files, loras=[{"source": "some"}]), bare)


def test_a_text_encoder_of_bitsandbytes_is_served_as_it_is(
    demo_folder: Path, plain: np.ndarray
) -> None:
    folder = demo_folder / "text_encoder_2"
    how = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    T5EncoderModel.from_pretrained(folder, quantization_config=how).save_pretrained(folder)
    adapter = loaded(DEMO, STORED, {override_variable(DEMO.id): str(demo_folder)})
    words = list(adapter._pipeline.text_encoder_2.modules())
    assert sum(isinstance(each, Nf4Linear) for each in words) > 10
    assert paint(adapter).shape == plain.shape


def test_a_rows_lora_acts_on_weights_that_nothing_can_be_fused_into(
    demo_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_gguf(demo_tensors, tmp_path / "mine.gguf", "Q8_0")
    variant = with_file(tmp_path / "mine.gguf")
    bare_adapter = loaded(variant)
    files = {"style": lora(bare_adapter, 1), "own": lora(bare_adapter, 2)}
    own, style = {"source": "own", "scale": 0.5}, {"source": "style", "scale": 0.7}
    expected = [
        paint(bare_adapter, files, loras=[style]),
        paint(bare_adapter, files, loras=[style, own]),
    ]
    path = tmp_path / "style.safetensors"
    path.write_bytes(files["style"])
    named = (RowLora(Weights("someone/styles", "main"), "style", 0.7),)
    row = replace(variant, options={**variant.options, "loras": named})
    variable = f"{override_variable(row.id)}_LORA_1"
    adapter = loaded(row, STORED, {variable: str(path)})
    assert np.array_equal(paint(adapter, files), expected[0])
    assert np.array_equal(paint(adapter, files, loras=[own]), expected[1])
    assert np.array_equal(paint(adapter, files), expected[0])


def test_a_rows_lora_is_fused_before_its_weights_are_quantised(tmp_path: Path) -> None:
    files = {"style": lora(loaded(DEMO, PLAIN), 1)}
    (tmp_path / "style.safetensors").write_bytes(files["style"])
    named = (RowLora(Weights("someone/styles", "main"), "style", 0.3),)
    row = replace(DEMO, options={**DEMO.options, "loras": named})
    variable = f"{override_variable(DEMO.id)}_LORA_1"
    folder = {variable: str(tmp_path / "style.safetensors")}
    fused, quantised = (
        paint(loaded(row, ServingMode(precision), folder))
        for precision in (Precision.BF16, Precision.INT8)
    )
    assert np.abs(fused - quantised).mean() < 2 * NEAR


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("suffix", [".gguf", ".safetensors"])
def test_the_vendors_names_at_true_width(suffix: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    save_tiny_flux1("FluxPipeline", base)
    rewrite_config(base / "transformer", **vendor_config(words=WORDS, channels=PACKED))
    path = tmp_path / f"mine{suffix}"
    tensors = vendor_tensors(words=WORDS, channels=PACKED)
    if suffix == ".gguf":
        save_gguf(tensors, path, "Q8_0")
    else:
        safetensors.torch.save_file({n: t.bfloat16() for n, t in tensors.items()}, path)
    del tensors
    mode = STORED if suffix == ".gguf" else ServingMode(Precision.NF4)
    adapter = loaded(with_file(path), mode, {override_variable(DEMO.id): str(base)})
    assert layers(adapter, GgufLinear if suffix == ".gguf" else Nf4Linear) >= 17
    assert paint(adapter, width=64, height=64, steps=1).std() > 1


@pytest.mark.parametrize(
    ("weights", "base", "message"),
    [
        (Weights("", file="/there/is/none.gguf"), DEMO.id, "there is no file /there/is/none.gguf"),
        (Weights("", file="/there/model.ckpt"), DEMO.id, "neither a .safetensors nor a .gguf"),
        (Weights("", file="/there/model.gguf"), "", "its row must name the base"),
        (Weights("", folder="/there/is/none"), DEMO.id, "there is no folder /there/is/none"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_before_it_is_read(
    weights: Weights, base: str, message: str
) -> None:
    row = replace(DEMO, id="flux.1-mine", base=base, weights=weights)
    with pytest.raises(WeightsError, match=f"^flux.1-mine: .*{message}"):
        locate(row, {})


def test_a_file_of_the_hub_keeps_its_own_revision() -> None:
    weights = Weights("someone/flux", "abc", file="flux-Q4.gguf")
    source = locate(replace(DEMO, id="flux.1-mine", base=DEMO.id, weights=weights), {})
    assert source.file == "flux-Q4.gguf"
    assert source.path == weights_folder(DEMO.id)
    assert isinstance(source.file_source, Source)
    assert (source.file_source.name, source.file_source.revision) == ("someone/flux", "abc")


def test_a_file_that_lacks_tensors_is_refused(
    demo_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    kept = {name: each for name, each in demo_tensors.items() if "blocks.0.attn" not in name}
    safetensors.torch.save_file(kept, tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match=r"^flux\.1-mine: .* holds no FluxTransformer2DModel"):
        loaded(with_file(tmp_path / "mine.safetensors"), PLAIN)


def test_a_file_of_the_vendor_that_lacks_tensors_is_refused(tmp_path: Path) -> None:
    names = ("double_blocks.0.img_mod.lin.weight", "single_blocks.0.linear1.weight")
    safetensors.torch.save_file({n: torch.ones(2, 2) for n in names}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"^flux\.1-mine: "):
        loaded(with_file(tmp_path / "a.safetensors"), PLAIN)


def test_8_bits_with_scales_of_their_own_are_refused(
    demo_tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    scaled = {**demo_tensors, "proj_out.weight_scale": torch.ones(1)}
    safetensors.torch.save_file(scaled, tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match="quantised in a way that is not known here"):
        loaded(with_file(tmp_path / "mine.safetensors"), PLAIN)


def test_a_folder_quantised_in_another_way_is_refused(demo_folder: Path) -> None:
    rewrite_config(demo_folder / "transformer", quantization_config={"quant_method": "torchao"})
    with pytest.raises(WeightsError, match="its transformer is quantised by torchao"):
        loaded(DEMO, STORED, {override_variable(DEMO.id): str(demo_folder)})


@pytest.mark.parametrize("missing", ["gguf", "bitsandbytes"])
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    missing: str,
    demo_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    variant, overrides = DEMO, {override_variable(DEMO.id): str(demo_folder)}
    if missing == "gguf":
        (tmp_path / "mine.gguf").write_bytes(b"GGUF\3".ljust(24, b"\0"))
        variant, overrides = with_file(tmp_path / "mine.gguf"), {}
    else:
        how = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        rewrite_config(demo_folder / "transformer", quantization_config=how)
    with pytest.raises(OptionError, match=rf"{missing}: pip install 'bottega\[quantization\]'$"):
        loaded(variant, STORED, overrides)


def test_4_bits_without_their_library_are_refused_at_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(OptionError, match=r"^flux\.1-demo: precision=nf4: it needs bitsandbytes"):
        loaded(DEMO, ServingMode(Precision.NF4))
