"""Checks of pictures that can change nothing: masks without white, control maps of one colour."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from PIL import Image
from pydantic import BaseModel

from api.core.domain_errors import InvalidSubmissionError
from api.jobs.effects import NO_EFFECT
from api.services import Services
from db.jobs.types import RequestWarning
from db.values import pictures
from db.values.mask_levels import HALF_WHITE, MaskLevels, dark_reason, levels_of
from db.values.pictures import PictureLimits
from workers.catalog.flux.fit import STRETCH, Fit
from workers.catalog.flux.masks import Repainted, measure_mask
from workers.catalog.flux.parameters import FluxParameters

CHECKED = ("mask", "control_image")
"""The parameters whose picture is checked."""

FINE, WHOLE, COLOURED = "mask_too_fine", "mask_is_white", "mask_is_coloured"
"""The codes of warnings about a mask: mostly too fine for the model, white everywhere, and a
coloured picture with transparent parts."""


@dataclass(frozen=True)
class PictureChecks:
    """The checks of one tenant's submission, within the budget for decoding."""

    services: Services
    tenant_id: str

    def check(self, name: str, parameters: BaseModel, data: bytes) -> list[RequestWarning]:
        """The warnings about a picture, see `api.jobs.adjustments.in_words_of`.

        Args:
            name: the parameter that names it, one of `CHECKED`.
            parameters: the parsed input, with its size.
            data: the picture's file.

        Raises:
            InvalidSubmissionError: it is a mask that selects nothing.
            db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
            db.values.pictures.PictureError: it does not decode.
        """
        if not isinstance(parameters, FluxParameters):
            return []
        if name == "mask":
            return list(self._check_mask(parameters, data))
        return list(self._check_map(data))

    def _check_map(self, data: bytes) -> Iterator[RequestWarning]:
        with self._decoded(data, "white") as picture:
            is_flat = len(picture.getcolors(1) or ()) == 1
        if is_flat:
            message = "it has one colour: no outlines and no depths to keep"
            yield RequestWarning(NO_EFFECT, "control_image", message)

    def _check_mask(self, parameters: FluxParameters, data: bytes) -> Iterator[RequestWarning]:
        with self._decoded(data, "black") as mask:
            levels, repainted = levels_of(mask), _repainted(mask, parameters)
            is_cut_off = not repainted.read and bool(_repainted(mask, parameters, STRETCH).read)
        if not repainted.read:
            raise self._refusal(parameters, data, levels, repainted, is_cut_off=is_cut_off)
        if levels.is_coloured and self._has_transparency(data):
            message = "it is a coloured picture: its bright parts are repainted, not its clear ones"
            yield RequestWarning(COLOURED, "mask", message)
        yield from _warnings(parameters, repainted)

    def _refusal(
        self,
        parameters: FluxParameters,
        data: bytes,
        levels: MaskLevels,
        repainted: Repainted,
        *,
        is_cut_off: bool,
    ) -> InvalidSubmissionError:
        if levels.brightest < HALF_WHITE:
            reason = dark_reason(data, levels, self._limits, self._reserve)
            message = f"nothing in the mask is white: {reason}"
        elif is_cut_off:
            message = "fit crop cuts off all that is white in the mask: give another fit or size"
        else:
            message = _too_fine(parameters, repainted)
        return InvalidSubmissionError.of_field(["input", "mask"], message, "mask_selects_nothing")

    def _has_transparency(self, data: bytes) -> bool:
        return pictures.transparent_area(data, self._limits, self._reserve) is not None

    @contextmanager
    def _decoded(self, data: bytes, background: str) -> Iterator[Image.Image]:
        """A picture as the worker decodes it; its pixels are reserved while it is looked at."""
        with ExitStack() as held:

            def reserve(pixels: int) -> AbstractContextManager[object]:
                held.enter_context(self._reserve(pixels))
                return nullcontext()

            yield pictures.decode(data, self._limits, background, reserve)

    @property
    def _limits(self) -> PictureLimits:
        settings = self.services.settings
        return PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)

    def _reserve(self, pixels: int) -> AbstractContextManager[object]:
        return self.services.decode_budget.reserve(self.tenant_id, pixels)


def _repainted(mask: Image.Image, parameters: FluxParameters, fit: Fit | None = None) -> Repainted:
    return measure_mask(
        mask,
        parameters.size,
        fit or parameters.get("fit"),
        parameters.limits.step,
        parameters.inputs.mask_grain,
    )


def _too_fine(parameters: FluxParameters, repainted: Repainted) -> str:
    width, height = parameters.size
    return (
        f"the white of the mask is too small: at {width} x {height} pixels, the size of the "
        f"output, the model reads it in squares of {repainted.side}; make it at least "
        f"{2 * repainted.side} pixels wide and high there"
    )


def _warnings(parameters: FluxParameters, repainted: Repainted) -> Iterator[RequestWarning]:
    if 2 * repainted.read < repainted.white:
        share = 100 * repainted.read / repainted.white
        message = f"the model reads it in squares of {repainted.side} pixels: about {share:.0f} % "
        yield RequestWarning(FINE, "mask", f"{message}of its white is repainted; paint it broader")
    if repainted.read == repainted.pixels and parameters.effective_strength == 1:
        message = "it is white everywhere: nothing of the image is kept"
        yield RequestWarning(WHOLE, "mask", message)
