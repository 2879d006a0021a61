"""Presets of a picture's size: common aspect ratios, with the model's default area."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.catalog.flux.sizes import size_for_ratio

RATIOS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")


@dataclass(frozen=True)
class Shape:
    """One preset; `width` and `height`, in pixels, are None where only the model knows them."""

    ratio: str
    width: int | None
    height: int | None

    @property
    def icon(self) -> tuple[float, float]:
        """Width and height of a rectangle with this aspect ratio, the longer side 12."""
        across, down = map(int, self.ratio.split(":"))
        longer = max(across, down)
        return 12 * across / longer, 12 * down / longer


def shapes(known: Mapping[str, Mapping[str, Any]], step: int) -> tuple[Shape, ...]:
    """The presets that a model accepts.

    Args:
        known: the schemas of its parameters.
        step: both sides are multiples of this.
    """
    if "width" not in known:
        return tuple(Shape(ratio, None, None) for ratio in RATIOS)
    area = known["width"]["examples"][0] * known["height"]["examples"][0]
    sized = [Shape(ratio, *size_for_ratio(ratio, area, step)) for ratio in RATIOS]
    return tuple(shape for shape in sized if _fits(shape, known))


def _fits(shape: Shape, known: Mapping[str, Mapping[str, Any]]) -> bool:
    sides = (("width", shape.width or 0), ("height", shape.height or 0))
    return all(_within(known[name], side) for name, side in sides)


def _within(schema: Mapping[str, Any], side: int) -> bool:
    limits = next((each for each in schema.get("anyOf", ()) if "minimum" in each), schema)
    return bool(limits.get("minimum", 0) <= side <= limits.get("maximum", side))
