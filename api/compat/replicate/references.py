"""Models by name and by version: `owner/name`, 64 hexadecimal digits, or both."""

import re
from dataclasses import dataclass

from api.compat.replicate.version_ids import own_name, version_id
from api.compat.shared.names import REPLICATE, find_variant
from api.core.domain_errors import ModelNotOfferedError
from api.core.errors import ProblemError
from db.values.surfaces import SurfaceName
from workers.catalog import Catalogue, Variant

_VERSION = re.compile(r"[0-9a-fA-F]{64}")
_MAX_SHOWN = 100


@dataclass(frozen=True)
class ModelReference:
    """A model as a request named it.

    Attributes:
        name: `owner/name`.
        variant: the model that the name stands for.
    """

    name: str
    variant: Variant

    @property
    def owner(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]

    @property
    def short_name(self) -> str:
        """The part of the name behind the slash."""
        return self.name.partition("/")[2]

    @property
    def version(self) -> str:
        """The id of the model's one version."""
        return version_id(self.variant.id)


def by_name(catalogue: Catalogue, name: str) -> ModelReference:
    """The model of a name such as `black-forest-labs/flux-dev` or `bottega/flux.1-dev`.

    Raises:
        ModelNotOfferedError: the name stands for no model here.
    """
    variant = find_variant(catalogue, SurfaceName.REPLICATE, name)
    return ModelReference(name if "/" in name else own_name(name), variant)


def by_version(catalogue: Catalogue, version: str) -> ModelReference:
    """The model of a version id, of a name, or of `owner/name:id`.

    Raises:
        api.core.errors.ProblemError: 422: there is no such version.
    """
    name, _, number = version.partition(":")
    if _VERSION.fullmatch(name):
        return _by_id(catalogue, name.lower())
    try:
        found = by_name(catalogue, name)
    except ModelNotOfferedError as error:
        raise unknown_version(str(error), 422) from error
    if number and number.lower() != found.version:
        raise other_version(found, number, 422)
    return found


def other_version(model: ModelReference, version: str, status: int) -> ProblemError:
    """The error of a version that a model does not have."""
    detail = f"{model.name} has the version {model.version} here, not {version[:_MAX_SHOWN]}"
    return unknown_version(detail, status)


def unknown_version(detail: str, status: int) -> ProblemError:
    """The error of a version that does not exist here."""
    return ProblemError(status, "unknown_version", detail)


def _by_id(catalogue: Catalogue, version: str) -> ModelReference:
    for variant in catalogue.variants():
        if version_id(variant.id) == version:
            return primary(variant)
    known = {version_id(variant_id): variant_id for variant_id in REPLICATE.values()}
    reason = f"; it stands for {known[version]}, which is not offered" if version in known else ""
    detail = (
        f"The version {version} does not exist here: a model has one version of its own, see "
        f"GET /v1/models/{{owner}}/{{name}}/versions{reason}"
    )
    raise unknown_version(detail, 422)


def primary(variant: Variant) -> ModelReference:
    """A model by the name under which lists show it: Replicate's if it has one."""
    foreign = (name for name, variant_id in REPLICATE.items() if variant_id == variant.id)
    return ModelReference(next(foreign, own_name(variant.id)), variant)
