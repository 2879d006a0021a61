"""A job of the service's own API, as the samples translate it to other clients' words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.compat.shared.names import OWNER, find_variant, names_of
from api.core.domain_errors import ModelNotOfferedError
from db.values.surfaces import SurfaceName
from workers.catalog import Catalogue, Variant
from workers.catalog.florence2.tasks import BY_TOKEN, Florence2Task
from workers.catalog.flux.sizes import RATIO, FluxLimits, size_for_ratio
from workers.catalog.variant import Family

_UNIT = 64
"""A model without limits of its own reads the shape alone: so many pixels a part of the ratio."""


@dataclass(frozen=True)
class JobInput:
    """A job that a sample submits.

    Attributes:
        base: the service's URL, without a trailing slash.
        catalogue: the offered models.
        variant: the job's model.
        values: its native input, long data URIs cut.
    """

    base: str
    catalogue: Catalogue
    variant: Variant
    values: Mapping[str, Any]

    @property
    def is_analysis(self) -> bool:
        """True for a model that looks at pictures."""
        return self.variant.family is Family.FLORENCE2

    def has(self, *names: str) -> bool:
        """True when one of these parameters has a value."""
        return any(self.values.get(name) not in (None, "", [], ()) for name in names)

    def picked(self, names: Mapping[str, str]) -> dict[str, Any]:
        """The values that are given, by their foreign names; `names` has these by the native."""
        return {
            foreign: self.values[native] for native, foreign in names.items() if self.has(native)
        }

    def name_in(self, surface: SurfaceName) -> str:
        """The surface's own name of the model, or the id; an alias may have taken the former."""
        for name in names_of(surface, self.variant):
            try:
                found = find_variant(self.catalogue, surface, name)
            except ModelNotOfferedError:
                continue
            if found.id == self.variant.id:
                return name
        return self.variant.id

    def owned_name_in(self, surface: SurfaceName) -> str:
        """The same as `owner/name`."""
        name = self.name_in(surface)
        return name if "/" in name else f"{OWNER}/{name}"

    @property
    def output_format(self) -> str:
        """The format of its pictures: other services have other defaults."""
        return str(self.values.get("output_format") or self.default_of("output_format"))

    @property
    def usual_strength(self) -> float | None:
        """The strength that a picture to paint over has by default; None where it has none."""
        inputs = getattr(self.variant.parameters, "inputs", None)
        if inputs is None or "strength" not in self.variant.parameters.model_fields:
            return None
        plain, masked = inputs.strengths
        strength: float | None = masked if self.has("mask") else plain
        return strength

    def default_of(self, name: str) -> Any:
        """A parameter's default, as JSON."""
        default = self.variant.parameters.model_fields[name].default
        return getattr(default, "value", default)

    @property
    def pictures(self) -> list[str]:
        """The pictures to edit or to paint from."""
        given = [self.values.get("image"), *_listed(self.values.get("images"))]
        return [each for each in given if isinstance(each, str) and each]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height as they are given; None where a picture or the model gives them."""
        width, height = self.values.get("width"), self.values.get("height")
        if isinstance(width, int) and isinstance(height, int):
            return width, height
        limits = getattr(self.variant.parameters, "limits", None)
        ratio = self.values.get("aspect_ratio")
        if isinstance(ratio, str) and RATIO.fullmatch(ratio):
            return _of_ratio(ratio, limits)
        if not isinstance(limits, FluxLimits) or self.has("image", "images", "control_image"):
            return None
        return limits.side, limits.side

    @property
    def has_several_texts(self) -> bool:
        """True for a question of several things, which other services have no words for."""
        return len(_listed(self.values.get("text"))) > 1

    @property
    def questions(self) -> Sequence[tuple[Florence2Task, str]]:
        """The tasks of an analysis, each with its text; "" where it takes none."""
        tokens = _listed(self.values.get("tasks")) or [self.values.get("task")]
        text = " ".join(map(str, _listed(self.values.get("text"))))
        tasks = [BY_TOKEN[token] for token in tokens if token in BY_TOKEN]
        return [(task, text if task.takes_text else "") for task in tasks]


def _of_ratio(ratio: str, limits: Any) -> tuple[int, int]:
    if isinstance(limits, FluxLimits):
        return size_for_ratio(ratio, limits.side**2, limits.step)
    across, down = map(int, ratio.split(":"))
    return across * _UNIT, down * _UNIT


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return list(value)
    return [] if value is None else [value]
