"""What a LoRA's file may be: looked at by its header alone, without a model library."""

import json
import re

MEDIA_TYPE = "application/octet-stream"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LONGEST_HEADER = 2 * 2**20
_NUMBERS = {"F16", "BF16", "F32"}


class LoraError(Exception):
    """A file is not a LoRA that is taken, or cannot be had; the message says why."""


def check_lora(data: bytes) -> None:
    """Refuse what is not a safetensors file of LoRA matrices, by its header alone.

    The format (github.com/huggingface/safetensors): eight bytes, little-endian, of the header's
    length; the header, a JSON object of dtype, shape and data_offsets by name; the numbers.

    Raises:
        LoraError: it is not one.
    """
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= min(_LONGEST_HEADER, len(data) - 8):
        raise LoraError("this is no safetensors file")
    try:
        header = json.loads(data[8 : 8 + length])
        tensors = {name: about for name, about in header.items() if name != "__metadata__"}
        kinds = {about["dtype"] for about in tensors.values()}
        end = max(about["data_offsets"][1] for about in tensors.values())
    except (ValueError, AttributeError, KeyError, IndexError, TypeError):
        raise LoraError("this is no safetensors file") from None
    if end != len(data) - 8 - length:
        raise LoraError("the file is cut off, or longer than its header says")
    if not any("lora" in name.lower() for name in tensors) or not kinds <= _NUMBERS:
        raise LoraError("the file holds no LoRA in float16, bfloat16 or float32")
