"""From what a VAE decoded to pictures."""

import torch
from PIL import Image

from workers.adapters.protocol import InvalidOutputError


def as_pictures(decoded: torch.Tensor) -> list[Image.Image]:
    """RGB pictures of decoded ones, (n, 3, height, width), 0 to 1.

    Raises:
        InvalidOutputError: not every number of them is finite. Cast to bytes it would be black,
            and a black picture may have been asked for.
    """
    if not bool(torch.isfinite(decoded).all()):
        raise InvalidOutputError("the model's numbers ran out of range: there is no picture")
    levels = (decoded.float().permute(0, 2, 3, 1).cpu() * 255).round().to(torch.uint8).numpy()
    return [Image.fromarray(each) for each in levels]
