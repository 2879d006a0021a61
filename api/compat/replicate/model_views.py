"""Models, versions, deployments and collections as JSON."""

from collections.abc import Sequence
from typing import Any

from api.compat.replicate.references import ModelReference, primary
from api.compat.replicate.version_schemas import COG_VERSION, openapi_schema
from workers.catalog import Catalogue, Family, Variant

Json = dict[str, Any]

HARDWARE: Sequence[Json] = ({"name": "The devices of this service", "sku": "own"},)

_MADE_AT = "2026-01-01T00:00:00Z"
"""Versions have no time here, and clients read one."""

_COLLECTIONS: Sequence[tuple[str, str, str, tuple[Family, ...]]] = (
    ("text-to-image", "Paint pictures", "FLUX: pictures from text", (Family.FLUX1, Family.FLUX2)),
    ("vision-models", "Look at pictures", "Florence-2: text and places", (Family.FLORENCE2,)),
)


def offered(catalogue: Catalogue) -> list[ModelReference]:
    """All models, each once."""
    return [primary(variant) for variant in catalogue.variants()]


def model_view(base: str, model: ModelReference) -> Json:
    """The JSON of a model.

    Args:
        base: the service's own URL.
        model: the model, by the name that is shown.
    """
    return {
        "url": f"{base}/replicate/v1/models/{model.name}",
        "owner": model.owner,
        "name": model.short_name,
        "description": model.variant.title,
        "visibility": "public",
        "is_official": True,
        "github_url": None,
        "paper_url": None,
        "license_url": model.variant.licence.url or None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": version_view(model),
    }


def version_view(model: ModelReference) -> Json:
    """The JSON of a model's one version."""
    return {
        "id": model.version,
        "created_at": _MADE_AT,
        "cog_version": COG_VERSION,
        "openapi_schema": openapi_schema(model.variant, model.name),
    }


def deployment_view(model: ModelReference) -> Json:
    """The JSON of a model as a deployment, which it is without further ado."""
    return {
        "owner": model.owner,
        "name": model.short_name,
        "current_release": {
            "number": 1,
            "model": model.name,
            "version": model.version,
            "created_at": _MADE_AT,
            "created_by": {
                "type": "organization",
                "username": model.owner,
                "name": model.owner,
                "github_url": None,
            },
            "configuration": {
                "hardware": HARDWARE[0]["sku"],
                "min_instances": 0,
                "max_instances": 1,
            },
        },
    }


def matches(model: ModelReference, words: str) -> bool:
    """True for a model whose names and description have all of the words."""
    variant = model.variant
    text = " ".join((model.name, variant.id, *variant.aliases, variant.title, *variant.tasks))
    return all(word in text.lower() for word in words.lower().split())


def collection_views() -> list[Json]:
    """All collections, without their models."""
    return [
        {"slug": slug, "name": name, "description": description}
        for slug, name, description, _ in _COLLECTIONS
    ]


def collection_view(base: str, catalogue: Catalogue, slug: str) -> Json | None:
    """A collection with its models; None where there is none."""
    for view, (own, _, _, families) in zip(collection_views(), _COLLECTIONS, strict=True):
        if own == slug:
            models = [model for model in offered(catalogue) if _is_of(model.variant, families)]
            return {**view, "models": [model_view(base, model) for model in models]}
    return None


def _is_of(variant: Variant, families: Sequence[Family]) -> bool:
    return variant.family in families
