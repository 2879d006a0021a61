"""The fields of fal's Florence-2 applications as native input."""

from collections.abc import Callable, Mapping
from typing import Any

from api.compat.fal.names import FLORENCE2_PATHS, FalApp
from api.compat.shared.measured_pictures import MeasuredPicture
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog.florence2.region import from_bins

MeasurePicture = Callable[[str], MeasuredPicture]
"""Stores and measures the picture of the field `image_url`."""

_CORNERS = ("x1", "y1", "x2", "y2")


def translate_florence2(
    app: FalApp, fields: Mapping[str, Any], measure: MeasurePicture
) -> Translation:
    """The native input for the fields of a request; a null field is absent.

    Args:
        app: the application.
        fields: the fields of the request.
        measure: stores and measures the picture, where a region in thousandths needs its size.

    Raises:
        api.core.domain_errors.InvalidSubmissionError: the region is none, or the picture cannot be
            used.
    """
    task = FLORENCE2_PATHS[app.path]
    translation = Translation(app.variant)
    translation.input["task"] = task.token
    translation.put("image", as_native(fields.get("image_url")), "image_url")
    if task.takes_text:
        translation.put("text", fields.get("text_input"), "text_input")
        translation.rename(("text",), "text_input")
    elif task.takes_region:
        _put_region(translation, fields, measure)
    if task.places and not _is_text_about_region(app.path):
        translation.input["artifacts"] = ["overlay"]
    translation.rename(("image",), "image_url")
    translation.rename(("region",), "region")
    translation.accept("sync_mode")
    translation.ignore_rest(fields)
    return translation


def _is_text_about_region(path: str) -> bool:
    return path in ("region-to-category", "region-to-description")


def _put_region(
    translation: Translation, fields: Mapping[str, Any], measure: MeasurePicture
) -> None:
    region, image = fields.get("region"), translation.input.get("image")
    translation.accept("region")
    if region is None or not isinstance(image, str):
        return  # The model's own check says what is missing.
    corners = _corners(region)
    picture = measure(image)
    translation.input["image"] = picture.name
    translation.put("region", from_bins(corners, picture.size), "region")


def _corners(region: Any) -> tuple[int, int, int, int]:
    if not isinstance(region, Mapping):
        message = "should be {x1, y1, x2, y2}, in thousandths of the picture's sides"
        raise InvalidSubmissionError.of_field(("region",), message, "region")
    left, top, right, bottom = (_corner(region.get(name), name) for name in _CORNERS)
    return left, top, right, bottom


def _corner(value: Any, name: str) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= 999:  # noqa: PLR2004 - Florence-2's own bins
        message = "should be a whole number from 0 to 999, in thousandths of the picture's side"
        raise InvalidSubmissionError.of_field((f"region.{name}",), message, "region")
    return value
