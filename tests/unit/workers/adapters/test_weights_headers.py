"""A broken file of weights is named with what is wrong, before a library meets it."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.adapters.serving.checkpoint_sizes import components_of
from workers.adapters.weights import WeightsError, override_variable
from workers.adapters.weights_headers import (
    BrokenFileError,
    check_checkpoint,
    check_file,
    read_header,
)
from workers.catalog import find
from workers.catalog.variant import Variant, Weights
from workers.demo import weights_folder

DEMO = find("flux.1-demo")
FILE = "vae/diffusion_pytorch_model.safetensors"
PAGE = b"<!doctype html><title>404</title>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "painter"
    shutil.copytree(weights_folder(DEMO.id), folder)
    return folder


def gguf(*, bytes_of_data: int) -> bytes:
    """A file of one matrix of 4 by 8 numbers in float32, with a text and a list before it."""
    values = (
        text(b"general.architecture") + struct.pack("<I", 8) + text(b"flux"),
        text(b"names") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b"),
        text(b"general.alignment") + struct.pack("<II", 4, 64),
    )
    tensor = text(b"x.weight") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, len(values)) + b"".join(values) + tensor
    return head.ljust(-(-len(head) // 64) * 64, b"\0") + b"\1" * bytes_of_data


def text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (shorten, r"is cut short: it has \d+ of \d+ bytes"),
    (lambda path: os.truncate(path, 100), "is cut short"),
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"abc"), "is no (safetensors|GGUF) file"),
    (zero, "begins with zeros"),
    (lambda path: path.write_bytes(PAGE), "is a web page, not a (safetensors|GGUF) file"),
    (lambda path: path.write_bytes(POINTER), "is git-lfs's pointer"),
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES)
def test_a_broken_file_of_a_folder_is_named_at_planning(
    copied: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    damage(copied / FILE)
    with pytest.raises(WeightsError, match=sentence) as raised:
        components_of(DEMO, {override_variable(DEMO.id): str(copied)})
    assert str(raised.value).count(str(copied)) == 1
    assert str(raised.value).endswith("; fetch or copy it again")


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES)
def test_a_broken_gguf_file_is_named_at_planning(
    tmp_path: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    file = tmp_path / "painter.gguf"
    file.write_bytes(gguf(bytes_of_data=128))
    row = with_file(file)
    assert components_of(row, {})
    damage(file)
    with pytest.raises(WeightsError, match=sentence):
        components_of(row, {})


def with_file(file: Path) -> Variant:
    weights = Weights("", file=str(file))
    return replace(find("flux.1-dev"), id="own", base="flux.1-dev", weights=weights)


def test_a_missing_component_is_named_at_planning(copied: Path) -> None:
    shutil.rmtree(copied / "vae")
    with pytest.raises(WeightsError, match="lacks the folder vae, a component"):
        components_of(DEMO, {override_variable(DEMO.id): str(copied)})


def test_missing_weights_of_a_component_are_named(copied: Path) -> None:
    (copied / FILE).unlink()
    with pytest.raises(BrokenFileError, match=r"/vae has no \.safetensors file"):
        check_checkpoint(copied)
    check_checkpoint(copied, without={"vae"})


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        ({"weight_map": {"a": "part-2.safetensors"}}, r"vae lacks part-2\.safetensors, which"),
        ({"weight_map": {"a": "../../outside.safetensors"}}, "a file outside its folder"),
        ({"weight_map": {"a": "/etc/passwd"}}, "a file outside its folder"),
        ({"weight_map": {"a": 1}}, "has no weight_map"),
        ({"weight_map": []}, "has no weight_map"),
        ([], "is no object"),
    ],
)
def test_an_index_of_parts_names_files_of_its_folder(
    copied: Path, index: object, sentence: str
) -> None:
    (copied / f"{FILE}.index.json").write_text(json.dumps(index))
    with pytest.raises(BrokenFileError, match=sentence):
        check_checkpoint(copied)


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000])
def test_an_index_of_a_pipeline_that_is_none_is_named(copied: Path, content: str) -> None:
    (copied / "model_index.json").write_text(content)
    with pytest.raises(WeightsError, match=r"model_index\.json is no"):
        components_of(DEMO, {override_variable(DEMO.id): str(copied)})


@pytest.mark.parametrize("name", ["flux.1-demo", "flux.2-demo", "florence-2-demo"])
def test_whole_checkpoints_pass(name: str) -> None:
    check_checkpoint(weights_folder(name))


@pytest.mark.parametrize("suffix", [".safetensors", ".gguf"])
@given(
    st.binary()
    | st.binary().map(lambda each: struct.pack("<Q", len(each)) + each)
    | st.binary(min_size=20).map(lambda each: b"GGUF\3\0\0\0" + each)
    | st.integers(24, 300).map(lambda end: gguf(bytes_of_data=128)[:end])
)
def test_any_bytes_are_a_whole_file_or_a_broken_one(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    with suppress(BrokenFileError):
        check_file(path)


def test_an_entry_with_an_impossible_shape_is_no_header(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}
    head = json.dumps({"a": entry}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(4))
    with pytest.raises(BrokenFileError):
        read_header(path)
