"""Operators' actions on tenants: create, suspend, credit, delete; create and revoke keys."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import AfterValidator
from sqlalchemy.orm import Session

from api.core.errors import invalid, not_found
from api.operators import deletion
from api.operators.switches import set_tenant_suspended
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.flash_messages import with_message
from api.web.dashboard.pages import page
from api.web.dashboard.session import WriterDep
from api.web.dashboard.tenant_page import tenant_values
from db.operators import actions as operator_actions
from db.tables import Tenant
from db.tenants.api_keys import MAX_LIFETIME_SECONDS
from db.tenants.tenants import UnknownTierError
from workers.catalog.validation import reject_blank

router = APIRouter()

HOME = "/dashboard/tenants"
_DELETION_SECONDS = 20.0
_DAY_SECONDS = 86_400
_MICROS = 1_000_000
_MAX_DOLLARS = 1_000_000_000
_Name = Annotated[str, Form(min_length=1, max_length=100), AfterValidator(reject_blank)]


@router.post("/tenants")
def create_tenant(name: _Name, tier: _Name, services: ServicesDep, operator: WriterDep) -> Response:
    """Create a tenant, and redirect to its page."""
    try:
        with services.database.transaction() as session:
            tenant = operator_actions.create_tenant(session, operator.actor, name=name, tier=tier)
    except UnknownTierError as error:
        raise invalid(["body", "tier"], str(error)) from None
    return _redirect(tenant.id, "created")


@router.post("/tenants/{tenant_id}/suspend")
def suspend_tenant(tenant_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Suspend a tenant: its keys are refused."""
    set_tenant_suspended(services, operator.actor, tenant_id, suspended=True)
    return _redirect(tenant_id, "suspended")


@router.post("/tenants/{tenant_id}/resume")
def resume_tenant(tenant_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Accept a suspended tenant's keys again."""
    set_tenant_suspended(services, operator.actor, tenant_id, suspended=False)
    return _redirect(tenant_id, "unsuspended")


@router.post("/tenants/{tenant_id}/delete")
def delete_tenant(
    tenant_id: ShortText,
    confirmation: Annotated[str, Form(max_length=100)],
    services: ServicesDep,
    operator: WriterDep,
    *,
    forfeit: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a tenant for good; the form has its id, typed by the operator."""
    if confirmation.strip() != tenant_id:
        raise invalid(["body", "confirmation"], f"type the tenant's id to delete it: {tenant_id}")
    report = deletion.delete_tenant(
        services,
        operator.actor,
        tenant_id,
        forfeits_balance=forfeit,
        seconds=_DELETION_SECONDS,
    )
    return _redirect(tenant_id, "deleted" if report.erased.complete else "being_deleted")


@router.post("/tenants/{tenant_id}/keys")
def create_key(
    request: Request,
    tenant_id: ShortText,
    services: ServicesDep,
    operator: WriterDep,
    name: Annotated[str, Form(max_length=100)] = "",
    days: Annotated[str, Form(pattern="^ *[0-9]{0,4} *$")] = "",
) -> HTMLResponse:
    """Create a key, and show it this one time."""
    lifetime = int(days) * _DAY_SECONDS if days.strip() else None
    if lifetime is not None and not 0 < lifetime <= MAX_LIFETIME_SECONDS:
        most = MAX_LIFETIME_SECONDS // _DAY_SECONDS
        raise invalid(["body", "days"], f"use 1 to {most} days, or none for a key without an end")
    with services.database.transaction() as session:
        _require(session, tenant_id)
        _, key = operator_actions.create_key(
            session,
            operator.actor,
            tenant_id=tenant_id,
            name=name.strip(),
            expires_in_seconds=lifetime,
        )
        values = tenant_values(session, tenant_id) or {}
    return page(request, "tenant.html", operator, message=None, secret=key, **values)


@router.post("/tenants/{tenant_id}/keys/{key_id}/revoke")
def revoke_key(
    tenant_id: ShortText, key_id: ShortText, services: ServicesDep, operator: WriterDep
) -> Response:
    """Revoke a key for good."""
    with services.database.transaction() as session:
        revoked = operator_actions.revoke_key(
            session, operator.actor, tenant_id=tenant_id, key_id=key_id
        )
    if not revoked:
        raise not_found("valid key")
    return _redirect(tenant_id, "revoked")


@router.post("/tenants/{tenant_id}/credit")
def credit_tenant(
    tenant_id: ShortText,
    dollars: Annotated[str, Form(max_length=20)],
    reference: _Name,
    reason: Annotated[str, Form(min_length=1, max_length=200), AfterValidator(reject_blank)],
    services: ServicesDep,
    operator: WriterDep,
) -> Response:
    """Add to a tenant's balance, or correct it by a negative amount; a reference works once."""
    micros = _micros(dollars)
    with services.database.transaction() as session:
        _require(session, tenant_id)
        credited = operator_actions.credit(
            session,
            operator.actor,
            tenant_id=tenant_id,
            amount_micros=micros,
            reference=reference,
            reason=reason,
        )
    return _redirect(tenant_id, "credited" if credited else "credited_before")


def _micros(dollars: str) -> int:
    try:
        micros = Decimal(dollars.strip()) * _MICROS
    except InvalidOperation:
        raise invalid(["body", "dollars"], "is not an amount such as 25.00") from None
    if not (0 < abs(micros) <= _MAX_DOLLARS * _MICROS) or micros != int(micros):
        raise invalid(
            ["body", "dollars"], "must not be 0, and has at most six digits after the point"
        )
    return int(micros)


def _require(session: Session, tenant_id: str) -> None:
    if session.get(Tenant, tenant_id) is None:
        raise not_found("tenant")


def _redirect(tenant_id: str, message: str) -> Response:
    return RedirectResponse(with_message(f"{HOME}/{tenant_id}", message), 303)
