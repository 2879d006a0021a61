"""The log of what operators change: written in the transaction of the change, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.core.loose_scan import distinct_values
from db.tables.operators import AuditEntry

_NOTHING: Mapping[str, Any] = {}
_ACTIONS = distinct_values("audit_entries", "action")


@dataclass(frozen=True)
class Actor:
    """Who changes something: an operator's key, what it is called, and the call's id if any."""

    id: str
    name: str
    request_id: str = ""


@dataclass(frozen=True)
class AuditFilter:
    """What `listed` selects; None where anything may be. `before_id` pages on from the last."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    before_id: int | None = None


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
            request_id=actor.request_id,
        )
    )
    session.flush()


def actions(session: Session) -> Sequence[str]:
    """What has been done at least once, by name, in order."""
    return session.scalars(_ACTIONS).all()


def latest(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """The last changes, newest first."""
    return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)).all()


def listed(session: Session, chosen: AuditFilter, *, limit: int) -> Sequence[AuditEntry]:
    """Changes that match, newest first."""
    equal = {
        AuditEntry.actor: chosen.actor,
        AuditEntry.action: chosen.action,
        AuditEntry.target: chosen.target,
    }
    wanted = [column == value for column, value in equal.items() if value is not None]
    if chosen.created_after is not None:
        wanted.append(AuditEntry.at >= chosen.created_after)
    if chosen.created_before is not None:
        wanted.append(AuditEntry.at < chosen.created_before)
    if chosen.before_id is not None:
        wanted.append(AuditEntry.id < chosen.before_id)
    statement = select(AuditEntry).where(*wanted).order_by(AuditEntry.id.desc())
    return session.scalars(statement.limit(limit)).all()
