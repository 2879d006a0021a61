"""LoRAs that a submission names, validated and stored before the job is accepted."""

import hashlib
import re

from api.jobs.input_pictures import store_input
from api.resources.lora_files import MEDIA_TYPE, NAME, LoraError, check_lora
from api.resources.remote_files import RemoteFileError
from api.services import Services
from db.storage.keys import input_key, lora_key
from db.storage.object_store import ObjectNotFoundError
from workers.catalog.flux.loras import Lora

_URL = re.compile(r"https?://", re.IGNORECASE)


def resolve_lora(services: Services, tenant_id: str, lora: Lora) -> Lora:
    """The same LoRA with the object store's key as its source.

    Raises:
        LoraError: there is no such LoRA, or it is not acceptable.
        api.core.domain_errors.TooManyFetchesError: too many files are being fetched by URL.
    """
    if _URL.match(lora.source):
        key = _store_from_url(services, tenant_id, lora.source)
    elif NAME.fullmatch(lora.source):
        key = _find_by_name(services, lora.source)
    else:
        raise LoraError("give a name that the operator offers, or an https URL")
    return lora.model_copy(update={"source": key})


def _find_by_name(services: Services, name: str) -> str:
    key = lora_key(name)
    try:
        services.store.head(key)
    except ObjectNotFoundError:
        raise LoraError(f"there is no LoRA named {name}") from None
    return key


def _store_from_url(services: Services, tenant_id: str, url: str) -> str:
    max_bytes = services.settings.max_lora_bytes
    try:
        data = services.remote_loras.fetch(tenant_id, url, max_bytes=max_bytes)
    except RemoteFileError as error:
        raise LoraError(str(error)) from error
    check_lora(data)
    key = input_key(tenant_id, hashlib.sha256(data).hexdigest())
    store_input(services, key, data, MEDIA_TYPE)
    return key
