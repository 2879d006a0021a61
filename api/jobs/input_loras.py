"""LoRAs that a submission names, checked and stored before the job is accepted."""

import hashlib
import re

from api.jobs.input_pictures import store_input
from api.resources.lora_files import MEDIA_TYPE, NAME, LoraError, check_lora
from api.services import Services
from db.storage.keys import input_key, lora_key
from db.storage.object_store import ObjectNotFoundError
from db.values.pictures import PictureError
from workers.catalog.flux.loras import Lora

_URL = re.compile(r"https?://", re.IGNORECASE)


def stored_lora(services: Services, tenant_id: str, asked: Lora) -> Lora:
    """The same LoRA with the store's key for its source.

    Raises:
        LoraError: there is none, or it is not acceptable.
        api.core.errors.ProblemError: too many files are being fetched by URL.
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
