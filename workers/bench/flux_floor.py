"""The least time in which a device can paint, by arithmetic."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from workers.bench.flux_sizes import PATCH_PIXELS, FluxShape, new_transformer, new_vae
from workers.bench.interleaving import medians, seconds_of

_PRODUCTS = 20
"""Of matrices, one after another, in one measurement of a device's peak."""


@dataclass(frozen=True)
class Floor:
    """What one picture costs.

    Attributes:
        parameters: of the transformer.
        step_flops: of one denoising step.
        decode_flops: of the VAE's decoding.
    """

    parameters: int
    step_flops: float
    decode_flops: float

    def seconds(self, peak: float, *, steps: int, pictures: int) -> float:
        """`pictures * (steps * step + decode) / peak`; the prompts are kept already.

        Args:
            peak: operations a second.
            steps: of each picture.
            pictures: of the call.
        """
        return pictures * (steps * self.step_flops + self.decode_flops) / peak


def count(shape: FluxShape, *, side: int, words: int) -> Floor:
    """Count the operations of a model without weights.

    A transformer of T tokens and width d does about 2 * T * (the weights that tokens pass through)
    + 4 * T² * d for each block; a multiplication with an addition counts as two.

    Args:
        shape: of the model.
        side: of the square picture, in pixels.
        words: tokens of the prompt.
    """
    where: dict[str, Any] = {"device": "meta", "dtype": torch.bfloat16}
    transformer = new_transformer(shape, **where)
    vae = new_vae(shape, **where)
    return Floor(
        parameters=sum(parameter.numel() for parameter in transformer.parameters()),
        step_flops=_step_flops(transformer, side, words),
        decode_flops=_decode_flops(vae, side),
    )


def _step_flops(transformer: Any, side: int, words: int) -> int:
    config = transformer.config
    tokens, axes = (side // PATCH_PIXELS) ** 2, len(config.axes_dims_rope)
    given: dict[str, Any] = {
        "hidden_states": torch.empty(1, tokens, config.in_channels, **_like(transformer)),
        "encoder_hidden_states": torch.empty(
            1, words, config.joint_attention_dim, **_like(transformer)
        ),
        "timestep": torch.empty(1, **_like(transformer)),
        "img_ids": torch.empty(tokens, axes, **_like(transformer)),
        "txt_ids": torch.empty(words, axes, **_like(transformer)),
    }
    pooled = config.get("pooled_projection_dim")
    if pooled:
        given["pooled_projections"] = torch.empty(1, pooled, **_like(transformer))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        transformer(**given)
    flops: int = counter.get_total_flops()
    return flops


def _decode_flops(vae: Any, side: int) -> int:
    shrunk = side // (PATCH_PIXELS // 2)
    latents = torch.empty(1, vae.config.latent_channels, shrunk, shrunk, **_like(vae))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        vae.decode(latents)
    flops: int = counter.get_total_flops()
    return flops


def _like(model: Any) -> dict[str, Any]:
    return {"device": model.device, "dtype": model.dtype}


def measured_peak(device: str, dtype: torch.dtype, *, side: int) -> float:
    """Operations a second of square matrix products: what the device does, not what it is sold for.

    Args:
        device: torch's name.
        dtype: of the numbers.
        side: of the matrices.
    """
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))

    def products() -> None:
        for _ in range(_PRODUCTS):
            torch.mm(one, other)
        synchronize(device)

    products()
    seconds = medians(3, {"products": lambda: seconds_of(products)})["products"]
    return _PRODUCTS * 2 * side**3 / seconds


def synchronize(device: str) -> None:
    """Wait until the device has done what it was told; a processor always has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
