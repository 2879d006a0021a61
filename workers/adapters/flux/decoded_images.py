"""Conversion of a VAE's output to pictures."""

import torch
from PIL import Image

from workers.adapters.protocol import InvalidOutputError


def as_pictures(decoded: torch.Tensor) -> list[Image.Image]:
    """RGB pictures from a tensor (n, 3, height, width) of values 0 to 1.

    Raises:
        InvalidOutputError: a value is not finite. Cast to bytes it would be black, and a black
            picture may be a correct result.
    """
    if not bool(torch.isfinite(decoded).all()):
        raise InvalidOutputError("the model's numbers ran out of range: there is no picture")
    levels = (decoded.float().permute(0, 2, 3, 1).cpu() * 255).round().to(torch.uint8).numpy()
    return [Image.fromarray(each) for each in levels]
