"""The audit log: operators' changes, sign-ins, and reads of prompts and pictures.

A change is written in its own transaction: there is none without its entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from db.core.clock import ago
from db.core.loose_scan import distinct_values
from db.tables.operators import AuditEntry

_NOTHING: Mapping[str, Any] = {}
_READ = "job.read"
READ_SECONDS = 900.0
"""An operator's repeated reads of one job leave one entry in this time."""

_ACTIONS = distinct_values("audit_entries", "action")


@dataclass(frozen=True)
class Actor:
    """The author of a change: id and name of the operator's key, and the request's id if any."""

    id: str
    name: str
    request_id: str = ""


@dataclass(frozen=True)
class AuditFilter:
    """Criteria of `list_entries`; None matches any. `before_id` ends the page before."""

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
    """Insert one entry.

    Args:
        session: the transaction of the change; it must be durable.
        actor: the author of the change.
        action: the act, e.g. `queue.pause`.
        target: the id or the name of the changed thing.
        before: the changed values before; no secret and nothing of a job's input.
        after: the same values now.
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


def record_job_read(session: Session, actor: Actor, job_id: str) -> bool:
    """Insert an entry for a look at a job's prompt or pictures; False if there is a recent one."""
    recent = exists().where(
        AuditEntry.target == job_id,
        AuditEntry.actor == actor.id,
        AuditEntry.action == _READ,
        AuditEntry.at > ago(READ_SECONDS),
    )
    values = {
        "actor": literal(actor.id),
        "actor_name": literal(actor.name),
        "action": literal(_READ),
        "target": literal(job_id),
        "before": literal({}, JSONB),
        "after": literal({}, JSONB),
        "request_id": literal(actor.request_id),
    }
    row = insert(AuditEntry).from_select(list(values), select(*values.values()).where(~recent))
    return session.scalar(row.returning(AuditEntry.id)) is not None


def action_names(session: Session) -> Sequence[str]:
    """The names of all actions in the log, in order."""
    return session.scalars(_ACTIONS).all()


def latest_entries(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """The newest entries, newest first."""
    return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)).all()


def list_entries(session: Session, criteria: AuditFilter, *, limit: int) -> Sequence[AuditEntry]:
    """Entries that match, newest first."""
    equal = {
        AuditEntry.actor: criteria.actor,
        AuditEntry.action: criteria.action,
        AuditEntry.target: criteria.target,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if criteria.created_after is not None:
        conditions.append(AuditEntry.at >= criteria.created_after)
    if criteria.created_before is not None:
        conditions.append(AuditEntry.at < criteria.created_before)
    if criteria.before_id is not None:
        conditions.append(AuditEntry.id < criteria.before_id)
    statement = select(AuditEntry).where(*conditions).order_by(AuditEntry.id.desc())
    return session.scalars(statement.limit(limit)).all()
