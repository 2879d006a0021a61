"""Paused queues."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import Queue


def paused_variants(session: Session) -> set[str]:
    """The variants whose queue an operator has paused."""
    return set(session.scalars(select(Queue.variant).where(Queue.paused_at.is_not(None))))
