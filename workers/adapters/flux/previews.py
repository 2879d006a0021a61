"""What a picture is coming to, step by step: small pictures of latents, made without the VAE.

A token of packed latents stands for one square of pixels. How a VAE paints that square is fitted
once, when somebody first asks, by one linear map: least squares over pictures that it encoded. It
shows colours and shapes, no fine detail, and costs one small matrix product.
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
"""Of a preview, pixels."""
SQUARE = 16
"""Pixels across of a token's square, at most; fewer where the picture would be too large."""
_FITTED_PICTURES = 3
_FITTED_TOKENS = 12
"""Across each of the pictures that the map is fitted to."""
_RIDGE = 1e-3


class LatentView:
    """The linear map of one VAE: from a token's numbers, and 1, to the pixels of its square."""

    def __init__(self, weights: torch.Tensor, step: int) -> None:
        """Keep the map.

        Args:
            weights: (numbers of a token + 1, 3, 16, 16), for pixels from -1 to 1.
            step: pixels of the painted picture that a token's square is wide.
        """
        self._weights = weights
        self._step = step

    def picture(self, latents: torch.Tensor, size: PictureSize) -> Image.Image:
        """The pictures of one job, side by side.

        Args:
            latents: packed, (pictures, tokens, numbers).
            size: width and height of a painted picture, pixels.
        """
        width, height = (side // self._step for side in size)
        count = len(latents)
        square = _square(max(width * count, height))
        weights = self._at(square).to(latents.device)
        squares = latents.float() @ weights[:-1] + weights[-1]
        # One after another: (picture, row, column, colour, y, x), seen as (y, x, colour).
        seen = squares.reshape(count, height, width, 3, square, square).permute(1, 4, 0, 2, 5, 3)
        levels = seen.reshape(height * square, count * width * square, 3) * 127.5 + 127.5
        bytes_ = levels.nan_to_num().clamp(0, 255).to(torch.uint8).cpu().numpy()
        made = Image.fromarray(bytes_)
        made.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return made

    def _at(self, square: int) -> torch.Tensor:
        """The map to squares of fewer pixels: the mean of pixels is linear as well."""
        smaller = avg_pool2d(self._weights, SQUARE // square)
        return smaller.reshape(len(smaller), -1)


def fitted(pipeline: Any) -> LatentView:
    """The map of a pipeline's VAE.

    Solves `(AᵀA + λI) W = AᵀB`, where a row of A is an encoded token and 1, and the same row of B
    the pixels of its square.
    """
    step = 2 * pipeline.vae_scale_factor
    shown = _drawn(_FITTED_TOKENS * SQUARE)
    pixels = interpolate(shown, size=_FITTED_TOKENS * step, mode="area")
    tokens = encoded(pipeline.vae, pixels).reshape(_FITTED_PICTURES * _FITTED_TOKENS**2, -1)
    known = torch.cat([tokens.double(), tokens.new_ones(len(tokens), 1).double()], dim=1)
    squares = shown.reshape(-1, 3, _FITTED_TOKENS, SQUARE, _FITTED_TOKENS, SQUARE)
    wanted = squares.permute(0, 2, 4, 1, 3, 5).reshape(len(tokens), -1).double()
    ridge = _RIDGE * len(tokens) * torch.eye(known.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted)
    return LatentView(weights.float().reshape(-1, 3, SQUARE, SQUARE), step)


def _drawn(side: int) -> torch.Tensor:
    """Pictures of soft and of sharp patches at several scales, (n, 3, side, side), -1 to 1."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.zeros(_FITTED_PICTURES, 3, side, side)
    for across in (1, 2, 4, 8, 16, 32):
        for mode in ("bilinear", "nearest"):
            patches = torch.randn(_FITTED_PICTURES, 3, across, across, generator=generator)
            drawn += 0.3 * interpolate(patches, size=side, mode=mode)
    return drawn.clamp(-1, 1)


def encoded(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Pictures, -1 to 1, as tokens: (n, tokens, numbers) on the CPU, as a transformer has them."""
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
    kept: torch.Tensor = tokens.clone()
    return kept


def _square(across: int) -> int:
    """Pixels across of a square, so that so many of them fit into a preview; at least 1."""
    square = SQUARE
    while square > 1 and square * across > LONGEST_SIDE:
        square //= 2
    return square


class Previews:
    """Shows the jobs of one batch that asked for it what they are coming to.

    From the second step on: the two latest latents tell where the path of both leads, which is the
    picture; one alone is mostly noise. The last step is left out, since the picture follows.
    """

    def __init__(self, view: LatentView, batch: Sequence[Work]) -> None:
        self._view = view
        self._batch = batch
        self._before: torch.Tensor | None = None

    def after_step(self, pipeline: Any, step: int, steps: int, latents: torch.Tensor) -> None:
        """Show the latents after a step, counted from 1."""
        before, self._before = self._before, latents
        if before is None or step == steps:
            return
        foreseen = where_led(pipeline.scheduler, before, latents)
        row = 0
        for work in self._batch:
            job = cast("FluxParameters", work.parameters)
            own = foreseen[row : row + job.num_images]
            row += job.num_images
            if work.preview:
                work.preview(self._view.picture(own, job.size), step, steps)


def where_led(scheduler: Any, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """The latents without noise to which a straight path through two of its points leads.

    With noise shares s and t before and after: `after - t * (after - before) / (t - s)`.
    """
    index = scheduler.step_index
    then, now = float(scheduler.sigmas[index - 1]), float(scheduler.sigmas[index])
    return after.float() - now / (now - then) * (after.float() - before.float())


def wanted_by(batch: Sequence[Work]) -> bool:
    """Whether any job of a batch is to be shown."""
    return any(work.preview for work in batch)
