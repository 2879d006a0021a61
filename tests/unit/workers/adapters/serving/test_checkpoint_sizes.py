"""Sizes read from a checkpoint's own files."""

import json
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from workers.adapters.serving.checkpoint_sizes import (
    bytes_in_16_bits,
    cached_folder,
    components_of,
)
from workers.adapters.serving.choose import RequestError
from workers.adapters.serving.component import Role
from workers.adapters.serving.device_budget import of_card
from workers.adapters.serving.memory_plan import plan_variant
from workers.adapters.weights import WeightsError
from workers.adapters.weights_headers import read_header
from workers.catalog import find
from workers.catalog.serving import Offload, Precision, ServingRequest
from workers.catalog.variant import Variant, Weights
from workers.demo import weights_folder

NAMELESS = struct.pack("<Q", 9) + b'{"x": []}'
"""A header whose entry is none."""
CARD = of_card(24 * 10**9)
DEMO = "flux.1-demo"


def with_weights(name: str, weights: Weights) -> Variant:
    """An operator's row that derives from a built-in one."""
    return replace(find(name), id="own", base=name, weights=weights)


def write_header(path: Path, tensors: dict[str, tuple[str, list[int], int]]) -> None:
    """A safetensors file whose data are a hole: name → dtype, shape, bytes."""
    entries, end = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + end)


@pytest.mark.parametrize("name", [DEMO, "flux.2-demo", "florence-2-demo"])
def test_a_local_checkpoint_has_the_bytes_of_its_files(name: str) -> None:
    files = weights_folder(name).rglob("*.safetensors")
    tensors = [entry for path in files for entry in read_header(path).values()]
    stored = sum(end - start for start, end in (each["data_offsets"] for each in tensors))
    width = {entry["dtype"]: 4 if entry["dtype"] == "F32" else 2 for entry in tensors}
    assert set(width.values()) == {2}
    assert bytes_in_16_bits(find(name), {}) == pytest.approx(stored, rel=0.001)


def test_components_have_their_roles() -> None:
    found = components_of(find(DEMO), {})
    assert {name: part.role for name, part in found.items()} == {
        "transformer": Role.TRANSFORMER,
        "text_encoder": Role.TEXT,
        "text_encoder_2": Role.TEXT,
        "vae": Role.OTHER,
    }
    assert found["transformer"].large > 0
    assert found["transformer"].modulation > 0
    assert found["transformer"].width > 0


def test_a_folder_of_ones_own_is_read_in_place_of_the_published_sizes() -> None:
    folder = str(weights_folder(DEMO))
    own = components_of(find("flux.1-dev"), {"BOTTEGA_WEIGHTS_FLUX_1_DEV": folder})
    assert own == components_of(find(DEMO), {})
    assert components_of(with_weights("flux.1-dev", Weights("", folder=folder)), {}) == own


def test_a_fine_tune_on_the_hub_is_as_large_as_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    row = with_weights("flux.1-dev", Weights("somebody/tune", "main"))
    assert components_of(row, {}) == components_of(find("flux.1-dev"), {})
    # Once it is in the cache its own headers count.
    repository = tmp_path / "models--somebody--tune"
    shutil.copytree(weights_folder(DEMO), repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc\n")
    assert cached_folder(Weights("somebody/tune", "main")) == repository / "snapshots" / "abc"
    assert components_of(row, {}) == components_of(find(DEMO), {})


def test_the_further_weights_of_a_kind_count() -> None:
    plain = bytes_in_16_bits(find("flux.1-dev"), {})
    assert bytes_in_16_bits(find("flux.1-redux-dev"), {}) - plain == pytest.approx(
        0.985e9, rel=0.02
    )
    assert "depth" in components_of(find("flux.1-depth-dev"), {})


def test_a_quantised_folder_is_served_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "nf4"
    shutil.copytree(weights_folder(DEMO), folder)
    settings = folder / "transformer" / "config.json"
    text = json.loads(settings.read_text()) | {"quantization_config": {"load_in_4bit": True}}
    settings.write_text(json.dumps(text))
    size = sum(path.stat().st_size for path in (folder / "transformer").glob("*.safetensors"))
    row = with_weights(DEMO, Weights("", folder=str(folder)))
    stored = components_of(row, {})["transformer"].stored_bytes
    assert stored == pytest.approx(size, rel=0.02)
    assert plan_variant(row, CARD).mode.precision is Precision.STORED
    text_waits = plan_variant(row, CARD, ServingRequest(offload=Offload.TEXT))
    assert (text_waits.mode.precision, text_waits.host_bytes > 0) == (Precision.STORED, True)
    with pytest.raises(RequestError, match="quantised already"):
        plan_variant(row, CARD, ServingRequest(Precision.FP8))


def test_a_gguf_file_takes_its_own_size(tmp_path: Path) -> None:
    file = tmp_path / "flux1-dev-Q4_K_S.gguf"
    row = with_weights("flux.1-dev", Weights("", file=str(file)))
    guessed = components_of(row, {})["transformer"].stored_bytes
    assert guessed == pytest.approx(6.8e9, rel=0.02)  # the published file of that format
    with file.open("wb") as sparse:
        sparse.write(struct.pack("<4sIQ", b"GGUF", 3, 780))
        sparse.truncate(6_810_000_000)
    assert components_of(row, {})["transformer"].stored_bytes == 6_810_000_000
    plan = plan_variant(row, of_card(12 * 10**9))
    assert (plan.mode.precision, plan.mode.offload) == (Precision.STORED, Offload.TEXT)


def test_a_single_file_in_16_bits_has_the_numbers_of_its_base() -> None:
    row = with_weights("flux.1-dev", Weights("", file="/models/style.safetensors"))
    assert components_of(row, {}) == components_of(find("flux.1-dev"), {})


def test_a_row_that_derives_from_a_demo_model_is_as_large_as_that_before_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    demo = components_of(find(DEMO), {})
    assert components_of(with_weights(DEMO, Weights("somebody/tune", "main")), {}) == demo
    far = Weights("somebody/tune", "main", file="tune.safetensors")
    assert components_of(with_weights(DEMO, far), {}) == demo


def test_a_single_file_counts_beside_the_other_components_of_its_base(tmp_path: Path) -> None:
    demo = components_of(find(DEMO), {})
    [file] = weights_folder(DEMO).glob("transformer/*.safetensors")
    assert components_of(with_weights(DEMO, Weights("", file=str(file))), {}) == demo
    # A file by the vendor's names, of half the numbers, beside a VAE that the base has already.
    half, path = demo["transformer"].parameters // 2, tmp_path / "half.safetensors"
    write_header(
        path,
        {
            "model.diffusion_model.img_in.weight": ("BF16", [half, 1], 0),
            "first_stage_model.decoder.weight": ("BF16", [half, 9], 0),
        },
    )
    found = components_of(with_weights(DEMO, Weights("", file=str(path))), {})
    assert found["transformer"].parameters == pytest.approx(half, rel=0.01)
    assert found | {"transformer": demo["transformer"]} == demo
    plan_variant(with_weights(DEMO, Weights("", file=str(path))), CARD)


@pytest.mark.parametrize("name", ["own.safetensors", "own.gguf"])
@pytest.mark.parametrize(
    "content", [b"", b"junk of any kind, longer than a header", b"\0" * 64, NAMELESS]
)
def test_a_broken_single_file_is_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    row = with_weights(DEMO, Weights("", file=str(tmp_path / name)))
    with pytest.raises(
        WeightsError, match=rf"^own: [^:]*{name} [^:]*(: [^:]*)*; fetch or copy it again$"
    ):
        components_of(row, {})


def test_a_single_file_that_is_cut_short_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    write_header(path, {"x.weight": ("BF16", [4, 8], 64)})
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(WeightsError, match="cut short"):
        components_of(with_weights(DEMO, Weights("", file=str(path))), {})


@pytest.mark.parametrize("content", [b"", b"\xff" * 16, struct.pack("<Q", 2) + b"[}"])
def test_a_file_that_is_no_safetensors_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "own"
    shutil.copytree(weights_folder("florence-2-demo"), folder)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"florence-2-demo: .*safetensors .*; fetch or copy it"):
        components_of(find("florence-2-demo"), {"BOTTEGA_WEIGHTS_FLORENCE_2_DEMO": str(folder)})


def test_a_model_of_which_nothing_is_known_is_a_sentence() -> None:
    row = replace(find("flux.1-dev"), id="own", weights=Weights("somebody/else", "main"))
    with pytest.raises(WeightsError, match="not known before they are on this machine"):
        components_of(row, {})


def test_a_header_of_a_shard_is_read_without_its_tensors(tmp_path: Path) -> None:
    write_header(tmp_path / "a.safetensors", {"x.weight": ("BF16", [4, 8], 64)})
    header = read_header(tmp_path / "a.safetensors")
    assert [(name, entry["shape"]) for name, entry in header.items()] == [("x.weight", [4, 8])]
