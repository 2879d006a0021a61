"""Queries for deliveries and the log of their attempts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables.webhooks import Delivery, DeliveryAttempt
from db.values.delivery_state import DeliveryState


@dataclass(frozen=True)
class DeliveryFilter:
    """Criteria of `list_deliveries`; `before_id` is the last delivery of the page before."""

    job_id: str | None = None
    state: DeliveryState | None = None
    before_id: str | None = None


def list_deliveries(
    session: Session, tenant_id: str, criteria: DeliveryFilter, *, limit: int
) -> Sequence[Delivery]:
    """A tenant's deliveries, newest first."""
    statement = select(Delivery).where(Delivery.tenant_id == tenant_id)
    if criteria.job_id is not None:
        statement = statement.where(Delivery.job_id == criteria.job_id)
    if criteria.state is not None:
        statement = statement.where(Delivery.state == criteria.state)
    if criteria.before_id is not None:
        statement = statement.where(Delivery.id < criteria.before_id)
    return session.scalars(statement.order_by(Delivery.id.desc()).limit(limit)).all()


def attempts_of(session: Session, delivery_ids: Sequence[str]) -> dict[str, list[DeliveryAttempt]]:
    """Every attempt by delivery, first to last; a delivery without any has no entry."""
    statement = (
        select(DeliveryAttempt)
        .where(DeliveryAttempt.delivery_id.in_(delivery_ids))
        .order_by(DeliveryAttempt.delivery_id, DeliveryAttempt.number)
    )
    found: dict[str, list[DeliveryAttempt]] = {}
    for row in session.scalars(statement):
        found.setdefault(row.delivery_id, []).append(row)
    return found


def count_pending_with(session: Session, error: str) -> int:
    """The number of pending deliveries whose newest attempt ended with an error.

    Args:
        session: the transaction.
        error: the stable code.
    """
    newest = (DeliveryAttempt.delivery_id == Delivery.id) & (
        DeliveryAttempt.number == Delivery.attempts
    )
    statement = (
        select(func.count())
        .select_from(Delivery)
        .join(DeliveryAttempt, newest)
        .where(Delivery.state == DeliveryState.PENDING, DeliveryAttempt.error == error)
    )
    return session.scalar(statement) or 0
