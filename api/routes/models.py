"""The models that the service offers."""

from fastapi import APIRouter, Response

from api.core.errors import ProblemError
from api.schemas.jobs import ModelList, ModelView, ShortText
from api.services import ServicesDep
from workers.catalog import UnknownVariantError

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_model=ModelList)
async def list_models(services: ServicesDep) -> Response:
    """All models: their input's JSON Schema, price, licence, ready workers and expected wait."""
    views = await services.model_views.read()
    return _json(b'{"models":[%s]}' % b",".join(views.values()))


@router.get("/{model_id:path}", response_model=ModelView)
async def get_model(model_id: ShortText, services: ServicesDep) -> Response:
    """One model."""
    try:
        variant = services.catalogue.find(model_id)
    except UnknownVariantError as error:
        raise ProblemError(404, "not_found", str(error)) from error
    return _json((await services.model_views.read())[variant.id])


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
