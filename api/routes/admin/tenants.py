"""Calls for tenants: create, list, change the tier, suspend, credit, delete."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import invalid, not_found
from api.core.json_body import JsonRoute
from api.operators import deletion
from api.operators.switches import set_tenant_suspended
from api.routes.idempotency_header import REPLAYED, REPLAYED_HEADER, IdempotencyKey
from api.schemas.admin import (
    Credit,
    Credited,
    Deletion,
    NewTenant,
    TenantChange,
    TenantList,
    TenantNow,
    TenantRecent,
    TenantUsage,
)
from api.schemas.jobs import ShortText, UsageSumView
from api.schemas.removal import ErasedView, KeptRowsView, TenantRemovalView
from api.services import ServicesDep
from db.operators import actions as operator_actions
from db.operators import tiers as operator_tiers
from db.reports import tenants as tenant_summaries
from db.reports import usage as reports
from db.tables import Tenant

router = APIRouter(prefix=f"{PREFIX}/tenants", tags=["admin"], route_class=JsonRoute)

_DAYS = 30
_DELETION_SECONDS = 20.0
Days = Annotated[int, Query(ge=1, le=366, description="Days up to now")]


@router.get("")
def list_tenants(services: ServicesDep, _operator: OperatorDep) -> TenantList:
    """All tenants, by what they spent in the last 30 days, the most first."""
    with services.database.transaction(durable=False) as session:
        rows = tenant_summaries.list_summaries(session, days=_DAYS)
    return TenantList(days=_DAYS, tenants=[TenantRecent.model_validate(row) for row in rows])


@router.post("", status_code=201)
def create_tenant(sent: NewTenant, services: ServicesDep, actor: WriterDep) -> TenantNow:
    """Create a tenant; another call creates its first key."""
    with services.database.transaction() as session:
        row = operator_actions.create_tenant(session, actor, name=sent.name, tier=sent.tier)
        return TenantNow.model_validate(row)


@router.get("/{tenant_id}")
def get_tenant(tenant_id: ShortText, services: ServicesDep, _operator: OperatorDep) -> TenantNow:
    """The current state of a tenant."""
    with services.database.transaction(durable=False) as session:
        return _view(session, tenant_id)


@router.get("/{tenant_id}/usage")
def get_tenant_usage(
    tenant_id: ShortText, services: ServicesDep, _operator: OperatorDep, days: Days = _DAYS
) -> TenantUsage:
    """A tenant's settled jobs of the last days, by model and day (UTC)."""
    end = datetime.now(UTC)
    with services.database.transaction(durable=False) as session:
        _view(session, tenant_id)
        sums = reports.usage_sums(
            session, tenant_id, end - timedelta(days=days), end, reports.GROUPS
        )
    views = [UsageSumView.model_validate(row, from_attributes=True) for row in sums]
    return TenantUsage(days=days, sums=views)


@router.patch("/{tenant_id}")
def change_tenant(
    tenant_id: ShortText, sent: TenantChange, services: ServicesDep, actor: WriterDep
) -> TenantNow:
    """Move a tenant to another tier; its queued jobs keep their share."""
    with services.database.transaction() as session:
        _view(session, tenant_id)
        operator_tiers.move_tenant(session, actor, tenant_id, sent.tier)
        return _view(session, tenant_id)


@router.delete(
    "/{tenant_id}",
    responses={409: {"description": "`balance_left`: it has money left"}},
)
def delete_tenant(
    tenant_id: ShortText,
    query: Annotated[Deletion, Query()],
    services: ServicesDep,
    actor: WriterDep,
) -> TenantRemovalView:
    """Delete a tenant for good, with its keys, jobs, pictures, results and webhooks.

    Its keys get 401 at once, and its unfinished jobs are canceled for nothing. The tenant's id and
    the books stay. A call removes what it can in some seconds: repeat it while `complete` is false,
    or leave the rest to the courier.
    """
    report = deletion.delete_tenant(
        services,
        actor,
        tenant_id,
        forfeits_balance=query.forfeit_balance,
        seconds=_DELETION_SECONDS,
    )
    return TenantRemovalView(
        tenant=report.tenant_id,
        deleted_at=report.deleted_at,
        complete=report.erased.complete,
        removed=ErasedView.model_validate(report.erased),
        kept=KeptRowsView.model_validate(report.kept),
        forfeited_micros=report.forfeited_micros,
        balance_micros=report.balance_micros,
    )


@router.post("/{tenant_id}/suspend")
def suspend_tenant(tenant_id: ShortText, services: ServicesDep, actor: WriterDep) -> TenantNow:
    """Suspend a tenant: its keys get 403, `suspended`; queued jobs still run and are charged."""
    set_tenant_suspended(services, actor, tenant_id, suspended=True)
    with services.database.transaction(durable=False) as session:
        return _view(session, tenant_id)


@router.post("/{tenant_id}/resume")
def resume_tenant(tenant_id: ShortText, services: ServicesDep, actor: WriterDep) -> TenantNow:
    """Resume a suspended tenant: its keys work again."""
    set_tenant_suspended(services, actor, tenant_id, suspended=False)
    with services.database.transaction(durable=False) as session:
        return _view(session, tenant_id)


@router.post(
    "/{tenant_id}/credit",
    responses={
        200: {"headers": REPLAYED_HEADER},
        409: {"description": "`balance_too_low`: the correction is larger than the balance"},
    },
)
def credit_tenant(
    tenant_id: ShortText,
    sent: Credit,
    response: Response,
    services: ServicesDep,
    actor: WriterDep,
    idempotency_key: IdempotencyKey = None,
) -> Credited:
    """Add to a balance, or correct it; a reference works only once.

    A repetition returns 200 with `credited` false. Another amount or tenant under the same
    reference is refused, and so is a correction of more than the balance without open holds.
    """
    reference = sent.reference or idempotency_key
    if reference is None:
        raise invalid(["body", "reference"], "give a reference, or an Idempotency-Key")
    with services.database.transaction() as session:
        _view(session, tenant_id)
        credited = operator_actions.credit(
            session,
            actor,
            tenant_id=tenant_id,
            amount_micros=sent.amount_micros,
            reference=reference,
            reason=sent.reason,
        )
        balance = _view(session, tenant_id).balance_micros
    if not credited:
        response.headers[REPLAYED] = "true"
    return Credited(tenant=tenant_id, credited=credited, balance_micros=balance)


def _view(session: Session, tenant_id: str) -> TenantNow:
    session.flush()
    row = session.get(Tenant, tenant_id, populate_existing=True)
    if row is None:
        raise not_found("tenant")
    return TenantNow.model_validate(row)
