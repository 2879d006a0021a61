"""The LoRA files that operators offer to all tenants by name; each change is audited."""

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.operators import audit
from db.operators.audit import Actor
from db.storage.keys import lora_key
from db.storage.object_store import ObjectNotFoundError, ObjectStore

_MEDIA_TYPE = "application/octet-stream"


def offer(session: Session, store: ObjectStore, actor: Actor, name: str, path: Path) -> None:
    """Store a checked LoRA file under a name; it replaces an earlier file of that name.

    The entry comes first: where the database cannot take it, the file is not stored.

    Raises:
        db.storage.object_store.StoreError: the store did not take it.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    after = {"bytes": path.stat().st_size, "sha256": sha256}
    audit.record(session, actor, "lora.add", name, before=_stored(store, name), after=after)
    store.put_file(lora_key(name), path, _MEDIA_TYPE)


def withdraw(session: Session, store: ObjectStore, actor: Actor, name: str) -> bool:
    """Remove a LoRA; False when there is none of that name.

    Raises:
        db.storage.object_store.StoreError: the store did not answer.
    """
    before = _stored(store, name)
    if not before:
        return False
    audit.record(session, actor, "lora.remove", name, before=before)
    store.delete(lora_key(name))
    return True


def _stored(store: ObjectStore, name: str) -> dict[str, Any]:
    try:
        return {"bytes": store.head(lora_key(name)).size_bytes}
    except ObjectNotFoundError:
        return {}
