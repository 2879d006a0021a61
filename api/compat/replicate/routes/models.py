"""Calls for models, their versions, deployments, collections and hardware."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth.tenant import TenantId
from api.compat.replicate import model_views, references
from api.compat.replicate.errors import OF_READS
from api.compat.replicate.references import ModelReference
from api.compat.replicate.requests import ForeignJobsDep, answer
from api.compat.replicate.schemas import Page, page
from api.core.domain_errors import NotFoundError
from api.core.errors import ProblemError
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep

router = APIRouter(prefix="/v1", tags=["models"])

_MOST_WORDS_BYTES = 2_000

_PAGES: dict[str, Any] = {"response_model": Page, "responses": OF_READS}
_OBJECT: dict[str, Any] = {"response_model": dict[str, Any], "responses": OF_READS}


def _find(services: Services, owner: str, name: str) -> ModelReference:
    return references.by_name(services.catalogue, f"{owner}/{name}")


@router.get("/models", **_PAGES)
async def list_models(services: ServicesDep, jobs: ForeignJobsDep, _tenant: TenantId) -> Response:
    """All models, each under one of its names."""
    models = model_views.offered(services.catalogue)
    return answer(page([model_views.model_view(jobs.base, model) for model in models]))


# OpenAPI 3.1 has no such method.
@router.api_route("/models", methods=["QUERY"], include_in_schema=False)
async def search_models(
    request: Request, services: ServicesDep, jobs: ForeignJobsDep, _tenant: TenantId
) -> Response:
    """The models whose names and description have all words of the body."""
    words = _words((await _short_body(request)).decode("utf-8", "replace"))
    models = model_views.offered(services.catalogue)
    found = [model for model in models if model_views.matches(model, words)]
    return answer(page([model_views.model_view(jobs.base, model) for model in found]))


async def _short_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_WORDS_BYTES:
            raise ProblemError(413, "body_too_large", "these are too many words to search for")
    return body


def _words(text: str) -> str:
    """The words; one client sends them as a string of JSON."""
    try:
        quoted = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return quoted if isinstance(quoted, str) else text


@router.get("/models/{owner}/{name}", **_OBJECT)
async def get_model(
    owner: ShortText,
    name: ShortText,
    services: ServicesDep,
    jobs: ForeignJobsDep,
    _tenant: TenantId,
) -> Response:
    """A model with its one version."""
    return answer(model_views.model_view(jobs.base, _find(services, owner, name)))


@router.get("/models/{owner}/{name}/versions", **_PAGES)
async def list_versions(
    owner: ShortText, name: ShortText, services: ServicesDep, _tenant: TenantId
) -> Response:
    """The one version of a model."""
    return answer(page([model_views.version_view(_find(services, owner, name))]))


@router.get("/models/{owner}/{name}/versions/{version}", **_OBJECT)
async def get_version(
    owner: ShortText,
    name: ShortText,
    version: ShortText,
    services: ServicesDep,
    _tenant: TenantId,
) -> Response:
    """A version of a model, with the schema of its input and output."""
    model = _find(services, owner, name)
    if version.lower() != model.version:
        raise references.other_version(model, version, 404)
    return answer(model_views.version_view(model))


@router.get("/models/{owner}/{name}/examples", **_PAGES)
async def list_examples(
    owner: ShortText, name: ShortText, services: ServicesDep, _tenant: TenantId
) -> Response:
    """The examples of a model, of which there are none."""
    _find(services, owner, name)
    return answer(page([]))


@router.get("/deployments", **_PAGES)
async def list_deployments(services: ServicesDep, _tenant: TenantId) -> Response:
    """All models as deployments."""
    models = model_views.offered(services.catalogue)
    return answer(page([model_views.deployment_view(model) for model in models]))


@router.get("/deployments/{owner}/{name}", **_OBJECT)
async def get_deployment(
    owner: ShortText, name: ShortText, services: ServicesDep, _tenant: TenantId
) -> Response:
    """A model as a deployment."""
    return answer(model_views.deployment_view(_find(services, owner, name)))


@router.get("/collections", **_PAGES)
async def list_collections(_tenant: TenantId) -> Response:
    """The kinds of models."""
    return answer(page(model_views.collection_views()))


@router.get("/collections/{slug}", **_OBJECT)
async def get_collection(
    slug: ShortText, services: ServicesDep, jobs: ForeignJobsDep, _tenant: TenantId
) -> Response:
    """The models of a kind."""
    found = model_views.collection_view(jobs.base, services.catalogue, slug)
    if found is None:
        raise NotFoundError("collection")
    return answer(found)


@router.get("/hardware", response_model=list[dict[str, str]], responses=OF_READS)
async def list_hardware(_tenant: TenantId) -> Response:
    """The one kind of hardware: an operator's own, which is not chosen by a request."""
    return answer(model_views.HARDWARE)
