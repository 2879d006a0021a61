"""FLUX.2 [klein] painting into a mask, with pictures of any number and shape to paint from.

diffusers' class crops all of them to the shape of the first, makes none smaller where there are
several, and, where there are as many as pictures are painted at once, gives each of these one of
them. Here every painted picture is given all, each in its own shape, as `Flux2KleinPipeline` does.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import Flux2KleinInpaintPipeline
from PIL import Image
from PIL.Image import Resampling

REFERENCE_PIXELS = 1024 * 1024
"""Most pixels of a picture to paint from; a larger one is made smaller."""


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
        """The latents and position ids of the picture painted into and of all references."""
        references = [self._pixels(picture) for picture in self._references]
        made: tuple[torch.Tensor, torch.Tensor] = super().prepare_image_latents(
            [*images, *references], *arguments, **named
        )
        return made

    def _pixels(self, picture: Image.Image) -> torch.Tensor:
        """A reference as (1, 3, height, width), -1 to 1, sides that the transformer can take."""
        step = 2 * self.vae_scale_factor
        small = shrunk(picture)
        width, height = (side // step * step for side in small.size)
        pixels: torch.Tensor = self.image_processor.preprocess(
            small, height=height, width=width, resize_mode="crop"
        )
        return pixels


def shrunk(picture: Image.Image) -> Image.Image:
    """A picture of at most `REFERENCE_PIXELS`, in its shape."""
    scale = math.sqrt(REFERENCE_PIXELS / (picture.width * picture.height))
    if scale >= 1:
        return picture
    size = int(picture.width * scale), int(picture.height * scale)
    return picture.resize(size, Resampling.LANCZOS)
