"""The rows of a tenant as its export shows them: all that is about it, and no secret."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.tables import (
    Allowance,
    ApiKey,
    Artifact,
    AuditEntry,
    Delivery,
    File,
    FileName,
    Job,
    LedgerEntry,
    Tenant,
    UsageEvent,
    WebhookEndpoint,
)
from db.tables.inputs import InputObject

_Key = InstrumentedAttribute[Any]
_Column = InstrumentedAttribute[Any] | ColumnElement[Any]


@dataclass(frozen=True)
class RowSource:
    """Rows of one kind.

    Attributes:
        columns: the columns that are shown, by the names that clients know.
        key: a unique column, by which the rows are ordered.
        owned: the condition that a row is about a tenant, by the tenant's id.
    """

    columns: Mapping[str, _Column]
    key: _Key
    owned: Callable[[str], ColumnElement[bool]]

    def page(
        self, session: Session, tenant_id: str, *, after: object | None, limit: int
    ) -> Sequence[tuple[object, dict[str, Any]]]:
        """The next rows, each with its key, which is `after` of the page that follows."""
        labels = [column.label(name) for name, column in self.columns.items()]
        rows = select(self.key.label("_key"), *labels).where(self.owned(tenant_id))
        if after is not None:
            rows = rows.where(self.key > after)
        found = session.execute(rows.order_by(self.key).limit(limit)).mappings()
        return [(row["_key"], {name: row[name] for name in self.columns}) for row in found]


def _own(column: _Key) -> Callable[[str], ColumnElement[bool]]:
    return lambda tenant_id: column == tenant_id


def _named(table: type, *names: str, **renamed: _Column) -> Mapping[str, _Column]:
    return {name: getattr(table, name) for name in names} | renamed


def _inputs_of(tenant_id: str) -> ColumnElement[bool]:
    return InputObject.key.startswith(f"inputs/{tenant_id}/", autoescape=True)


def _audited(tenant_id: str) -> ColumnElement[bool]:
    keys = select(ApiKey.id).where(ApiKey.tenant_id == tenant_id)
    jobs = select(Job.id).where(Job.tenant_id == tenant_id)
    target = AuditEntry.target
    return (target == tenant_id) | target.in_(keys) | target.in_(jobs)


JOBS = RowSource(
    _named(
        Job,
        *("id", "state", "priority", "input", "output", "warnings", "surface"),
        *("surface_request", "attempt", "unit_kind", "units", "price_micros"),
        *("covered_by", "error_code", "error_message", "created_at", "started_at"),
        *("finished_at", "cancel_requested_at", "run_seconds"),
        model=Job.variant,
        metadata=Job.job_metadata,
        # Without the secret that the request of a compatible API gave for the signature.
        webhook=Job.webhook.op("-")("secret"),
    ),
    Job.id,
    _own(Job.tenant_id),
)
INPUTS = RowSource(
    _named(InputObject, "key", "used_at", "bytes"),
    InputObject.key,
    _inputs_of,
)
SOURCES: Mapping[str, RowSource] = {
    "keys": RowSource(
        _named(ApiKey, "id", "name", "created_at", "revoked_at", "expires_at", "last_used_at"),
        ApiKey.id,
        _own(ApiKey.tenant_id),
    ),
    "jobs": JOBS,
    "files": RowSource(
        _named(
            File,
            *("id", "media_type", "width", "height", "bytes", "sha256", "is_upload", "created_at"),
        ),
        File.id,
        _own(File.tenant_id),
    ),
    "uploads": RowSource(
        _named(
            FileName,
            *("id", "file_id", "surface", "filename", "purpose", "created_at", "expires_at"),
            metadata=FileName.about,
        ),
        FileName.id,
        _own(FileName.tenant_id),
    ),
    "usage": RowSource(
        _named(
            UsageEvent,
            *("job_id", "kind", "units", "amount_micros", "covered_by", "month", "outcome"),
            "occurred_at",
            model=UsageEvent.variant,
        ),
        UsageEvent.id,
        _own(UsageEvent.tenant_id),
    ),
    "ledger": RowSource(
        _named(LedgerEntry, "id", "reference", "amount_micros", "created_at"),
        LedgerEntry.id,
        _own(LedgerEntry.tenant_id),
    ),
    "webhooks": RowSource(
        _named(WebhookEndpoint, "id", "url", "failing_since", "disabled_at", "disabled_reason"),
        WebhookEndpoint.id,
        _own(WebhookEndpoint.tenant_id),
    ),
    "deliveries": RowSource(
        _named(
            Delivery,
            *("id", "job_id", "endpoint_id", "event", "url", "body", "state", "attempts"),
            "created_at",
        ),
        Delivery.id,
        _own(Delivery.tenant_id),
    ),
    "audit": RowSource(
        _named(AuditEntry, "id", "at", "action", "target", "before", "after"),
        AuditEntry.id,
        _audited,
    ),
}
"""The kinds of rows, by the names of their files without suffix."""


def account(session: Session, tenant_id: str) -> dict[str, Any] | None:
    """The tenant's own row, and its allowances; None when there is no such tenant."""
    tenant = session.get(Tenant, tenant_id, populate_existing=True)
    if tenant is None:
        return None
    names = ("id", "name", "tier", "balance_micros", "balance_held_micros", "stored_bytes")
    times = ("created_at", "suspended_at", "deleted_at")
    allowances = select(Allowance).where(Allowance.tenant_id == tenant_id)
    ordered = session.scalars(allowances.order_by(Allowance.month, Allowance.kind))
    return {
        **{name: getattr(tenant, name) for name in (*names, *times)},
        "allowances": [
            {name: getattr(row, name) for name in ("month", "kind", "granted", "used", "held")}
            for row in ordered
        ],
    }


def stored_results(session: Session, job_ids: Sequence[str]) -> Sequence[Artifact]:
    """The artifacts of jobs that are in the store, in order."""
    stored = select(Artifact).where(Artifact.job_id.in_(job_ids), Artifact.removed_at.is_(None))
    return session.scalars(stored.order_by(Artifact.job_id, Artifact.n)).all()


def media_types(session: Session, tenant_id: str, keys: Sequence[str]) -> Mapping[str, str]:
    """The media types of inputs that are pictures, by their keys."""
    pictures = select(File.key, File.media_type).where(
        File.tenant_id == tenant_id, File.key.in_(keys)
    )
    return {row.key: row.media_type for row in session.execute(pictures)}
