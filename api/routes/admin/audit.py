"""The log of what operators changed."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth.operator import PREFIX, OperatorDep
from api.schemas.admin import AuditList, AuditView
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.operators import audit
from db.operators.audit import AuditFilter

router = APIRouter(prefix=PREFIX, tags=["admin"])


class AuditQuery(BaseModel):
    """Which changes, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    actor: ShortText | None = None
    action: ShortText | None = Field(None, examples=["job.cancel"])
    target: ShortText | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    before_id: int | None = Field(None, ge=1, le=2**63 - 1)
    limit: int = Field(50, ge=1, le=200)


@router.get("/audit")
def list_changes(
    query: Annotated[AuditQuery, Query()], services: ServicesDep, _operator: OperatorDep
) -> AuditList:
    """What operators changed, newest first: who, what, before and after."""
    chosen = AuditFilter(**query.model_dump(exclude={"limit"}))
    with services.database.transaction(durable=False) as session:
        rows = audit.listed(session, chosen, limit=query.limit + 1)
        shown = [AuditView.model_validate(row) for row in rows[: query.limit]]
    return AuditList(entries=shown, next_before=shown[-1].id if len(rows) > query.limit else None)
