"""The pictures a FLUX variant takes beside its prompt, and which of them go together."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from workers.catalog.validation import refusal
from workers.catalog.variant import Picture

EXAMPLE_PICTURE = "https://example.org/picture.png"
EXAMPLE_MASK = "https://example.org/mask.png"

# Not strict: what comes as JSON is a list.
References = Annotated[tuple[Picture, ...], Field(strict=False)]


class Taken(StrEnum):
    """Whether a variant takes a picture."""

    NO = "no"
    OPTIONALLY = "optionally"
    ALWAYS = "always"


@dataclass(frozen=True)
class FluxInputs:
    """What a variant takes.

    Attributes:
        image: the picture that is changed, or painted from.
        mask: where `image` is to be painted anew.
        strengths: the defaults of `strength` without and with a mask, None where it has no
            say: 0 keeps the picture, 1 keeps nothing of it.
        references: most pictures in `images`.
        control: whether a finished map may take the place of `image`.
        masked_pixels: most pixels of a picture that is painted with a mask, None where they are
            those of any other.
        image_means: what is done with `image`, for people.
    """

    image: Taken = Taken.NO
    mask: Taken = Taken.NO
    strengths: tuple[float | None, float | None] = (None, None)
    references: int = 0
    control: bool = False
    masked_pixels: int | None = None
    image_means: str = ""

    def fields(self) -> dict[str, Any]:
        """The parameters, as `pydantic.create_model` takes them."""
        every = {
            "image": self._image(),
            "mask": self._mask(),
            "images": self._images(),
            "control_image": self._control_image(),
            "strength": self._strength(),
        }
        return {name: field for name, field in every.items() if field}

    def _image(self) -> Any:
        if self.image is Taken.NO:
            return None
        required = self.image is Taken.ALWAYS and not self.control and not self.references
        return _picture(self.image_means, EXAMPLE_PICTURE, required=required)

    def _mask(self) -> Any:
        if self.mask is Taken.NO:
            return None
        means = "Where image is painted anew: white there, black or transparent where it "
        means += "stays; of its size."
        return _picture(means, EXAMPLE_MASK, required=self.mask is Taken.ALWAYS)

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

    def _strength(self) -> Any:
        plain, masked = self.strengths
        if plain is None and masked is None:
            return None
        told = [
            f"{value} {how}"
            for value, how in ((plain, "without a mask"), (masked, "with one"))
            if value is not None
        ]
        return (
            float | None,
            Field(
                default=None,
                gt=0,
                le=1,
                description="How much is painted anew: near 0 hardly anything, at 1 all of it. "
                f"Absent: {', '.join(told)}.",
                examples=[plain or masked],
            ),
        )


def _picture(means: str, example: str, *, required: bool) -> Any:
    if required:
        return (Picture, Field(min_length=1, description=means, examples=[example]))
    return (Picture | None, Field(default=None, description=means, examples=[example]))


def check_together(inputs: FluxInputs, given: dict[str, Any]) -> None:
    """Refuse pictures that make no sense together.

    Args:
        inputs: what the variant takes.
        given: the picture parameters and `strength`, falsy where absent.

    Raises:
        pydantic.ValidationError: they do not fit each other.
    """
    image, images, mask = given.get("image"), given.get("images"), given.get("mask")
    if mask and not image:
        raise refusal("mask", "mask_without_image", "a mask needs the image that it is for", mask)
    if image and images and not mask:
        message = "give image or images; both go together with a mask alone"
        raise refusal("images", "pictures_given_twice", message, images)
    if inputs.control and bool(image) == bool(given.get("control_image")):
        message = "give either control_image or the image that its map is made from"
        raise refusal("control_image", "control_given_once", message, given.get("control_image"))
    if inputs.image is Taken.ALWAYS and not (image or images or given.get("control_image")):
        raise refusal("image", "missing", "this model paints from a picture: give image", None)
    _check_strength(inputs, given)


def _check_strength(inputs: FluxInputs, given: dict[str, Any]) -> None:
    strength = given.get("strength")
    if strength is None:
        return
    plain, masked = inputs.strengths
    if (masked if given.get("mask") else plain) is None or not given.get("image"):
        needs = "image" if plain is not None else "image and mask"
        message = f"strength says how much of a picture is painted anew: give {needs} with it"
        raise refusal("strength", "strength_without_image", message, strength)
