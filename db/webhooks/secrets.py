"""The secrets that sign webhooks: one a tenant, and for a day the one before it.

They are readable, because they sign; nothing else may be told them, no log above all.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from db.tables import Tenant
from db.tables.webhooks import WebhookSecret

OVERLAP = timedelta(hours=24)
"""How long the former secret signs, too, so that receivers can change over."""

_PREFIX = "whsec_"
_SECRET_BYTES = 32


@dataclass(frozen=True)
class SigningSecret:
    """A tenant's current secret.

    Attributes:
        previous_expires_at: until when the former secret signs, too; None when it does not.
    """

    secret: str = field(repr=False)
    created_at: datetime
    previous_expires_at: datetime | None


def ensure(session: Session, tenant_id: str) -> None:
    """Give the tenant a secret unless it has one."""
    if not signing(session, tenant_id):
        session.execute(_new(tenant_id).on_conflict_do_nothing())


def current(session: Session, tenant_id: str) -> SigningSecret:
    """The tenant's secret, made at the first asking; the transaction must be durable."""
    ensure(session, tenant_id)
    newest, *former = _valid(session, tenant_id)
    expires_at = former[0].expires_at if former else None
    return SigningSecret(newest.secret, newest.created_at, expires_at)


def rotate(session: Session, tenant_id: str) -> SigningSecret:
    """Replace the tenant's secret; the former signs for 24 hours more, one before that no more.

    So whoever has lost a secret rotates twice, and it is worth nothing at once.
    """
    # One rotation at a time: two would both want to enter the current secret.
    session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update(key_share=True))
    own = WebhookSecret.tenant_id == tenant_id
    session.execute(update(WebhookSecret).where(own, _still_valid()).values(expires_at=func.now()))
    session.execute(
        update(WebhookSecret)
        .where(own, WebhookSecret.expires_at.is_(None))
        .values(expires_at=func.now() + OVERLAP)
    )
    session.execute(_new(tenant_id))
    return current(session, tenant_id)


def signing(session: Session, tenant_id: str) -> Sequence[str]:
    """The secrets that a message is signed with, the current one first."""
    return [row.secret for row in _valid(session, tenant_id)]


def _valid(session: Session, tenant_id: str) -> Sequence[WebhookSecret]:
    statement = (
        select(WebhookSecret)
        .where(WebhookSecret.tenant_id == tenant_id)
        .where(WebhookSecret.expires_at.is_(None) | _still_valid())
        .order_by(WebhookSecret.id.desc())
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def _still_valid() -> ColumnElement[bool]:
    """It was replaced, and not long ago."""
    return WebhookSecret.expires_at > func.now()


def _new(tenant_id: str) -> Insert:
    drawn = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return insert(WebhookSecret).values(tenant_id=tenant_id, secret=_PREFIX + drawn)
