"""The local stack's keys: created once per data folder, in a file that only its owner can read."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from db.billing import ledger
from db.tenants import api_keys, tenants
from db.tenants.api_keys import InvalidKeyError
from deploy.local.servers.secret_file import write_private

LOCAL_TIER = "standard"
LOCAL_CREDIT_MICROS = 5_000_000


@dataclass(frozen=True)
class Credentials:
    """Keys of the local tenant and operator, and the secret that signs artifact URLs."""

    api_key: str
    operator_key: str
    url_secret: str


def url_secret(path: Path) -> str:
    """The signing secret. It outlives restarts, so that artifact URLs stay valid."""
    stored = _read(path)
    return stored.url_secret if stored else secrets.token_urlsafe(32)


def ensure_credentials(session: Session, path: Path, secret: str) -> Credentials:
    """The stored keys if the database knows them, else new ones, with a tenant of their own."""
    stored = _read(path)
    if stored is not None and _are_valid(session, stored):
        return stored
    tenant = tenants.create(session, name="Local", tier=LOCAL_TIER)
    ledger.credit(session, tenant.id, LOCAL_CREDIT_MICROS, reference=f"local-stack:{tenant.id}")
    _, api_key = api_keys.create(session, tenant_id=tenant.id, name="local stack")
    _, operator_key = api_keys.create(session, tenant_id=None, name="local operator")
    created = Credentials(api_key, operator_key, secret)
    write_private(path, json.dumps(asdict(created), indent=2))
    return created


def _read(path: Path) -> Credentials | None:
    return Credentials(**json.loads(path.read_text())) if path.exists() else None


def _are_valid(session: Session, stored: Credentials) -> bool:
    try:
        api_keys.identify(session, stored.api_key)
        api_keys.identify(session, stored.operator_key)
    except InvalidKeyError:
        return False
    return True
