"""Deletion of tenants: the rows of it, in steps that each fit a short transaction.

`begin` is the deletion itself: from its commit on, nothing accepts the tenant's requests. The steps
after it end its jobs and delete its rows; each may be repeated. The tenant's row stays, and the
books: usage events, ledger entries, allowances. `db.operators.erasure` calls the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.artifacts import retention
from db.billing import ledger
from db.core.clock import ago
from db.operators import audit
from db.operators.audit import Actor
from db.tables import (
    ApiKey,
    Artifact,
    AuditEntry,
    File,
    FileName,
    Job,
    LedgerEntry,
    Tenant,
    UsageEvent,
    WebhookEndpoint,
    WebhookSecret,
)
from db.tables.idempotency import IdempotencyKey
from db.tables.index_predicates import state_is
from db.tables.inputs import InputObject
from db.tables.operators import KeySession
from db.values.job_state import ACTIVE

DELETED_NAME = "deleted tenant"
"""The name that a deleted tenant's row has in lists."""

SETTLING_SECONDS = 7_200.0
"""A request that began before the deletion, or an attempt that is being given up, may store an
object within this time: the deletion is looked at again until it is over."""


class BalanceLeftError(Exception):
    """The tenant has money left.

    Attributes:
        balance_micros: its balance.
    """

    def __init__(self, balance_micros: int) -> None:
        super().__init__(
            f"the tenant has a balance of {balance_micros} micro-USD: pay it back and correct it, "
            "or say that it is forfeited"
        )
        self.balance_micros = balance_micros


@dataclass(frozen=True)
class DeletedJobs:
    """Jobs that one step deleted.

    Attributes:
        job_ids: their ids.
        results: the number of their results that were in the store.
        result_bytes: the size of these.
    """

    job_ids: Sequence[str]
    results: int
    result_bytes: int


@dataclass(frozen=True)
class KeptRows:
    """The numbers of rows about a deleted tenant that stay."""

    usage_events: int
    ledger_entries: int
    audit_entries: int


def begin(session: Session, actor: Actor, tenant_id: str, *, forfeits_balance: bool) -> bool:
    """Delete a tenant: revoke its keys, end its browsers' sessions, remove its name.

    The transaction must be durable.

    Args:
        session: the transaction.
        actor: the operator.
        tenant_id: the tenant; it must exist.
        forfeits_balance: True to delete one with money left; `forfeit` takes it.

    Returns:
        False when it was deleted before.

    Raises:
        BalanceLeftError: it has money left.
    """
    # Submissions lock the row in the same way: each is made before, or sees the deletion.
    tenant = session.get_one(
        Tenant, tenant_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if tenant.deleted_at is not None:
        return False
    if tenant.balance_micros and not forfeits_balance:
        raise BalanceLeftError(tenant.balance_micros)
    before = {"deleted": False, "balance_micros": tenant.balance_micros}
    tenant.name, tenant.deleted_at = DELETED_NAME, func.now()
    tenant.suspended_at = func.coalesce(Tenant.suspended_at, func.now())
    session.flush()
    revoke_keys(session, tenant_id)
    audit.record(session, actor, "tenant.delete", tenant_id, before=before, after={"deleted": True})
    return True


def revoke_keys(session: Session, tenant_id: str) -> int:
    """Revoke a tenant's keys, end their sessions and remove their names; the number of keys."""
    values = {"revoked_at": func.coalesce(ApiKey.revoked_at, func.now()), "name": ""}
    own = update(ApiKey).where(ApiKey.tenant_id == tenant_id).values(values)
    key_ids = session.scalars(own.returning(ApiKey.id)).all()
    session.execute(delete(KeySession).where(KeySession.key_id.in_(key_ids)))
    return len(key_ids)


def unfinished_job_ids(session: Session, tenant_id: str, *, limit: int) -> Sequence[str]:
    """Queued and running jobs of a tenant, oldest first."""
    own = select(Job.id).where(Job.tenant_id == tenant_id, state_is(*sorted(ACTIVE)))
    return session.scalars(own.order_by(Job.id).limit(limit)).all()


def delete_jobs(session: Session, tenant_id: str, *, limit: int) -> DeletedJobs:
    """Delete jobs of a tenant that are over, with all rows that refer to them, webhooks included.

    Delete their objects afterwards: they are below the tenant's own prefixes.
    """
    own = select(Job.id).where(Job.tenant_id == tenant_id, ~state_is(*sorted(ACTIVE)))
    locked = own.order_by(Job.id).limit(limit).with_for_update(skip_locked=True)
    job_ids = session.scalars(locked).all()
    size = func.coalesce(func.sum(Artifact.bytes), 0)
    stored = select(func.count(), size).where(
        Artifact.job_id.in_(job_ids), Artifact.removed_at.is_(None)
    )
    results, result_bytes = session.execute(stored).one()
    retention.delete_jobs(session, job_ids)
    return DeletedJobs(job_ids, int(results), int(result_bytes))


def lock_inputs(session: Session, tenant_id: str, *, limit: int) -> Sequence[tuple[str, int]]:
    """Lock records of a tenant's inputs for their removal: their keys and sizes."""
    own = select(InputObject.key, func.coalesce(InputObject.bytes, 0)).where(_inputs_of(tenant_id))
    locked = own.order_by(InputObject.key).limit(limit).with_for_update(of=InputObject)
    return [(key, int(size)) for key, size in session.execute(locked)]


def delete_file_names(session: Session, tenant_id: str, *, limit: int) -> int:
    """Delete ids of a tenant's uploads by compatible APIs; the number deleted."""
    own = select(FileName.id).where(FileName.tenant_id == tenant_id).limit(limit)
    gone = delete(FileName).where(FileName.id.in_(own)).returning(FileName.id)
    return len(session.scalars(gone).all())


def delete_files(session: Session, tenant_id: str, *, limit: int) -> int:
    """Delete rows of a tenant's pictures whose inputs have no record; the number deleted."""
    own = select(File.id).where(File.tenant_id == tenant_id).limit(limit)
    gone = delete(File).where(File.id.in_(own)).returning(File.id)
    return len(session.scalars(gone).all())


def delete_webhooks(session: Session, tenant_id: str, *, limit: int) -> int:
    """Delete receivers of a tenant and the secrets that sign for them; the number of receivers.

    Delete its jobs before, and with them the deliveries.
    """
    session.execute(delete(WebhookSecret).where(WebhookSecret.tenant_id == tenant_id))
    own = select(WebhookEndpoint.id).where(WebhookEndpoint.tenant_id == tenant_id).limit(limit)
    gone = delete(WebhookEndpoint).where(WebhookEndpoint.id.in_(own))
    return len(session.scalars(gone.returning(WebhookEndpoint.id)).all())


def forfeit(session: Session, actor: Actor, tenant_id: str) -> int:
    """Take a deleted tenant's balance, as an entry of the ledger; the amount in micro-USD.

    Nothing is taken while unfinished jobs hold a part of it.
    """
    tenant = session.get_one(Tenant, tenant_id, with_for_update=True, populate_existing=True)
    amount = tenant.balance_micros
    if not amount or not tenant.deleted_at or tenant.balance_held_micros:
        return 0
    ledger.correct(session, tenant_id, -amount, reference=f"forfeit:{tenant_id}")
    audit.record(session, actor, "tenant.forfeit", tenant_id, before={"balance_micros": amount})
    return amount


def has_contents(session: Session, tenant_id: str) -> bool:
    """True while a row of a tenant is left that a deletion removes."""
    kinds: tuple[tuple[type, ColumnElement[bool]], ...] = (
        (Job, Job.tenant_id == tenant_id),
        (File, File.tenant_id == tenant_id),
        (FileName, FileName.tenant_id == tenant_id),
        (InputObject, _inputs_of(tenant_id)),
        (IdempotencyKey, IdempotencyKey.tenant_id == tenant_id),
        (WebhookEndpoint, WebhookEndpoint.tenant_id == tenant_id),
        (WebhookSecret, WebhookSecret.tenant_id == tenant_id),
    )
    left = [select(kind).where(condition).exists() for kind, condition in kinds]
    return bool(session.scalar(select(or_(*left))))


def _inputs_of(tenant_id: str) -> ColumnElement[bool]:
    return InputObject.key.startswith(f"inputs/{tenant_id}/", autoescape=True)


def unerased_tenants(session: Session, *, limit: int) -> Sequence[str]:
    """Deleted tenants that may have contents left, the longest deleted first."""
    unerased = select(Tenant.id).where(Tenant.deleted_at.is_not(None), Tenant.erased_at.is_(None))
    return session.scalars(unerased.order_by(Tenant.deleted_at).limit(limit)).all()


def mark_erased(session: Session, tenant_id: str) -> bool:
    """Record that a search found nothing of a tenant; False too soon after its deletion."""
    settled = update(Tenant).where(
        Tenant.id == tenant_id,
        Tenant.erased_at.is_(None),
        Tenant.deleted_at < ago(SETTLING_SECONDS),
    )
    marked = settled.values(erased_at=func.now()).returning(Tenant.id)
    return session.scalar(marked) is not None


def kept_rows(session: Session, tenant_id: str) -> KeptRows:
    """Count the rows about a tenant that stay."""
    keys = select(ApiKey.id).where(ApiKey.tenant_id == tenant_id)
    about = (AuditEntry.target == tenant_id) | AuditEntry.target.in_(keys)
    counts = (
        select(func.count()).select_from(UsageEvent).where(UsageEvent.tenant_id == tenant_id),
        select(func.count()).select_from(LedgerEntry).where(LedgerEntry.tenant_id == tenant_id),
        select(func.count()).select_from(AuditEntry).where(about),
    )
    return KeptRows(*(session.scalar(count) or 0 for count in counts))
