"""Roofline model of FLUX: a lower bound of the time, by arithmetic alone."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from workers.bench.flux_sizes import PATCH_PIXELS, FluxShape, new_transformer, new_vae
from workers.bench.interleaving import elapsed_seconds, interleaved_medians

_PRODUCTS = 20
"""Matrix products, one after another, in one measurement of a device's peak."""


@dataclass(frozen=True)
class Roofline:
    """The costs of one picture.

    Attributes:
        parameters: the number of parameters of the transformer.
        step_flops: operations of one denoising step.
        decode_flops: operations of the VAE's decoder.
    """

    parameters: int
    step_flops: float
    decode_flops: float

    def seconds(self, peak: float, *, steps: int, pictures: int) -> float:
        """`pictures * (steps * step + decode) / peak`; the prompts are cached already.

        Args:
            peak: operations per second.
            steps: steps per picture.
            pictures: pictures per call.
        """
        return pictures * (steps * self.step_flops + self.decode_flops) / peak


def count_operations(shape: FluxShape, *, side: int, words: int) -> Roofline:
    """Count the operations of a model without weights.

    A transformer of T tokens and width d has about 2 * T * (the weights that tokens pass through)
    + 4 * T² * d operations per block; a multiplication with an addition counts as two.

    Args:
        shape: the shape of the model.
        side: side of the square picture in pixels.
        words: tokens of the prompt.
    """
    where: dict[str, Any] = {"device": "meta", "dtype": torch.bfloat16}
    transformer = new_transformer(shape, **where)
    vae = new_vae(shape, **where)
    return Roofline(
        parameters=sum(parameter.numel() for parameter in transformer.parameters()),
        step_flops=_step_flops(transformer, side, words),
        decode_flops=_decode_flops(vae, side),
    )


def _step_flops(transformer: Any, side: int, words: int) -> int:
    config = transformer.config
    tokens, axes = (side // PATCH_PIXELS) ** 2, len(config.axes_dims_rope)
    inputs: dict[str, Any] = {
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
        inputs["pooled_projections"] = torch.empty(1, pooled, **_like(transformer))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        transformer(**inputs)
    flops: int = counter.get_total_flops()
    return flops


def _decode_flops(vae: Any, side: int) -> int:
    latent_side = side // (PATCH_PIXELS // 2)
    latents = torch.empty(1, vae.config.latent_channels, latent_side, latent_side, **_like(vae))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        vae.decode(latents)
    flops: int = counter.get_total_flops()
    return flops


def _like(model: Any) -> dict[str, Any]:
    return {"device": model.device, "dtype": model.dtype}


def measure_peak(device: str, dtype: torch.dtype, *, side: int) -> float:
    """Measure the operations per second of square matrix products on a device.

    This is the rate that it reaches, which is lower than that of its data sheet.

    Args:
        device: torch's name of the device.
        dtype: data type of the matrices.
        side: rows and columns of the matrices.
    """
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))

    def products() -> None:
        for _ in range(_PRODUCTS):
            torch.mm(one, other)
        synchronize(device)

    products()
    seconds = interleaved_medians(3, {"products": lambda: elapsed_seconds(products)})["products"]
    return _PRODUCTS * 2 * side**3 / seconds


def synchronize(device: str) -> None:
    """Wait until the device has finished its queued work; on a CPU there is none."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
