"""Model names of other services, and the variants that they stand for.

A name is looked for among the catalogue's own ids and aliases first, so that an operator can give
any name another meaning; `bottega/<id>` is the id where a surface's names need an owner.
"""

from collections.abc import Mapping

from api.core.domain_errors import ModelNotOfferedError
from db.values.surfaces import SurfaceName
from workers.catalog import (
    Catalogue,
    DisabledVariantError,
    Family,
    UnknownVariantError,
    Variant,
)

OWNER = "bottega"
"""The owner of the variants' own names, where names are `owner/name`."""

REPLICATE: Mapping[str, str] = {
    "black-forest-labs/flux-schnell": "flux.1-schnell",
    "black-forest-labs/flux-dev": "flux.1-dev",
    "black-forest-labs/flux-dev-lora": "flux.1-dev",
    "black-forest-labs/flux-krea-dev": "flux.1-krea-dev",
    "black-forest-labs/flux-fill-dev": "flux.1-fill-dev",
    "black-forest-labs/flux-kontext-dev": "flux.1-kontext-dev",
    "black-forest-labs/flux-canny-dev": "flux.1-canny-dev",
    "black-forest-labs/flux-depth-dev": "flux.1-depth-dev",
    "black-forest-labs/flux-redux-dev": "flux.1-redux-dev",
    "black-forest-labs/flux-2-klein-4b": "flux.2-klein-4b",
    "black-forest-labs/flux-2-klein-9b": "flux.2-klein-9b",
    "black-forest-labs/flux-2-dev": "flux.2-dev",
    "black-forest-labs/flux-pro": "flux.1-pro",
    "black-forest-labs/flux-1.1-pro": "flux.1.1-pro",
    "black-forest-labs/flux-1.1-pro-ultra": "flux.1.1-pro-ultra",
    "black-forest-labs/flux-kontext-pro": "flux.1-kontext-pro",
    "black-forest-labs/flux-kontext-max": "flux.1-kontext-max",
    "black-forest-labs/flux-2-pro": "flux.2-pro",
    "black-forest-labs/flux-2-flex": "flux.2-flex",
    "black-forest-labs/flux-2-max": "flux.2-max",
    "lucataco/florence-2-large": "florence-2-large",
    "lucataco/florence-2-base": "florence-2-base",
}

FAL: Mapping[str, str] = {
    "fal-ai/flux/schnell": "flux.1-schnell",
    "fal-ai/flux-1/schnell": "flux.1-schnell",
    "fal-ai/flux/dev": "flux.1-dev",
    "fal-ai/flux/dev/image-to-image": "flux.1-dev",
    "fal-ai/flux-1/dev": "flux.1-dev",
    "fal-ai/flux-lora": "flux.1-dev",
    "fal-ai/flux-lora/image-to-image": "flux.1-dev",
    "fal-ai/flux-lora/inpainting": "flux.1-dev",
    "fal-ai/flux/krea": "flux.1-krea-dev",
    "fal-ai/flux-1/krea": "flux.1-krea-dev",
    "fal-ai/flux-lora-fill": "flux.1-fill-dev",
    "fal-ai/flux-kontext/dev": "flux.1-kontext-dev",
    "fal-ai/flux-kontext-lora": "flux.1-kontext-dev",
    "fal-ai/flux-lora-canny": "flux.1-canny-dev",
    "fal-ai/flux-lora-depth": "flux.1-depth-dev",
    "fal-ai/flux/dev/redux": "flux.1-redux-dev",
    "fal-ai/flux-2/klein/4b": "flux.2-klein-4b",
    "fal-ai/flux-2/klein/4b/edit": "flux.2-klein-4b",
    "fal-ai/flux-2/klein/9b": "flux.2-klein-9b",
    "fal-ai/flux-2/klein/9b/edit": "flux.2-klein-9b",
    "fal-ai/flux-2": "flux.2-dev",
    "fal-ai/flux-2/edit": "flux.2-dev",
    "fal-ai/flux-pro": "flux.1-pro",
    "fal-ai/flux-pro/v1.1": "flux.1.1-pro",
    "fal-ai/flux-pro/v1.1-ultra": "flux.1.1-pro-ultra",
    "fal-ai/flux-pro/kontext": "flux.1-kontext-pro",
    "fal-ai/flux-pro/kontext/max": "flux.1-kontext-max",
    "fal-ai/flux-2-pro": "flux.2-pro",
    "fal-ai/flux-2-pro/edit": "flux.2-pro",
    "fal-ai/flux-2-flex": "flux.2-flex",
    "fal-ai/flux-2-flex/edit": "flux.2-flex",
    "fal-ai/flux-2-max": "flux.2-max",
    "fal-ai/flux-2-max/edit": "flux.2-max",
    "fal-ai/florence-2-large": "florence-2-large",
}
"""Florence-2's tasks are further segments of the path."""

BFL: Mapping[str, str] = {
    "flux-dev": "flux.1-dev",
    "flux-2-klein-4b": "flux.2-klein-4b",
    "flux-2-klein-9b": "flux.2-klein-9b",
    "flux-pro": "flux.1-pro",
    "flux-pro-1.1": "flux.1.1-pro",
    "flux-pro-1.1-ultra": "flux.1.1-pro-ultra",
    "flux-kontext-pro": "flux.1-kontext-pro",
    "flux-kontext-max": "flux.1-kontext-max",
    "flux-2-pro": "flux.2-pro",
    "flux-2-pro-preview": "flux.2-pro",
    "flux-2-flex": "flux.2-flex",
    "flux-2-max": "flux.2-max",
}

HUGGINGFACE: Mapping[str, str] = {
    "black-forest-labs/FLUX.1-schnell": "flux.1-schnell",
    "black-forest-labs/FLUX.1-dev": "flux.1-dev",
    "black-forest-labs/FLUX.1-Krea-dev": "flux.1-krea-dev",
    "black-forest-labs/FLUX.1-Fill-dev": "flux.1-fill-dev",
    "black-forest-labs/FLUX.1-Kontext-dev": "flux.1-kontext-dev",
    "black-forest-labs/FLUX.1-Canny-dev": "flux.1-canny-dev",
    "black-forest-labs/FLUX.1-Depth-dev": "flux.1-depth-dev",
    "black-forest-labs/FLUX.1-Redux-dev": "flux.1-redux-dev",
    "black-forest-labs/FLUX.2-klein-4B": "flux.2-klein-4b",
    "black-forest-labs/FLUX.2-klein-9B": "flux.2-klein-9b",
    "black-forest-labs/FLUX.2-dev": "flux.2-dev",
    **{
        f"{owner}/Florence-2-{size}": f"florence-2-{size}"
        for owner in ("microsoft", "florence-community")
        for size in ("large", "base", "large-ft", "base-ft")
    },
}

OPENAI: Mapping[str, str] = {**BFL, **HUGGINGFACE}
"""None of its own: its users give Bottega's ids, or the vendor's or the hub's names."""

NAMES: Mapping[SurfaceName, Mapping[str, str]] = {
    SurfaceName.OPENAI: OPENAI,
    SurfaceName.REPLICATE: REPLICATE,
    SurfaceName.FAL: FAL,
    SurfaceName.BFL: BFL,
    SurfaceName.HUGGINGFACE: HUGGINGFACE,
}
"""The names of each surface."""


_MOST_SERVED = 40
_OWNED = (SurfaceName.REPLICATE, SurfaceName.FAL)
"""The surfaces whose names need an owner."""


def find_variant(
    catalogue: Catalogue, surface: SurfaceName, name: str, family: str = ""
) -> Variant:
    """The offered variant that a name of a surface stands for.

    Args:
        catalogue: the offered models.
        surface: the API.
        name: the name.
        family: the beginning of the families that a refusal lists; empty for all.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: the name stands for none, or for one that is
            not offered here.
    """
    own = name.removeprefix(f"{OWNER}/")
    known = NAMES[surface].get(name)
    for candidate in (name, own, known):
        if candidate is not None and catalogue.has(candidate):
            return catalogue.find(candidate)
    offered = served(catalogue, surface, family)
    if known is not None:
        reason = f"it stands for {known}, which is not offered here; {offered}"
        raise ModelNotOfferedError(name, reason)
    try:
        return catalogue.find(own)
    except DisabledVariantError:
        raise ModelNotOfferedError(name, f"the operator has disabled it; {offered}") from None
    except UnknownVariantError as error:
        near = f"did you mean {error.suggestion}? " if error.suggestion else ""
        raise ModelNotOfferedError(name, near + offered) from None


def served(catalogue: Catalogue, surface: SurfaceName, family: str = "") -> str:
    """The models that a surface offers, by names that it takes, for the refusal of another.

    Args:
        catalogue: the offered models.
        surface: the API.
        family: the beginning of their families; empty for all.
    """
    offered = [each for each in catalogue.variants() if each.family.startswith(family)]
    names = [_shown_name(surface, each) for each in offered[:_MOST_SERVED]]
    more = ", …" if len(offered) > _MOST_SERVED else ""
    return f"served here: {', '.join(names) or 'none'}{more}"


def _shown_name(surface: SurfaceName, variant: Variant) -> str:
    if surface not in _OWNED:
        return variant.id
    foreign = (name for name, known in NAMES[surface].items() if known == variant.id)
    name = next(foreign, f"{OWNER}/{variant.id}")
    has_tasks = surface == SurfaceName.FAL and variant.family == Family.FLORENCE2
    return f"{name}/{{task}}" if has_tasks else name


def names_of(surface: SurfaceName, variant: Variant) -> tuple[str, ...]:
    """The names by which a surface knows a variant, the surface's own first."""
    foreign = [name for name, variant_id in NAMES[surface].items() if variant_id == variant.id]
    return (*foreign, variant.id, *variant.aliases)
