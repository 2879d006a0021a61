"""Endpoints of FLUX's vendor, and the variants that serve them."""

from collections.abc import Mapping

from api.compat.shared.names import find_variant, served
from api.core.domain_errors import ModelNotOfferedError
from db.values.surfaces import SurfaceName
from workers.catalog import Catalogue, Family, Variant

_ALIAS = "the operator may let {} serve it, by an alias in the catalogue file"
_FINETUNES = "trained models are LoRAs here: give `loras` in a job of the service's own API"
_VIDEO = "no model here makes videos"

_PAINTERS = "flux"
"""The beginning of the families whose models paint."""

_NOT_SERVED: Mapping[str, str] = {
    "flux-pro-1.0-fill": _ALIAS.format("flux.1-fill-dev"),
    "flux-pro-1.0-canny": _ALIAS.format("flux.1-canny-dev"),
    "flux-pro-1.0-depth": _ALIAS.format("flux.1-depth-dev"),
    "flux-pro-1.0-expand": "no model here paints beyond a picture's edges; enlarge the picture "
    "and its mask yourself, and let flux.1-fill-dev fill it",
    "flux-3-video": _VIDEO,
    "flux-3-image": "FLUX.3 is not offered here",
    "finetune": _FINETUNES,
    "delete_finetune": _FINETUNES,
    "flux-pro-finetuned": _FINETUNES,
    "flux-pro-1.1-ultra-finetuned": _FINETUNES,
    "flux-pro-1.0-fill-finetuned": _FINETUNES,
    "flux-pro-1.0-canny-finetuned": _FINETUNES,
    "flux-pro-1.0-depth-finetuned": _FINETUNES,
}
"""The vendor's endpoints that no variant serves under that name, and the reason."""


def find_endpoint(catalogue: Catalogue, endpoint: str) -> Variant:
    """The variant that an endpoint stands for.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: there is none, or it paints nothing.
    """
    offered = served(catalogue, SurfaceName.BFL, _PAINTERS)
    try:
        variant = find_variant(catalogue, SurfaceName.BFL, endpoint, _PAINTERS)
    except ModelNotOfferedError:
        if (reason := _NOT_SERVED.get(endpoint)) is not None:
            raise ModelNotOfferedError(endpoint, f"{reason}; {offered}") from None
        raise
    if variant.family is Family.FLORENCE2:
        reason = "it looks at pictures and paints none; the service's own API has it"
        raise ModelNotOfferedError(endpoint, f"{reason}; {offered}")
    return variant
