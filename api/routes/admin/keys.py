"""Calls for tenants' API keys."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import not_found
from api.core.json_body import JsonRoute
from api.schemas.admin import CreatedKey, NewKey
from api.schemas.jobs import ShortText
from api.schemas.keys import KeyList, key_view
from api.services import ServicesDep
from db.operators import actions as operator_actions
from db.tables import Tenant
from db.tenants import api_keys

router = APIRouter(
    prefix=f"{PREFIX}/tenants/{{tenant_id}}/keys", tags=["admin"], route_class=JsonRoute
)


@router.get("")
def list_keys(tenant_id: ShortText, services: ServicesDep, _operator: OperatorDep) -> KeyList:
    """A tenant's keys, also revoked ones; the secrets themselves are not stored."""
    with services.database.transaction(durable=False) as session:
        _require(session, tenant_id)
        rows = api_keys.list_keys(session, tenant_id=tenant_id)
        return KeyList(keys=[key_view(row) for row, _ in rows])


@router.post("", status_code=201)
def create_key(
    tenant_id: ShortText, sent: NewKey, response: Response, services: ServicesDep, actor: WriterDep
) -> CreatedKey:
    """Create a key. Its secret is shown only in this response."""
    with services.database.transaction() as session:
        _require(session, tenant_id)
        row, key = operator_actions.create_key(
            session,
            actor,
            tenant_id=tenant_id,
            name=sent.name,
            expires_in_seconds=sent.expires_in_seconds,
        )
        created = CreatedKey(**key_view(row).model_dump(), api_key=key)
    response.headers["Cache-Control"] = "no-store"
    return created


@router.post("/{key_id}/revoke", status_code=204)
def revoke_key(
    tenant_id: ShortText, key_id: ShortText, services: ServicesDep, actor: WriterDep
) -> None:
    """Revoke a key for good."""
    with services.database.transaction() as session:
        if not operator_actions.revoke_key(session, actor, tenant_id=tenant_id, key_id=key_id):
            raise not_found("valid key")


def _require(session: Session, tenant_id: str) -> None:
    if session.get(Tenant, tenant_id) is None:
        raise not_found("tenant")
