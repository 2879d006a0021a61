"""Which queues are paused."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import Queue


def paused(session: Session) -> set[str]:
    """The variants of which nothing is claimed."""
    return set(session.scalars(select(Queue.variant).where(Queue.paused_at.is_not(None))))
