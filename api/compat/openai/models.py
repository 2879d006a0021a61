"""`/v1/models`: the offered models, as OpenAI's clients list them."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth.tenant import CallerDep
from api.compat.openai.documents import READ
from api.compat.shared.names import find_variant
from api.services import ServicesDep
from db.values.surfaces import SurfaceName
from workers.catalog import Family, Variant

router = APIRouter(prefix="/v1/models", tags=["models"])

_CREATED = 1_700_000_000
"""The catalogue has no dates; a client shows or sorts by them."""

_OWNERS = {Family.FLORENCE2: "microsoft"}


class ModelObject(BaseModel):
    """A model."""

    id: str = Field(examples=["flux.1-demo"])
    object: Literal["model"] = "model"
    created: int = _CREATED
    owned_by: str = Field(examples=["black-forest-labs"])


class ModelPage(BaseModel):
    """All offered models."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


@router.get("", responses=READ)
async def list_models(services: ServicesDep, _caller: CallerDep) -> ModelPage:
    """The offered models."""
    return ModelPage(data=[_model(each) for each in services.catalogue.variants()])


@router.get("/{model:path}", responses=READ)
async def get_model(model: str, services: ServicesDep, _caller: CallerDep) -> ModelObject:
    """One model, by its id or any name that stands for it."""
    return _model(find_variant(services.catalogue, SurfaceName.OPENAI, model))


def _model(variant: Variant) -> ModelObject:
    return ModelObject(id=variant.id, owned_by=_OWNERS.get(variant.family, "black-forest-labs"))
