"""Calls for the account and the webhooks' secret, and those that are refused here."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api.auth.tenant import TenantId
from api.compat.replicate.errors import OF_READS
from api.compat.replicate.requests import answer
from api.core.errors import ProblemError, not_found
from api.services import ServicesDep
from db.tables import Tenant
from db.webhooks import secrets as webhook_secrets

router = APIRouter(prefix="/v1", tags=["account"])

_OBJECT: dict[str, Any] = {"response_model": dict[str, Any], "responses": OF_READS}


@router.get("/account", **_OBJECT)
def get_account(services: ServicesDep, tenant_id: TenantId) -> Response:
    """Your account: its id as the username, and its name."""
    with services.database.transaction(durable=False) as session:
        tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise not_found("account")
        name = tenant.name
    shown = {"type": "organization", "username": tenant_id, "name": name, "github_url": None}
    return answer(shown)


@router.get("/webhooks/default/secret", **_OBJECT)
def get_webhook_secret(services: ServicesDep, tenant_id: TenantId) -> Response:
    """The secret that signs your webhooks, the same as that of the service's own API."""
    with services.database.transaction() as session:
        key = webhook_secrets.current_secret(session, tenant_id).secret
    return answer({"key": key}, headers={"Cache-Control": "no-store"})


_NO_TRAINING = "models are not trained here"
_BY_OPERATOR = "models and deployments are the operator's: they are not changed by requests"

_REFUSED = (
    ("/trainings", ("GET", "POST"), 404, _NO_TRAINING),
    ("/trainings/{training_id}", ("GET",), 404, _NO_TRAINING),
    ("/trainings/{training_id}/cancel", ("POST",), 404, _NO_TRAINING),
    ("/models/{owner}/{name}/versions/{version}/trainings", ("POST",), 404, _NO_TRAINING),
    ("/models", ("POST",), 403, _BY_OPERATOR),
    ("/models/{owner}/{name}", ("PATCH", "DELETE"), 403, _BY_OPERATOR),
    ("/models/{owner}/{name}/versions/{version}", ("DELETE",), 403, _BY_OPERATOR),
    ("/deployments", ("POST",), 403, _BY_OPERATOR),
    ("/deployments/{owner}/{name}", ("PATCH", "DELETE"), 403, _BY_OPERATOR),
)
"""Calls that clients have, and that do nothing here: path, methods, status and detail."""


def _refuse(path: str, methods: tuple[str, ...], status: int, detail: str) -> None:
    async def refuse(_tenant: TenantId) -> Response:
        raise ProblemError(status, "not_offered", detail)

    router.add_api_route(path, refuse, methods=list(methods), include_in_schema=False)


for _call in _REFUSED:
    _refuse(*_call)
