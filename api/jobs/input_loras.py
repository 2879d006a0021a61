"""LoRAs that a submission names, validated and stored before the job is accepted."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from api.jobs.input_pictures import store_input_file
from api.resources.lora_files import MEDIA_TYPE, NAME, LoraError, check_lora
from api.resources.remote_files import RemoteFileError
from api.services import Services
from db.storage.keys import input_key, lora_key
from db.storage.object_store import ObjectNotFoundError
from workers.catalog.flux.loras import Lora
from workers.outbound import OutboundError
from workers.outbound.urls import parse

_NEITHER = "give a name that the operator offers, or an https URL"
_URL = re.compile(r"https?://", re.IGNORECASE)


def resolve_lora(services: Services, tenant_id: str, lora: Lora) -> Lora:
    """The same LoRA with the object store's key as its source.

    Raises:
        LoraError: there is no such LoRA, or it is not acceptable.
        db.artifacts.storage_limit.StorageFullError: it exceeds the tenant's limit.
        api.core.domain_errors.TooManyFetchesError: too many files are being fetched by URL.
    """
    if _URL.match(lora.source):
        key = _store_from_url(services, tenant_id, lora.source)
    elif NAME.fullmatch(lora.source):
        key = _find_by_name(services, lora.source)
    else:
        raise LoraError(_NEITHER)
    return lora.model_copy(update={"source": key})


def check_lora_source(services: Services, lora: Lora) -> None:
    """Refuse a LoRA whose name or URL can never be resolved, without fetching a file.

    Raises:
        LoraError: there is no LoRA of this name, or the URL is malformed.
    """
    if NAME.fullmatch(lora.source):
        _find_by_name(services, lora.source)
    elif not _URL.match(lora.source):
        raise LoraError(_NEITHER)
    else:
        _check_url(services, lora.source)


def _check_url(services: Services, url: str) -> None:
    allowed = services.outbound
    try:
        parse(url, allow_http=allowed.allow_http, ports=allowed.ports)
    except OutboundError as error:
        raise LoraError(str(error)) from None


def _find_by_name(services: Services, name: str) -> str:
    key = lora_key(name)
    try:
        services.store.head(key)
    except ObjectNotFoundError:
        raise LoraError(f"there is no LoRA named {name}") from None
    return key


def _store_from_url(services: Services, tenant_id: str, url: str) -> str:
    max_bytes = services.settings.max_lora_bytes
    with TemporaryDirectory(prefix="bottega-lora-") as folder:
        path = Path(folder) / "file"
        try:
            sha256 = services.remote_loras.download(tenant_id, url, path, max_bytes=max_bytes)
        except RemoteFileError as error:
            raise LoraError(str(error)) from error
        with path.open("rb") as file:
            check_lora(file)
        key = input_key(tenant_id, sha256)
        store_input_file(services, key, path, MEDIA_TYPE)
    return key
