"""The audit log: every act of an operator, newest first; the filters are in the URL."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.services import ServicesDep
from api.web.dashboard.audit_rows import audit_row
from api.web.dashboard.jobs.filters import Text, utc_time
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep
from db.operators import audit
from db.operators import keys as operator_keys
from db.operators.audit import AuditFilter

router = APIRouter()

HOME = "/dashboard/audit"
PAGE_SIZE = 50
_LAST_ID = 2**63 - 1


@dataclass(frozen=True)
class AuditFilters:
    """The form's fields, "" where nothing is selected. Times are UTC, in the browser's format."""

    actor: str = ""
    action: str = ""
    target: str = ""
    after: str = ""
    before: str = ""

    @property
    def items(self) -> list[tuple[str, str]]:
        """The fields that are set, by name."""
        return [(name, value) for name, value in vars(self).items() if value]

    def search(self, before_id: int | None) -> AuditFilter:
        """The query for the database.

        Raises:
            api.core.errors.ProblemError: 422, a time is invalid.
        """
        return AuditFilter(
            actor=self.actor.strip() or None,
            action=self.action.strip() or None,
            target=self.target.strip() or None,
            created_after=utc_time("after", self.after),
            created_before=utc_time("before", self.before),
            before_id=before_id,
        )

    def url(self, **more: object) -> str:
        """The URL of the page with these filters."""
        items = [*self.items, *more.items()]
        return f"{HOME}?{urlencode(items)}" if items else HOME


async def _from_query(
    actor: Text = "", action: Text = "", target: Text = "", after: Text = "", before: Text = ""
) -> AuditFilters:
    return AuditFilters(actor, action, target, after, before)


@router.get("/audit")
def show_audit_log(
    request: Request,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    filters: Annotated[AuditFilters, Depends(_from_query)],
    before_id: Annotated[int | None, Query(ge=1, le=_LAST_ID)] = None,
) -> HTMLResponse:
    """A page of the matching changes."""
    audit_filter = filters.search(before_id)
    with services.database.transaction(durable=False) as session:
        entries = audit.list_entries(session, audit_filter, limit=PAGE_SIZE + 1)
        actions = audit.action_names(session)
        operators = operator_keys.list_keys(session)
    has_more = len(entries) > PAGE_SIZE
    return page(
        request,
        "audit.html",
        operator,
        entries=[audit_row(each) for each in entries[:PAGE_SIZE]],
        filters=filters,
        actions=actions,
        operators=operators,
        next_page=filters.url(before_id=entries[PAGE_SIZE - 1].id) if has_more else None,
        first_page=filters.url() if before_id else None,
        message=None,
    )
