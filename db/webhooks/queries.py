"""Reading deliveries and the log of their attempts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables.webhooks import Delivery, DeliveryAttempt
from db.values.delivery_state import DeliveryState


@dataclass(frozen=True)
class DeliveryFilter:
    """What `listed` selects; `before_id` pages on from the last delivery seen."""

    job_id: str | None = None
    state: DeliveryState | None = None
    before_id: str | None = None


def listed(
    session: Session, tenant_id: str, chosen: DeliveryFilter, *, limit: int
) -> Sequence[Delivery]:
    """A tenant's deliveries, newest first."""
    statement = select(Delivery).where(Delivery.tenant_id == tenant_id)
    if chosen.job_id is not None:
        statement = statement.where(Delivery.job_id == chosen.job_id)
    if chosen.state is not None:
        statement = statement.where(Delivery.state == chosen.state)
    if chosen.before_id is not None:
        statement = statement.where(Delivery.id < chosen.before_id)
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
