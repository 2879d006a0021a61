"""LoRA files, validated by their header alone."""

import json
from io import BytesIO

import pytest

from api.resources.lora_files import LoraError, check_lora


def file(header: object, numbers: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def tensor(dtype: str = "BF16", end: int = 8) -> dict[str, object]:
    return {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, end]}


NAME = "transformer.blocks.0.to_q.lora_A.weight"


def test_a_safetensors_file_of_lora_matrices_is_taken() -> None:
    check_lora(BytesIO(file({"__metadata__": {"format": "pt"}, NAME: tensor()})))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02ctorch",
        file(b"[]"),
        file(b"{}"),
        file(b"not json"),
        file({NAME: {"dtype": "BF16"}}),
        file({NAME: tensor(end=9)}),
        file({NAME: tensor()}, bytes(4)),
        file({NAME: tensor()}, bytes(12)),
        file({NAME: tensor(dtype="I64")}),
        file({"transformer.weight": tensor()}),
        (2**62).to_bytes(8, "little") + b"{}",
    ],
)
def test_everything_else_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(LoraError, match=r"safetensors|LoRA|cut off"):
        check_lora(BytesIO(data))
