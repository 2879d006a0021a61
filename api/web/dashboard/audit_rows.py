"""The rows of the audit log's table: operator, action, target, and the change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.web.shared.formats import NONE, money
from db.tables.operators import AuditEntry

_MICROS = "_micros"
_PAGES = {"job": "/dashboard/jobs/", "ten": "/dashboard/tenants/"}
"""The page of a target, by the prefix of its id."""


@dataclass(frozen=True)
class Change:
    """One changed value as text; `before` or `after` is a dash where there was none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class AuditRow:
    """One row of the table.

    Attributes:
        target_path: the page of the target; None when it has none.
        request_id: the id of the request that made the change; "" where there was none.
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
    """The row of an audit log entry."""
    return AuditRow(
        at=entry.at,
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        target=entry.target,
        target_path=_page(entry.target),
        changes=changes(entry.before, entry.after),
        request_id=entry.request_id,
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every value of an entry, name by name, with the unchanged ones that the log has."""
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


def _page(target: str) -> str | None:
    path = _PAGES.get(target.partition("_")[0])
    return None if path is None else path + target
