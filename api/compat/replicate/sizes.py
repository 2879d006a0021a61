"""The size of a picture, as the fields of a Replicate request ask for it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotated_types import Le, MultipleOf

from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog.flux.sizes import RATIO, SIDE_STEP, size_for_ratio

_SIDES = ("width", "height", "size")
_AREAS = ("megapixels", "output_megapixels", "resolution")
_CUSTOM = "custom"
_MATCHING = ("match_input_image", "match_input")
_HOSTED_SIDE = 1024
_MAX_RATIO = 99

_SIZE = re.compile(r"([0-9]{1,5})\s*[xX*]\s*([0-9]{1,5})", re.IGNORECASE)
_AREA = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*(?:MP)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Canvas:
    """A variant's usual square, and what its sides must be.

    Attributes:
        side: the side of the usual square, pixels.
        step: sides are multiples of this.
        longest: the longest side, pixels.
    """

    side: int
    step: int
    longest: int

    def size_of(self, ratio: str, area: float) -> tuple[int, int]:
        """The size of a ratio, shrunk until its longer side fits.

        Args:
            ratio: width to height, such as "16:9".
            area: the area, as a multiple of the usual square's.
        """
        across, down = map(int, ratio.split(":"))
        most = self.longest**2 * min(across, down) / max(across, down)
        pixels = min(self.side**2 * area, most)
        width, height = size_for_ratio(ratio, int(pixels), self.step)
        return min(width, self._most), min(height, self._most)

    @property
    def _most(self) -> int:
        return self.longest // self.step * self.step


def put_size(t: Translation, fields: Mapping[str, Any], *, has_picture: bool) -> None:
    """Translate the fields that say how large the picture is.

    `aspect_ratio` wins over a width and height, which count without it or with "custom". Megapixels
    are multiples of the variant's usual area.

    Args:
        t: the translation.
        fields: the input as it was sent.
        has_picture: true when a picture gives the size where none is asked for.

    Raises:
        InvalidSubmissionError: a field cannot be read.
    """
    ratio, area = fields.get("aspect_ratio"), _area(t, fields)
    t.accept("aspect_ratio")
    if ratio in _MATCHING:
        _ignore(t, fields, *_SIDES, reason="the picture's own size is used")
    elif ratio not in (None, _CUSTOM):
        _ignore(t, fields, *_SIDES, reason="aspect_ratio is given")
        _put_ratio(t, ratio, area)
    elif not _put_sides(t, fields) and area != 1 and not has_picture:
        _put_ratio(t, "1:1", area)
        return
    if area != 1 and (ratio in (None, _CUSTOM, *_MATCHING) or not t.takes("width")):
        _ignore(t, fields, *_AREAS, reason="it goes with an aspect_ratio alone")


def _put_sides(t: Translation, fields: Mapping[str, Any]) -> bool:
    """Put a width and height; False where the request has none."""
    width, height, size = (fields.get(name) for name in ("width", "height", "size"))
    names = ("width", "height")
    if width is None and height is None and size is not None:
        width, height = _parsed_size(size)
        names = ("size", "size")
    if width is None and height is None:
        return False
    if t.takes("width"):
        t.put("width", width, names[0])
        t.put("height", height, names[1])
    elif (ratio := _shape(width, height)) is not None:
        t.put("aspect_ratio", ratio, names[0])
        t.accept(*names)
        if t.takes("aspect_ratio"):
            t.adjust(names[0], f"its shape counts alone, {ratio}")
    return True


def _parsed_size(size: Any) -> tuple[int, int]:
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise _refusal("size", "must read WIDTHxHEIGHT, such as 1024x768")
    return int(match[1]), int(match[2])


def _shape(width: Any, height: Any) -> str | None:
    """The ratio of two sides in small numbers; None where there is none."""
    if type(width) is not int or type(height) is not int or min(width, height) < 1:
        return None
    divisor = math.gcd(width, height)
    across, down = width // divisor, height // divisor
    return f"{across}:{down}" if max(across, down) <= _MAX_RATIO else None


def _put_ratio(t: Translation, ratio: Any, area: float) -> None:
    if t.takes("aspect_ratio") and (area == 1 or not t.takes("width")):
        t.put("aspect_ratio", ratio, "aspect_ratio")
    elif not t.takes("width"):
        t.ignore("aspect_ratio")
    elif not isinstance(ratio, str) or not RATIO.fullmatch(ratio):
        raise _refusal("aspect_ratio", "must read WIDTH:HEIGHT, such as 16:9")
    else:
        width, height = _canvas(t).size_of(ratio, area)
        t.put("width", width, "aspect_ratio")
        t.put("height", height, "aspect_ratio")


def _canvas(t: Translation) -> _Canvas:
    limits = getattr(t.variant.parameters, "limits", None)
    if limits is not None:
        return _Canvas(limits.side, limits.step, limits.max_side)
    rules = t.variant.parameters.model_fields["width"].metadata
    steps = (int(str(rule.multiple_of)) for rule in rules if isinstance(rule, MultipleOf))
    longest = (int(str(rule.le)) for rule in rules if isinstance(rule, Le))
    return _Canvas(_HOSTED_SIDE, next(steps, SIDE_STEP), next(longest, 4 * _HOSTED_SIDE))


def _area(t: Translation, fields: Mapping[str, Any]) -> float:
    """The area as a multiple of the usual one; 1 where none is asked for."""
    given = [(name, fields[name]) for name in _AREAS if fields.get(name) is not None]
    t.accept(*(name for name, _ in given))
    for name, value in given:
        if value in _MATCHING:
            continue
        match = _AREA.fullmatch(str(value)) if isinstance(value, str | int | float) else None
        if match is None or not float(match[1]):
            raise _refusal(name, "must be a number of megapixels, such as 1")
        return float(match[1])
    return 1.0


def _ignore(t: Translation, fields: Mapping[str, Any], *names: str, reason: str) -> None:
    for name in names:
        if fields.get(name) is not None:
            t.ignore(name, reason)


def _refusal(field: str, message: str) -> InvalidSubmissionError:
    return InvalidSubmissionError.of_field((field,), message)
