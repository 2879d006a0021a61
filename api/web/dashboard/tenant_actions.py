"""What operators do to tenants: add, suspend, credit; make and revoke their keys."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from api.core.errors import invalid, not_found
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import WriterDep
from api.web.dashboard.tenant_page import tenant_values
from db.operators import actions as operator_actions
from db.tables import Tenant
from db.tenants.tenants import UnknownTierError

router = APIRouter()

HOME = "/dashboard/tenants"
_MICROS = 1_000_000
_MOST_DOLLARS = 1_000_000_000
_Name = Annotated[str, Form(min_length=1, max_length=100)]


@router.post("/tenants")
def create_tenant(name: _Name, tier: _Name, services: ServicesDep, current: WriterDep) -> Response:
    """Add a tenant and lead to it."""
    try:
        with services.database.transaction() as session:
            tenant = operator_actions.create_tenant(session, current.actor, name=name, tier=tier)
    except UnknownTierError as error:
        raise invalid(["body", "tier"], str(error)) from None
    return _back(tenant.id, "created")


@router.post("/tenants/{tenant_id}/suspend")
def suspend_tenant(tenant_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Refuse a tenant's submissions."""
    with services.database.transaction() as session:
        _require(session, tenant_id)
        operator_actions.suspend_tenant(session, current.actor, tenant_id)
    return _back(tenant_id, "suspended")


@router.post("/tenants/{tenant_id}/resume")
def resume_tenant(tenant_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Let a suspended tenant submit again."""
    with services.database.transaction() as session:
        _require(session, tenant_id)
        operator_actions.resume_tenant(session, current.actor, tenant_id)
    return _back(tenant_id, "unsuspended")


@router.post("/tenants/{tenant_id}/keys")
def create_key(
    request: Request,
    tenant_id: ShortText,
    services: ServicesDep,
    current: WriterDep,
    name: Annotated[str, Form(max_length=100)] = "",
) -> HTMLResponse:
    """Make a key and show it, this once."""
    with services.database.transaction() as session:
        _require(session, tenant_id)
        _, key = operator_actions.create_key(
            session, current.actor, tenant_id=tenant_id, name=name.strip()
        )
        values = tenant_values(session, tenant_id) or {}
    return page(request, "tenant.html", current, said=None, secret=key, **values)


@router.post("/tenants/{tenant_id}/keys/{key_id}/revoke")
def revoke_key(
    tenant_id: ShortText, key_id: ShortText, services: ServicesDep, current: WriterDep
) -> Response:
    """Revoke a key for good."""
    with services.database.transaction() as session:
        revoked = operator_actions.revoke_key(
            session, current.actor, tenant_id=tenant_id, key_id=key_id
        )
    if not revoked:
        raise not_found("valid key")
    return _back(tenant_id, "revoked")


@router.post("/tenants/{tenant_id}/credit")
def credit_tenant(
    tenant_id: ShortText,
    dollars: Annotated[str, Form(max_length=20)],
    reference: _Name,
    reason: Annotated[str, Form(min_length=1, max_length=200)],
    services: ServicesDep,
    current: WriterDep,
) -> Response:
    """Add to a tenant's balance, or correct it by a negative amount, once a reference."""
    micros = _micros(dollars)
    with services.database.transaction() as session:
        _require(session, tenant_id)
        credited = operator_actions.credit(
            session,
            current.actor,
            tenant_id=tenant_id,
            amount_micros=micros,
            reference=reference,
            reason=reason,
        )
    return _back(tenant_id, "credited" if credited else "credited_before")


def _micros(dollars: str) -> int:
    try:
        micros = Decimal(dollars.strip()) * _MICROS
    except InvalidOperation:
        raise invalid(["body", "dollars"], "is not an amount such as 25.00") from None
    if not (0 < abs(micros) <= _MOST_DOLLARS * _MICROS) or micros != int(micros):
        raise invalid(["body", "dollars"], "must not be 0; six digits after the point are taken")
    return int(micros)


def _require(session: Session, tenant_id: str) -> None:
    if session.get(Tenant, tenant_id) is None:
        raise not_found("tenant")


def _back(tenant_id: str, said: str) -> Response:
    return RedirectResponse(f"{HOME}/{tenant_id}?said={said}", 303)
