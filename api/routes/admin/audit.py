"""The audit log of operators' changes."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.auth.operator import PREFIX, OperatorDep
from api.schemas.admin import AuditList, AuditView
from api.schemas.jobs import ShortText
from api.schemas.timestamps import AwareTimestamp
from api.services import ServicesDep
from db.operators import audit
from db.operators.audit import AuditFilter

router = APIRouter(prefix=PREFIX, tags=["admin"])


class AuditQuery(BaseModel):
    """Filters and page of the list."""

    model_config = ConfigDict(extra="forbid")

    actor: ShortText | None = None
    action: ShortText | None = Field(None, examples=["job.cancel"])
    target: ShortText | None = None
    created_after: AwareTimestamp | None = None
    created_before: AwareTimestamp | None = None
    before_id: int | None = Field(None, ge=1, le=2**63 - 1)
    limit: int = Field(50, ge=1, le=200)


@router.get("/audit")
def list_changes(
    query: Annotated[AuditQuery, Query()], services: ServicesDep, _operator: OperatorDep
) -> AuditList:
    """Operators' changes, newest first: who made them, and the values before and after."""
    audit_filter = AuditFilter(**query.model_dump(exclude={"limit"}))
    with services.database.transaction(durable=False) as session:
        rows = audit.list_entries(session, audit_filter, limit=query.limit + 1)
        page = [AuditView.model_validate(row) for row in rows[: query.limit]]
    return AuditList(entries=page, next_before=page[-1].id if len(rows) > query.limit else None)
