"""LoRAs that a submission names, checked and stored before the job is accepted."""

import hashlib
import json
import re

from api.pictures import store_input
from api.services import Services
from db.pictures import PictureError
from db.storage.keys import input_key, lora_key
from db.storage.object_store import ObjectNotFoundError
from workers.catalog.flux_loras import Lora

MEDIA_TYPE = "application/octet-stream"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_URL = re.compile(r"https?://", re.IGNORECASE)
_LONGEST_HEADER = 2 * 2**20
_NUMBERS = {"F16", "BF16", "F32"}


class LoraError(Exception):
    """A file is not a LoRA that is taken, or cannot be had; the message says why."""


def stored_lora(services: Services, tenant_id: str, asked: Lora) -> Lora:
    """The same LoRA with the store's key for its source.

    Raises:
        LoraError: there is none, or it is not acceptable.
        api.errors.ProblemError: too many files are being fetched by URL.
    """
    if _URL.match(asked.source):
        key = _fetched(services, tenant_id, asked.source)
    elif NAME.fullmatch(asked.source):
        key = _named(services, asked.source)
    else:
        raise LoraError("give a name that the operator offers, or an https URL")
    return asked.model_copy(update={"source": key})


def _named(services: Services, name: str) -> str:
    key = lora_key(name)
    try:
        services.store.head(key)
    except ObjectNotFoundError:
        raise LoraError(f"there is no LoRA named {name}") from None
    return key


def _fetched(services: Services, tenant_id: str, url: str) -> str:
    limit = services.settings.max_lora_bytes
    try:
        data = services.lora_urls.fetch(tenant_id, url, max_bytes=limit)
    except PictureError as error:
        raise LoraError(str(error).replace("picture", "file")) from error
    check_lora(data)
    key = input_key(tenant_id, hashlib.sha256(data).hexdigest())
    store_input(services, key, data, MEDIA_TYPE)
    return key


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
