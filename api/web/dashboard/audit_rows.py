"""The audit log's lines as people read them: who, what, to what, and what it was before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.web.shared.formats import NONE, money
from db.tables.operators import AuditEntry

_MICROS = "_micros"
_SCREENS = {"job": "/dashboard/jobs/", "ten": "/dashboard/tenants/"}
"""Where things of a kind are shown, by the prefix of their ids."""


@dataclass(frozen=True)
class Change:
    """One value that was changed, as text; `before` or `after` is a dash where there was none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class AuditRow:
    """One line of the table.

    Attributes:
        target_path: the screen of what was changed; None when it has none.
        request_id: the call's that changed it, "" where there was none.
    """

    at: datetime
    actor: str
    actor_name: str
    action: str
    target: str
    target_path: str | None
    changes: list[Change]
    request_id: str


def audit_row(entry: AuditEntry) -> AuditRow:
    """A line of the log."""
    return AuditRow(
        at=entry.at,
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        target=entry.target,
        target_path=_screen(entry.target),
        changes=changes(entry.before, entry.after),
        request_id=entry.request_id,
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs, name by name; a value that stayed is told, too, as the log has it."""
    return [
        Change(name.removesuffix(_MICROS), _text(name, before), _text(name, after))
        for name in {**before, **after}
    ]


def _text(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None:
        return NONE
    if name.endswith(_MICROS) and isinstance(value, int):
        return money(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _screen(target: str) -> str | None:
    path = _SCREENS.get(target.partition("_")[0])
    return None if path is None else path + target
