"""Tenants: what each has left, spends and owns."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.core.errors import not_found
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.flash_messages import SaidDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep
from api.web.dashboard.tenant_page import PERIOD_DAYS, tenant_values
from db.reports import tenants as tenant_standings

router = APIRouter()


@router.get("/tenants")
def show_tenants(
    request: Request, services: ServicesDep, current: CurrentOperatorDep, said: SaidDep
) -> HTMLResponse:
    """Every tenant with its balance and what it spent of late."""
    with services.database.transaction(durable=False) as session:
        rows = tenant_standings.listed(session, days=PERIOD_DAYS)
        tiers = tenant_standings.tier_names(session)
    period = f"{PERIOD_DAYS} days"
    return page(
        request, "tenants.html", current, tenants=rows, tiers=tiers, period=period, said=said
    )


@router.get("/tenants/{tenant_id}")
def show_tenant(
    request: Request,
    tenant_id: ShortText,
    services: ServicesDep,
    current: CurrentOperatorDep,
    said: SaidDep,
) -> HTMLResponse:
    """One tenant: quota, spend by model and day, keys."""
    with services.database.transaction(durable=False) as session:
        values = tenant_values(session, tenant_id)
    if values is None:
        raise not_found("tenant")
    return page(request, "tenant.html", current, said=said, secret=None, **values)
