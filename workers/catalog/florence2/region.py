"""A region of a picture: its form as a parameter, and its tokens for Florence-2."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from workers.catalog.validation import refusal
from workers.catalog.variant import PictureSize

BINS = 1000
"""Florence-2 expresses coordinates in thousandths of the picture's width and height."""

_Edge = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_Corners = tuple[_Edge, _Edge, _Edge, _Edge]


def _of_four(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) != len(_NAMES):
        message = f"takes four numbers, [{', '.join(_NAMES)}], not {len(value)}"
        raise PydanticCustomError("region_length", "{message}", {"message": message})
    return value


_NAMES = ("x1", "y1", "x2", "y2")


def _ordered(corners: _Corners) -> _Corners:
    left, top, right, bottom = corners
    if not (left < right and top < bottom):
        message = "the region must read [x1, y1, x2, y2], x1 < x2 and y1 < y2"
        raise PydanticCustomError("region_order", message)
    return corners


Region = Annotated[
    _Corners,
    AfterValidator(_ordered),
    BeforeValidator(_of_four),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "number", "minimum": 0},
            "minItems": 4,
            "maxItems": 4,
        }
    ),
]
"""`[x1, y1, x2, y2]`: a box in pixels, x to the right and y down from the upper left corner."""


def refuse_unreadable(region: _Corners | None, size: PictureSize) -> None:
    """Refuse a region that is not inside its picture, or so small that the model sees no area.

    Raises:
        pydantic.ValidationError: it extends beyond the picture's right or lower edge, or it is
            smaller than a pixel or the model's own unit.
    """
    if region is None:
        return
    width, height = size
    if region[2] > width or region[3] > height:
        message = f"the region reaches beyond the picture, which is {width} x {height} pixels"
        raise refusal("region", "outside_picture", message, region)
    if _is_too_small(region, size):
        raise refusal("region", "region_too_small", _too_small(region, size), region)


def _is_too_small(region: _Corners, size: PictureSize) -> bool:
    left, top, right, bottom = as_bins(region, size)
    has_pixels = region[2] - region[0] >= 1 and region[3] - region[1] >= 1
    return not has_pixels or left == right or top == bottom


def _too_small(region: _Corners, size: PictureSize) -> str:
    # One pixel more than a bin reaches into the next one, wherever it begins.
    wide, high = (side // BINS + 1 for side in size)
    message = (
        f"the region is {region[2] - region[0]:.4g} x {region[3] - region[1]:.4g} pixels, smaller "
        f"than the model can be told: at least {wide} x {high} in this picture"
    )
    if max(region) > 1:
        return message
    return f"{message}; give pixels, not shares of its {size[0]} x {size[1]}"


def as_tokens(region: _Corners, size: PictureSize) -> str:
    """A region as Florence-2 reads it: `<loc_x1><loc_y1><loc_x2><loc_y2>`.

    Each coordinate is floor(x / (side / 1000)), at most 999: the model's own processor quantises
    boxes in the same way.
    """
    return "".join(f"<loc_{number}>" for number in as_bins(region, size))


def as_bins(region: _Corners, size: PictureSize) -> list[int]:
    """The four numbers from 0 to 999 of a region's tokens."""
    sides = (*size, *size)
    return [_bin(edge, side) for edge, side in zip(region, sides, strict=True)]


def from_bins(bins: Sequence[int], size: PictureSize) -> list[float]:
    """The region in pixels that `as_tokens` writes as these four numbers from 0 to 999.

    Each edge is the middle of its bin: `(bin + 0.5) * side / 1000`.
    """
    sides = (*size, *size)
    return [(number + 0.5) * side / BINS for number, side in zip(bins, sides, strict=True)]


def _bin(edge: float, side: int) -> int:
    return min(max(math.floor(edge / (side / BINS)), 0), BINS - 1)
