"""The log of what operators change: written in the transaction of the change, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.operator_tables import AuditEntry

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Actor:
    """Who changes something: an operator's key, and what it is called."""

    id: str
    name: str


def record(
    session: Session,
    actor: Actor,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] = _NOTHING,
    after: Mapping[str, Any] = _NOTHING,
) -> None:
    """Enter one change.

    Args:
        session: the transaction of the change; it must be durable.
        actor: who.
        action: what was done, e.g. `queue.pause`.
        target: to what: an id, or a model's.
        before: what changed, as it was; no secret and nothing of a job's input.
        after: the same as it is now.
    """
    session.add(
        AuditEntry(
            actor=actor.id,
            actor_name=actor.name,
            action=action,
            target=target,
            before=dict(before),
            after=dict(after),
        )
    )
    session.flush()


def latest(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """The last changes, newest first."""
    return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)).all()
