"""The memory that a VAE takes to decode a picture, and decoding in tiles where it is not there."""

from typing import Any

_COPIES = 3
"""Tensors of the picture's full size that the decoder's last block holds at once."""


def decoding_bytes(vae: Any, size: tuple[int, int]) -> int:
    """The most that the decoding of one picture takes, about.

    For the VAE of FLUX in 16 bits: 1.6, 3.2 and 6.4 GB at one, two and four megapixels.

    Args:
        vae: the pipeline's VAE.
        size: width and height in pixels.
    """
    channels = vae.config.block_out_channels
    widest = channels[min(1, len(channels) - 1)]
    return int(size[0] * size[1] * _COPIES * widest * vae.dtype.itemsize)


def tile_if_needed(vae: Any, size: tuple[int, int], free_bytes: int) -> None:
    """Decode the next pictures in tiles if their memory is not there, and at once if it is.

    The seams between tiles are blended, so a picture is better decoded at once.

    Args:
        vae: the pipeline's VAE.
        size: width and height in pixels.
        free_bytes: memory of the device that is free; 0 to decode in tiles in any case.
    """
    if decoding_bytes(vae, size) > free_bytes:
        vae.enable_tiling()
    else:
        vae.disable_tiling()
