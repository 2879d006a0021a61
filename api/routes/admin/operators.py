"""Calls for operators' own keys, with the role to read or to change things."""

from fastapi import APIRouter, Response

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import not_found
from api.core.json_body import JsonRoute
from api.schemas.admin import CreatedOperator, NewOperator, OperatorList, OperatorView
from api.schemas.jobs import ShortText
from api.schemas.keys import key_view
from api.services import ServicesDep
from db.operators import keys as operator_keys
from db.tables import ApiKey
from db.tenants.api_keys import OperatorRole

router = APIRouter(prefix=f"{PREFIX}/operators", tags=["admin"], route_class=JsonRoute)


@router.get("")
def list_operators(services: ServicesDep, _operator: OperatorDep) -> OperatorList:
    """All operators' keys, also revoked ones; the first is the one made at installation."""
    with services.database.transaction(durable=False) as session:
        return OperatorList(operators=[_view(row) for row in operator_keys.list_keys(session)])


@router.post("", status_code=201)
def create_operator(
    sent: NewOperator, response: Response, services: ServicesDep, actor: WriterDep
) -> CreatedOperator:
    """Create an operator's key. Its secret is shown only in this response."""
    with services.database.transaction() as session:
        row, key = operator_keys.create(
            session,
            actor,
            name=sent.name,
            role=sent.role,
            expires_in_seconds=sent.expires_in_seconds,
        )
        created = CreatedOperator(**_view(row).model_dump(), api_key=key)
    response.headers["Cache-Control"] = "no-store"
    return created


@router.post(
    "/{key_id}/revoke",
    status_code=204,
    responses={409: {"description": "`last_operator`: no other key may change things"}},
)
def revoke_operator(key_id: ShortText, services: ServicesDep, actor: WriterDep) -> None:
    """Revoke an operator's key for good; 409 for the last key that may change things."""
    with services.database.transaction() as session:
        if not operator_keys.revoke(session, actor, key_id):
            raise not_found("valid key")


def _view(row: ApiKey) -> OperatorView:
    return OperatorView(**key_view(row).model_dump(), role=OperatorRole(row.role or ""))
