"""FLUX.2 [klein] inpainting with reference pictures of any number and shape.

diffusers' class crops all references to the shape of the first, scales none down where there are
several, and, where their number equals the batch size, uses one reference for each painted
picture. Here every painted picture uses all references, each in its own shape, as
`Flux2KleinPipeline` does.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import Flux2KleinInpaintPipeline
from PIL import Image
from PIL.Image import Resampling

REFERENCE_PIXELS = 1024 * 1024
"""Most pixels of a reference; a larger one is scaled down."""


class KleinInpaintPipeline(Flux2KleinInpaintPipeline):  # type: ignore[misc]  # has no types
    """`Flux2KleinInpaintPipeline`, whose `image_reference` is a list of pictures."""

    _references: Sequence[Image.Image] = ()

    def __call__(
        self, *, image_reference: Sequence[Image.Image] | None = None, **arguments: Any
    ) -> Any:
        """Paint; see diffusers' class for the arguments."""
        self._references = image_reference or ()
        try:
            return super().__call__(**arguments)
        finally:
            self._references = ()

    def prepare_image_latents(
        self, images: list[torch.Tensor], *arguments: Any, **named: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The latents and position ids of the inpainted picture and of all references."""
        references = [self._pixels(picture) for picture in self._references]
        latents: tuple[torch.Tensor, torch.Tensor] = super().prepare_image_latents(
            [*images, *references], *arguments, **named
        )
        return latents

    def _pixels(self, picture: Image.Image) -> torch.Tensor:
        """A reference as (1, 3, height, width), -1 to 1, with sides that suit the transformer."""
        step = 2 * self.vae_scale_factor
        small = shrink(picture)
        width, height = (side // step * step for side in small.size)
        pixels: torch.Tensor = self.image_processor.preprocess(
            small, height=height, width=width, resize_mode="crop"
        )
        return pixels


def shrink(picture: Image.Image) -> Image.Image:
    """The picture scaled down to at most `REFERENCE_PIXELS`, in its own shape."""
    scale = math.sqrt(REFERENCE_PIXELS / (picture.width * picture.height))
    if scale >= 1:
        return picture
    size = int(picture.width * scale), int(picture.height * scale)
    return picture.resize(size, Resampling.LANCZOS)
