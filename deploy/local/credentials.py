"""The local stack's keys: created once per data folder, in a file that only its owner can read."""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from db.operators import actions as operator_actions
from db.operators import keys as operator_keys
from db.tenants import api_keys
from db.tenants.api_keys import InvalidKeyError, OperatorRole
from deploy.local.servers.secret_file import write_private
from deploy.process.actor import command_actor

KEYS_FILE = "keys.json"
"""In the data folder: the keys."""

SETTINGS_FILE = "settings.json"
"""In the data folder: the environment of the operator's commands, for `bottega --stack`."""

LOCAL_TIER = "standard"
LOCAL_CREDIT_MICROS = 5_000_000


@dataclass(frozen=True)
class Credentials:
    """The keys of the local tenant, the operator and Prometheus, and the secret that signs URLs."""

    api_key: str
    operator_key: str
    url_secret: str
    viewer_key: str = ""

    @property
    def api_key_id(self) -> str:
        """The id of the local tenant's key."""
        return api_keys.key_id_of(self.api_key) or ""


def url_secret(path: Path) -> str:
    """The signing secret. It outlives restarts, so that artifact URLs stay valid."""
    stored = read_credentials(path)
    return stored.url_secret if stored else secrets.token_urlsafe(32)


def ensure_credentials(session: Session, path: Path, secret: str) -> Credentials:
    """The stored keys if the database knows them, else new ones, with a tenant of their own."""
    stored = read_credentials(path)
    if stored is not None and _are_valid(session, stored):
        has_viewer = _is_valid(session, stored.viewer_key)
        return stored if has_viewer else _with_viewer(session, path, stored)
    actor = command_actor()
    tenant = operator_actions.create_tenant(session, actor, name="Local", tier=LOCAL_TIER)
    operator_actions.credit(
        session,
        actor,
        tenant_id=tenant.id,
        amount_micros=LOCAL_CREDIT_MICROS,
        reference=f"local-stack:{tenant.id}",
        reason="to try the local stack",
    )
    _, api_key = operator_actions.create_key(
        session, actor, tenant_id=tenant.id, name="local stack"
    )
    role = OperatorRole.OPERATOR
    _, operator_key = operator_keys.create(session, actor, name="local operator", role=role)
    return _with_viewer(session, path, Credentials(api_key, operator_key, secret))


def _with_viewer(session: Session, path: Path, credentials: Credentials) -> Credentials:
    """Add a key that reads and changes nothing, and store all of them."""
    role = OperatorRole.VIEWER
    _, key = operator_keys.create(session, command_actor(), name="local prometheus", role=role)
    created = replace(credentials, viewer_key=key)
    write_private(path, json.dumps(asdict(created), indent=2))
    return created


def read_credentials(path: Path) -> Credentials | None:
    """The stored keys; None before the first start."""
    return Credentials(**json.loads(path.read_text())) if path.exists() else None


def _are_valid(session: Session, stored: Credentials) -> bool:
    return all(_is_valid(session, key) for key in (stored.api_key, stored.operator_key))


def _is_valid(session: Session, key: str) -> bool:
    try:
        api_keys.identify(session, key)
    except InvalidKeyError:
        return False
    return True
