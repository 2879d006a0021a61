"""The pictures that a FLUX variant accepts beside its prompt, and their valid combinations."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from workers.catalog.flux.fit import CROP, Fit
from workers.catalog.flux.masks import MaskGrain
from workers.catalog.validation import refusal
from workers.catalog.variant import Picture

EXAMPLE_PICTURE = "https://example.org/picture.png"
EXAMPLE_MASK = "https://example.org/mask.png"

# Not strict: JSON has lists, no tuples.
References = Annotated[tuple[Picture, ...], Field(strict=False)]


class Presence(StrEnum):
    """The rule for one input picture: not accepted, optional or required."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class FluxInputs:
    """The input pictures that a variant accepts.

    Attributes:
        image: the picture to change or to paint from.
        mask: the area of `image` to repaint.
        strengths: the defaults of `strength` without and with a mask, None where it has no
            effect: 0 keeps the picture, 1 keeps nothing of it.
        references: most pictures in `images`.
        control: true when a finished control map may replace `image`.
        max_masked_pixels: most pixels of a picture that is painted with a mask; None for the
            variant's own limit.
        mask_grain: the places at which its pipeline reads a mask.
        image_description: the use of `image`, for people.
    """

    image: Presence = Presence.NONE
    mask: Presence = Presence.NONE
    strengths: tuple[float | None, float | None] = (None, None)
    references: int = 0
    control: bool = False
    max_masked_pixels: int | None = None
    mask_grain: MaskGrain = MaskGrain.LATENT
    image_description: str = ""

    def fields(self) -> dict[str, Any]:
        """The parameters, as `pydantic.create_model` takes them."""
        every = {
            "image": self._image(),
            "mask": self._mask(),
            "images": self._images(),
            "control_image": self._control_image(),
            "fit": self._fit(),
            "strength": self._strength(),
        }
        return {name: field for name, field in every.items() if field}

    @property
    def fits(self) -> tuple[bool, bool]:
        """True where a picture is brought to the output's size: without and with a mask.

        References and the picture that an editing model reads keep their own shape.
        """
        return self.strengths[0] is not None or self.control, self.mask is not Presence.NONE

    def _image(self) -> Any:
        if self.image is Presence.NONE:
            return None
        required = self.image is Presence.REQUIRED and not self.control and not self.references
        return _picture(self.image_description, EXAMPLE_PICTURE, required=required)

    def _mask(self) -> Any:
        if self.mask is Presence.NONE:
            return None
        means = "The area of image to repaint: white there, black or transparent where it "
        means += "stays; of the same size as image."
        return _picture(means, EXAMPLE_MASK, required=self.mask is Presence.REQUIRED)

    def _images(self) -> Any:
        if not self.references:
            return None
        return (
            References,
            Field(
                default=(),
                max_length=self.references,
                description=f"Up to {self.references} pictures to paint from or to edit, in the "
                "order in which the prompt names them.",
                examples=[[EXAMPLE_PICTURE]],
            ),
        )

    def _control_image(self) -> Any:
        if not self.control:
            return None
        means = "A finished map, in place of image, from which one is made otherwise."
        return _picture(means, EXAMPLE_PICTURE, required=False)

    def _fit(self) -> Any:
        if not any(self.fits):
            return None
        return (Fit, Field(default=CROP, description=self._fit_means(), examples=["pad"]))

    def _fit_means(self) -> str:
        plain, masked = self.fits
        means = "How a picture is brought to a size of another shape (less than a step is "
        means += "rounding). crop: it fills the output, and what stands out on two sides is cut "
        means += "off. pad: all of it is in the output, and the rest is "
        if self.control:
            means += "black in its map: no outlines, or far away"
        else:
            cases = ["painted, as if the mask were white there"] if masked else []
            cases += ["filled with the pixels of its edges, without a mask"] if plain else []
            means += "; ".join(cases)
        return f"{means}. stretch: its shape changes."

    def _strength(self) -> Any:
        plain, masked = self.strengths
        if plain is None and masked is None:
            return None
        defaults = [
            f"{value} {case}"
            for value, case in ((plain, "without a mask"), (masked, "with one"))
            if value is not None
        ]
        return (
            float | None,
            Field(
                default=None,
                gt=0,
                le=1,
                description="How much is repainted: near 0 hardly anything, at 1 all of it. "
                f"Absent: {', '.join(defaults)}.",
                examples=[plain or masked],
            ),
        )


def _picture(means: str, example: str, *, required: bool) -> Any:
    if required:
        return (Picture, Field(min_length=1, description=means, examples=[example]))
    return (Picture | None, Field(default=None, description=means, examples=[example]))


def check_combination(inputs: FluxInputs, parameters: dict[str, Any]) -> None:
    """Refuse pictures that cannot be combined.

    Args:
        inputs: the pictures that the variant accepts.
        parameters: the picture parameters, `strength` and `fit`, falsy where absent.

    Raises:
        pydantic.ValidationError: they cannot be combined.
    """
    image, images, mask = parameters.get("image"), parameters.get("images"), parameters.get("mask")
    if mask and not image:
        raise refusal("mask", "mask_without_image", "a mask needs the image that it is for", mask)
    if image and images and not mask:
        message = "give image or images; both go together with a mask alone"
        raise refusal("images", "pictures_given_twice", message, images)
    if inputs.control and bool(image) == bool(parameters.get("control_image")):
        message = "give either control_image or the image that its map is made from"
        raise refusal(
            "control_image", "control_given_once", message, parameters.get("control_image")
        )
    if inputs.image is Presence.REQUIRED and not (
        image or images or parameters.get("control_image")
    ):
        raise refusal(
            "image", "missing", "this model paints from a picture, and none is given", None
        )
    _check_strength(inputs, parameters)
    _check_fit(inputs, parameters)


def _check_fit(inputs: FluxInputs, parameters: dict[str, Any]) -> None:
    fit = parameters.get("fit")
    if fit in (None, CROP):
        return
    plain, masked = inputs.fits
    has_picture = bool(parameters.get("image") or parameters.get("control_image"))
    if not has_picture or not (masked if parameters.get("mask") else plain):
        needs = "image and mask" if not plain else "image"
        message = f"fit says how a picture is brought to the output's size: give {needs} with it"
        raise refusal("fit", "fit_without_image", message, fit)


def _check_strength(inputs: FluxInputs, parameters: dict[str, Any]) -> None:
    strength = parameters.get("strength")
    if strength is None:
        return
    plain, masked = inputs.strengths
    if (masked if parameters.get("mask") else plain) is None or not parameters.get("image"):
        needs = "image" if plain is not None else "image and mask"
        message = f"strength says how much of a picture is repainted: give {needs} with it"
        raise refusal("strength", "strength_without_image", message, strength)
