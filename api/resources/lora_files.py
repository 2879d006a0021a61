"""Validation of LoRA files by their header alone, without a model library."""

import re
from os import SEEK_END
from typing import BinaryIO

from db.core.json_parser import parse_json

MEDIA_TYPE = "application/octet-stream"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_HEADER_BYTES = 2 * 2**20
_WORDS = re.compile("lora|lokr", re.IGNORECASE)
_DTYPES = {"F16", "BF16", "F32"}


class LoraError(Exception):
    """A file is not an accepted LoRA, or cannot be fetched; the message says why."""


def check_lora(file: BinaryIO) -> None:
    """Refuse a file that is not a safetensors file of LoRA matrices, by its header alone.

    A LoKr, whose matrices are Kronecker factors, is taken too.

    The format (github.com/huggingface/safetensors): eight bytes, little-endian, with the header's
    length; the header, a JSON object of dtype, shape and data_offsets by name; the numbers.

    Raises:
        LoraError: the file is not a LoRA in an accepted format.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(_MAX_HEADER_BYTES, size - 8):
        raise LoraError("this is no safetensors file")
    try:
        header = parse_json(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        dtypes = {entry["dtype"] for entry in tensors.values()}
        end = max(entry["data_offsets"][1] for entry in tensors.values())
    except (ValueError, AttributeError, KeyError, IndexError, TypeError):
        raise LoraError("this is no safetensors file") from None
    if end != size - 8 - length:
        raise LoraError("the file is cut off, or longer than its header says")
    if not any(_WORDS.search(name) for name in tensors) or not dtypes <= _DTYPES:
        raise LoraError("the file holds no LoRA in float16, bfloat16 or float32")
