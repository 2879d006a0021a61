"""The local stack's keys: made once per data folder, kept readable by its owner alone."""

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
    """The signing secret, kept over restarts so that artifact URLs survive them."""
    kept = _read(path)
    return kept.url_secret if kept else secrets.token_urlsafe(32)


def ensure(session: Session, path: Path, secret: str) -> Credentials:
    """The kept keys where the database knows them, else fresh ones with a tenant to use them."""
    kept = _read(path)
    if kept is not None and _known(session, kept):
        return kept
    tenant = tenants.create(session, name="Local", tier=LOCAL_TIER)
    ledger.credit(session, tenant.id, LOCAL_CREDIT_MICROS, reference=f"local-stack:{tenant.id}")
    _, api_key = api_keys.create(session, tenant_id=tenant.id, name="local stack")
    _, operator_key = api_keys.create(session, tenant_id=None, name="local operator")
    made = Credentials(api_key, operator_key, secret)
    write_private(path, json.dumps(asdict(made), indent=2))
    return made


def _read(path: Path) -> Credentials | None:
    return Credentials(**json.loads(path.read_text())) if path.exists() else None


def _known(session: Session, kept: Credentials) -> bool:
    try:
        api_keys.identify(session, kept.api_key)
        api_keys.identify(session, kept.operator_key)
    except InvalidKeyError:
        return False
    return True
