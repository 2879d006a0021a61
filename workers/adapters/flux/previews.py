"""Previews after each step: small pictures of the latents, made without the VAE.

A token of packed latents stands for one square of pixels. A linear map approximates the VAE's
decoding of that square. It is fitted once, for the first job that wants previews, by least squares
over pictures that the VAE encoded. It shows colours and shapes, no fine detail, and costs one small
matrix product.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, interpolate, pixel_unshuffle

from workers.adapters.protocol import Work
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import PictureSize

LONGEST_SIDE = 256
"""Longest side of a preview, pixels."""
SQUARE = 16
"""Highest width of a token's square in pixels; less where the preview would be too large."""
_FITTED_PICTURES = 3
_FITTED_TOKENS = 12
"""Tokens across each picture to which the map is fitted."""
_RIDGE = 1e-3


class LinearDecoder:
    """The linear map of one VAE: from a token's numbers, and 1, to the pixels of its square."""

    def __init__(self, weights: torch.Tensor, step: int) -> None:
        """Store the map.

        Args:
            weights: (numbers of a token + 1, 3, 16, 16), for pixels from -1 to 1.
            step: width of a token's square in pixels of the painted picture.
        """
        self._weights = weights
        self._step = step

    def decode(self, latents: torch.Tensor, size: PictureSize) -> Image.Image:
        """Decode the pictures of one job, side by side.

        Args:
            latents: packed, (pictures, tokens, numbers).
            size: width and height of a painted picture, pixels.
        """
        width, height = (side // self._step for side in size)
        count = len(latents)
        square = _square(max(width * count, height))
        weights = self._weights_for(square).to(latents.device)
        squares = latents.float() @ weights[:-1] + weights[-1]
        # From (picture, row, column, colour, y, x) to (y, x, colour), pictures side by side.
        image = squares.reshape(count, height, width, 3, square, square).permute(1, 4, 0, 2, 5, 3)
        levels = image.reshape(height * square, count * width * square, 3) * 127.5 + 127.5
        bytes_ = levels.nan_to_num().clamp(0, 255).to(torch.uint8).cpu().numpy()
        preview = Image.fromarray(bytes_)
        preview.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return preview

    def _weights_for(self, square: int) -> torch.Tensor:
        """The map for smaller squares: averaging pixels is linear as well."""
        smaller = avg_pool2d(self._weights, SQUARE // square)
        return smaller.reshape(len(smaller), -1)


def fit_linear_decoder(pipeline: Any) -> LinearDecoder:
    """Fit the map of a pipeline's VAE.

    Solves `(AᵀA + λI) W = AᵀB`, where a row of A is an encoded token and 1, and the same row of B
    the pixels of its square.
    """
    step = 2 * pipeline.vae_scale_factor
    shown = _draw_patches(_FITTED_TOKENS * SQUARE)
    pixels = interpolate(shown, size=_FITTED_TOKENS * step, mode="area")
    tokens = encode_pictures(pipeline.vae, pixels).reshape(_FITTED_PICTURES * _FITTED_TOKENS**2, -1)
    known = torch.cat([tokens.double(), tokens.new_ones(len(tokens), 1).double()], dim=1)
    squares = shown.reshape(-1, 3, _FITTED_TOKENS, SQUARE, _FITTED_TOKENS, SQUARE)
    wanted = squares.permute(0, 2, 4, 1, 3, 5).reshape(len(tokens), -1).double()
    ridge = _RIDGE * len(tokens) * torch.eye(known.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted)
    return LinearDecoder(weights.float().reshape(-1, 3, SQUARE, SQUARE), step)


def _draw_patches(side: int) -> torch.Tensor:
    """Draw pictures of soft and sharp patches at several scales, (n, 3, side, side), -1 to 1."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.zeros(_FITTED_PICTURES, 3, side, side)
    for across in (1, 2, 4, 8, 16, 32):
        for mode in ("bilinear", "nearest"):
            patches = torch.randn(_FITTED_PICTURES, 3, across, across, generator=generator)
            drawn += 0.3 * interpolate(patches, size=side, mode=mode)
    return drawn.clamp(-1, 1)


def encode_pictures(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures, -1 to 1, to a transformer's tokens: (n, tokens, numbers), on the CPU."""
    with torch.inference_mode():
        raw = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
        patches = pixel_unshuffle(raw, 2).float()
        if hasattr(vae, "bn"):  # FLUX.2's
            mean, variance = vae.bn.running_mean.float(), vae.bn.running_var.float()
            spread = torch.sqrt(variance + vae.config.batch_norm_eps)
            scaled = (patches - mean[:, None, None]) / spread[:, None, None]
        else:
            scaled = (patches - vae.config.shift_factor) * vae.config.scaling_factor
        tokens = scaled.flatten(2).transpose(1, 2).cpu()
    result: torch.Tensor = tokens.clone()
    return result


def _square(across: int) -> int:
    """Width of a square in pixels, so that `across` of them fit into a preview; at least 1."""
    square = SQUARE
    while square > 1 and square * across > LONGEST_SIDE:
        square //= 2
    return square


class Previews:
    """Shows previews to the jobs of one batch that want them.

    They begin at the second step: the final picture is extrapolated from the two latest latents,
    where one alone is mostly noise. The last step has none, because the picture itself follows.
    """

    def __init__(self, decoder: LinearDecoder, batch: Sequence[Work]) -> None:
        self._decoder = decoder
        self._batch = batch
        self._before: torch.Tensor | None = None

    def after_step(self, pipeline: Any, step: int, steps: int, latents: torch.Tensor) -> None:
        """Show a preview of the latents after a step, counted from 1."""
        before, self._before = self._before, latents
        if before is None or step == steps:
            return
        predicted = predict_final_latents(pipeline.scheduler, before, latents)
        row = 0
        for work in self._batch:
            job = cast("FluxParameters", work.parameters)
            own = predicted[row : row + job.num_images]
            row += job.num_images
            if work.preview:
                work.preview(self._decoder.decode(own, job.size), step, steps)


def predict_final_latents(
    scheduler: Any, before: torch.Tensor, after: torch.Tensor
) -> torch.Tensor:
    """Predict the latents without noise: the end of the straight path through two points.

    With noise shares s and t before and after: `after - t * (after - before) / (t - s)`.
    """
    index = scheduler.step_index
    then, now = float(scheduler.sigmas[index - 1]), float(scheduler.sigmas[index])
    return after.float() - now / (now - then) * (after.float() - before.float())


def wants_previews(batch: Sequence[Work]) -> bool:
    """True when any job of a batch wants previews."""
    return any(work.preview for work in batch)
