"""The tenants: balances, spending, and keys."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.core.errors import not_found
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.flash_messages import FlashMessageDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep
from api.web.dashboard.tenant_page import PERIOD_DAYS, tenant_values
from db.reports import tenants as tenant_summaries

router = APIRouter()


@router.get("/tenants")
def show_tenants(
    request: Request, services: ServicesDep, operator: CurrentOperatorDep, message: FlashMessageDep
) -> HTMLResponse:
    """Every tenant with its balance and its recent spending."""
    with services.database.transaction(durable=False) as session:
        rows = tenant_summaries.list_summaries(session, days=PERIOD_DAYS)
        tiers = tenant_summaries.tier_names(session)
    period = f"{PERIOD_DAYS} days"
    return page(
        request, "tenants.html", operator, tenants=rows, tiers=tiers, period=period, message=message
    )


@router.get("/tenants/{tenant_id}")
def show_tenant(
    request: Request,
    tenant_id: ShortText,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    message: FlashMessageDep,
) -> HTMLResponse:
    """One tenant: quota, spending by model and day, keys."""
    with services.database.transaction(durable=False) as session:
        values = tenant_values(session, tenant_id)
    if values is None:
        raise not_found("tenant")
    return page(request, "tenant.html", operator, message=message, secret=None, **values)
