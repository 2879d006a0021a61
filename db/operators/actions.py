"""Operators' changes to queues, workers, tenants, keys and money; each is audited.

Every function works in the caller's transaction, which must be durable, and returns whether it
changed anything. A call that changes nothing leaves no entry in the audit log.
"""

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.billing import ledger
from db.operators import audit
from db.operators.audit import Actor
from db.operators.keys import audited_end
from db.tables import ApiKey, LedgerEntry, Queue, Tenant, Worker
from db.tenants import api_keys, sessions, tenants
from db.tenants.tenants import TenantDeletedError
from db.webhooks import deliveries


class ReferenceReusedError(Exception):
    """A payment's reference came a second time, with another tenant or amount."""

    def __init__(self) -> None:
        super().__init__("this reference was used before, for another tenant or amount")


class BalanceTooLowError(Exception):
    """A correction is larger than the balance without the amounts of open holds."""

    def __init__(self) -> None:
        super().__init__("the balance, less what unfinished jobs hold, is smaller than that")


def pause_queue(session: Session, actor: Actor, variant: str) -> bool:
    """Stop claims from a queue; running jobs go on, and new jobs are still accepted."""
    row = insert(Queue).values(variant=variant, virtual_time=0.0, paused_at=func.now())
    changed = session.scalar(
        row.on_conflict_do_update(
            index_elements=[Queue.variant],
            set_={"paused_at": func.now()},
            where=Queue.paused_at.is_(None),
        ).returning(Queue.variant)
    )
    return _audit_switch(session, actor, "queue.pause", variant, changed, paused=True)


def resume_queue(session: Session, actor: Actor, variant: str) -> bool:
    """Allow claims from a paused queue again; the caller must notify workers after the commit."""
    changed = session.scalar(
        update(Queue)
        .where(Queue.variant == variant, Queue.paused_at.is_not(None))
        .values(paused_at=None)
        .returning(Queue.variant)
    )
    return _audit_switch(session, actor, "queue.resume", variant, changed, paused=False)


def drain_worker(session: Session, actor: Actor, worker_id: str) -> bool:
    """Let a worker finish its active jobs and claim no more; it learns it from its heartbeat."""
    changed = session.scalar(
        update(Worker)
        .where(Worker.id == worker_id, Worker.drained_at.is_(None))
        .values(drained_at=func.now())
        .returning(Worker.id)
    )
    return _audit_switch(session, actor, "worker.drain", worker_id, changed, drained=True)


def undrain_worker(session: Session, actor: Actor, worker_id: str) -> bool:
    """Let a drained worker claim again."""
    changed = session.scalar(
        update(Worker)
        .where(Worker.id == worker_id, Worker.drained_at.is_not(None))
        .values(drained_at=None)
        .returning(Worker.id)
    )
    return _audit_switch(session, actor, "worker.undrain", worker_id, changed, drained=False)


def suspend_tenant(session: Session, actor: Actor, tenant_id: str) -> bool:
    """Refuse all requests with a tenant's keys; its queued jobs still run and are charged."""
    changed = session.scalar(
        update(Tenant)
        .where(Tenant.id == tenant_id, Tenant.suspended_at.is_(None))
        .values(suspended_at=func.now())
        .returning(Tenant.id)
    )
    return _audit_switch(session, actor, "tenant.suspend", tenant_id, changed, suspended=True)


def resume_tenant(session: Session, actor: Actor, tenant_id: str) -> bool:
    """Let a suspended tenant submit again.

    Raises:
        db.tenants.tenants.TenantDeletedError: it was deleted.
    """
    changed = session.scalar(
        update(Tenant)
        .where(Tenant.id == tenant_id, Tenant.suspended_at.is_not(None))
        .where(Tenant.deleted_at.is_(None))
        .values(suspended_at=None)
        .returning(Tenant.id)
    )
    if changed is None:
        tenants.require_not_deleted(session, tenant_id)
    return _audit_switch(session, actor, "tenant.resume", tenant_id, changed, suspended=False)


def _audit_switch(
    session: Session, actor: Actor, action: str, target: str, changed: str | None, **after: bool
) -> bool:
    if changed is None:
        return False
    before = {name: not value for name, value in after.items()}
    audit.record(session, actor, action, target, before=before, after=after)
    return True


def create_tenant(session: Session, actor: Actor, *, name: str, tier: str) -> Tenant:
    """Add a tenant.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier has the name.
    """
    tenant = tenants.create(session, name=name, tier=tier)
    audit.record(session, actor, "tenant.create", tenant.id, after={"name": name, "tier": tier})
    return tenant


def create_key(
    session: Session,
    actor: Actor,
    *,
    tenant_id: str,
    name: str,
    expires_in_seconds: float | None = None,
) -> tuple[ApiKey, str]:
    """Generate a tenant's key; the second value is the key itself, which is not stored.

    Raises:
        db.tenants.tenants.TenantDeletedError: the tenant was deleted.
    """
    tenants.require_not_deleted(session, tenant_id)
    row, key = api_keys.create(
        session, tenant_id=tenant_id, name=name, expires_in_seconds=expires_in_seconds
    )
    after = {"tenant": tenant_id, "name": name, **audited_end(row)}
    audit.record(session, actor, "key.create", row.id, after=after)
    return row, key


def revoke_key(session: Session, actor: Actor, *, tenant_id: str, key_id: str) -> bool:
    """Revoke a tenant's key for good; False if the tenant has no such key that is still valid."""
    row = session.get(ApiKey, key_id)
    if row is None or row.tenant_id != tenant_id or not api_keys.revoke(session, key_id):
        return False
    audit.record(session, actor, "key.revoke", key_id, after={"tenant": tenant_id})
    return True


def create_sign_in_link(session: Session, actor: Actor, key_id: str, *, seconds: float) -> str:
    """The token of a link that signs one browser in with a tenant's key, within its lifetime."""
    token = sessions.create_link(session, key_id, seconds=seconds)
    audit.record(session, actor, "key.sign_in_link", key_id)
    return token


def credit(
    session: Session,
    actor: Actor,
    *,
    tenant_id: str,
    amount_micros: int,
    reference: str,
    reason: str,
) -> bool:
    """Add to a tenant's balance, or subtract from it; False when the reference was used before.

    To a deleted tenant's balance nothing is added.

    Args:
        session: the transaction.
        actor: the operator.
        tenant_id: the owner of the balance.
        amount_micros: micro-USD; a negative amount corrects a credit that was a mistake.
        reference: names the payment; it works once.
        reason: a text for the audit log.

    Raises:
        BalanceTooLowError: the balance, without the amounts of open holds, is too low.
        ReferenceReusedError: the reference was used with another tenant or amount.
        db.tenants.tenants.TenantDeletedError: the tenant was deleted.
    """
    tenant = session.get_one(Tenant, tenant_id, with_for_update=True, populate_existing=True)
    used = session.query(LedgerEntry).filter_by(reference=f"credit:{reference}").first()
    if used is not None:
        if (used.tenant_id, used.amount_micros) != (tenant_id, amount_micros):
            raise ReferenceReusedError
        return False
    if tenant.deleted_at is not None and amount_micros > 0:
        raise TenantDeletedError
    before = {"balance_micros": tenant.balance_micros}
    _change_balance(session, tenant_id, amount_micros, reference)
    after = {
        "balance_micros": before["balance_micros"] + amount_micros,
        "reference": reference,
        "reason": reason,
    }
    audit.record(session, actor, "tenant.credit", tenant_id, before=before, after=after)
    return True


def _change_balance(session: Session, tenant_id: str, amount_micros: int, reference: str) -> None:
    try:
        if amount_micros > 0:
            ledger.credit(session, tenant_id, amount_micros, reference=reference)
        elif not ledger.correct(session, tenant_id, amount_micros, reference=reference):
            raise BalanceTooLowError
    except IntegrityError:  # another tenant's payment used the reference at the same moment
        raise ReferenceReusedError from None


def resend(session: Session, actor: Actor, *, tenant_id: str, delivery_id: str) -> bool:
    """Send a webhook again, at once; False when the tenant has no such delivery."""
    sent = deliveries.redeliver(session, tenant_id=tenant_id, delivery_id=delivery_id)
    if sent is None:
        return False
    audit.record(session, actor, "delivery.resend", delivery_id, after={"tenant": tenant_id})
    return True
