"""The demo FLUX's VAE: a computed encoder and a trained decoder.

The encoder is linear. It halves a picture, projects its 4 by 4 blocks onto their first principal
components, and projects squares of 2 by 2 such blocks again, onto 16 channels. This map is also
written into the convolutions of an `AutoencoderKL`, so that the stock class encodes in the same
way, while training encodes with two matrix products. Because of the halving, a picture of 256 by
256 pixels has 64 tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer

from workers.training.common.trainer import Metrics, mixed_precision
from workers.training.flux.flux1_components import LATENT_CHANNELS, SCALING, SHIFT, autoencoder
from workers.training.scenes.palette import seeded_random
from workers.training.scenes.scene import draw, training_scene, unseen_scenes

SIDE = 256
"""Side of most pictures in pixels."""
BLOCK_COMPONENTS = 30
"""The number of principal components of a 4 by 4 block's 48 values."""
CONSTANT = 300.0
"""A value that is much larger than every latent; see `_write_head`."""
NO_VARIANCE = -20.0
"""The logarithm of the encoder's variance, which is practically zero."""
TAPS = tuple(product((0, 1), (0, 1)))
GROUPS, GROUP_WIDTH = 8, 8

COUNTS = (1, 2, 3)
COUNT_WEIGHTS = (0.5, 0.42, 0.08)


def as_tensor(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size as float32, (n, 3, height, width), from -1 to 1."""
    return from_bytes(as_bytes(pictures))


def as_bytes(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size as bytes, (n, height, width, 3)."""
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))


def from_bytes(pictures: Tensor) -> Tensor:
    """The result of `as_bytes` in the format of `as_tensor`."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def as_picture(picture: Tensor) -> Image.Image:
    """A decoder's output for one picture (3, height, width), from -1 to 1, as RGB."""
    pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels.cpu().numpy()))


def halve(pictures: Tensor) -> Tensor:
    """Halve the width and height of pictures (n, 3, h, w): the mean of each 2 by 2 pixels."""
    return functional.avg_pool2d(pictures, 2)


def space_to_depth(x: Tensor) -> Tensor:
    """Fold 2 by 2 squares into channels: (n, c, h, w) to (n, 4c, h/2, w/2), a tap at a time."""
    n, c, h, w = x.shape
    taps = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return taps.reshape(n, 4 * c, h // 2, w // 2)


@dataclass(frozen=True)
class LinearEncoder:
    """The VAE's encoder as two matrices.

    Attributes:
        blocks: (30, 48), from a 4 by 4 block of pixels to its components.
        squares: (16, 120), from a square of 2 by 2 such blocks to the latent.
        offset: (16,), added to the latent.
    """

    blocks: Tensor
    squares: Tensor
    offset: Tensor

    def __call__(self, pictures: Tensor) -> Tensor:
        """Encode (n, 3, h, w) to the unscaled latents (n, 16, h/16, w/16)."""
        components = _project(self.blocks, space_to_depth(space_to_depth(halve(pictures))))
        latents = _project(self.squares, space_to_depth(components))
        return latents + self.offset[:, None, None]

    def to(self, device: torch.device) -> "LinearEncoder":
        """A copy on another device."""
        return LinearEncoder(
            self.blocks.to(device), self.squares.to(device), self.offset.to(device)
        )


def _project(matrix: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("kc,nchw->nkhw", matrix, x)


def fit_encoder(pictures: Sequence[Tensor]) -> LinearEncoder:
    """Fit the encoder to sample pictures, one tensor (n, 3, h, w) for each size.

    Scaled by the VAE's `scaling_factor`, the latents have a mean of 0 and a mean square of 1. The
    variances of the channels are the square roots of those of the principal components.
    """
    folded = [space_to_depth(space_to_depth(halve(x))) for x in pictures]
    _, blocks, _ = _principal(folded, BLOCK_COMPONENTS)
    squares = [space_to_depth(_project(blocks.float(), x)) for x in folded]
    variances, axes, mean = _principal(squares, LATENT_CHANNELS)
    deviations = variances.sqrt()
    target = deviations.sqrt() / deviations.mean().sqrt()
    axes = axes * (target / deviations)[:, None] / SCALING
    return LinearEncoder(blocks.float(), axes.float(), (SHIFT - axes @ mean).float())


def _principal(features: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first principal components over all positions.

    Returns:
        Their variances (count,), the axes (count, c), and the features' mean (c,), in float64.
    """
    rows = torch.cat([x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in features]).double()
    mean = rows.mean(0)
    centred = rows - mean
    variances, columns = torch.linalg.eigh(centred.T @ centred / len(rows))
    axes = columns.flip(1)[:, :count].T
    # the sign of an axis is arbitrary: fix it by the largest entry, the same on every machine
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return variances.flip(0)[:count], (axes * signs).contiguous(), mean


@torch.no_grad()
def write_encoder(vae: AutoencoderKL, linear: LinearEncoder) -> None:
    """Write the linear map into the convolutions of the VAE's encoder.

    Residual blocks whose convolutions are zero are identities; the strided convolutions fold
    pixels into channels and project.
    """
    encoder = vae.encoder
    for name, parameter in encoder.named_parameters():
        if not ("norm" in name and name.endswith("weight")):
            parameter.zero_()
    _write_identity(encoder.conv_in.weight[:, :, 1:2, 1:2])
    for stage in (2, 3):
        _write_identity(encoder.down_blocks[stage].resnets[0].conv_shortcut.weight)
    halving, folding, blocks, squares = (
        block.downsamplers[0].conv for block in encoder.down_blocks[:4]
    )
    _write_taps(halving, torch.eye(3).repeat(1, len(TAPS)) / len(TAPS))
    _write_taps(folding, torch.eye(12))
    _write_taps(blocks, linear.blocks)
    _write_head(squares, encoder.conv_out, linear)


def _write_identity(kernel: Tensor) -> None:
    """Make a kernel (out, in, 1, 1) the identity of the channels."""
    kernel[:, :, 0, 0] = torch.eye(*kernel.shape[:2])


def _write_taps(conv: nn.Conv2d, matrix: Tensor) -> None:
    """Write (out, 4 · in) into a strided convolution, with the column order of `space_to_depth`."""
    rows, width = matrix.shape[0], matrix.shape[1] // len(TAPS)
    for tap, (dy, dx) in enumerate(TAPS):
        conv.weight[:rows, :width, dy, dx] = matrix[:, tap * width : (tap + 1) * width]


def _latent_row(latent: int) -> int:
    """The channel before the head with a latent; the next channel has its negative."""
    return GROUP_WIDTH * (latent // 2) + 2 * (latent % 2)


def _write_head(conv: nn.Conv2d, head: nn.Conv2d, linear: LinearEncoder) -> None:
    """Write the last projection so that the normalization and the SiLU before the head cancel.

    Each group of eight channels is z, -z, y, -y, C, -C, C, -C, with two latents z and y and a
    constant C that is much larger. So its deviation is C/√2 for all latents. The head computes
    the difference of each pair, because silu(x) - silu(-x) = x.
    """
    matrix = torch.zeros(GROUPS * GROUP_WIDTH, linear.squares.shape[1])
    bias = torch.zeros(GROUPS * GROUP_WIDTH)
    bias.view(GROUPS, GROUP_WIDTH)[:, 4:] = torch.tensor([CONSTANT, -CONSTANT] * 2)
    for latent in range(LATENT_CHANNELS):
        row, offset = _latent_row(latent), linear.offset[latent] - SHIFT
        matrix[row], matrix[row + 1] = linear.squares[latent], -linear.squares[latent]
        bias[row], bias[row + 1] = offset, -offset
        gain = CONSTANT / math.sqrt(2)
        head.weight[latent, row : row + 2, 1, 1] = torch.tensor([gain, -gain])
    _write_taps(conv, matrix)
    conv.get_parameter("bias").copy_(bias)
    head.get_parameter("bias")[:LATENT_CHANNELS] = SHIFT
    head.get_parameter("bias")[LATENT_CHANNELS:] = NO_VARIANCE


@torch.no_grad()
def read_encoder(vae: AutoencoderKL) -> LinearEncoder:
    """Read back the linear map that `write_encoder` wrote into a VAE."""
    stages = [block.downsamplers[0].conv for block in vae.encoder.down_blocks[2:4]]
    blocks = _read_taps(stages[0], range(BLOCK_COMPONENTS), 12)
    rows = [_latent_row(latent) for latent in range(LATENT_CHANNELS)]
    squares = _read_taps(stages[1], rows, BLOCK_COMPONENTS)
    return LinearEncoder(blocks, squares, stages[1].bias[rows].float() + SHIFT)


def _read_taps(conv: nn.Conv2d, rows: Sequence[int], width: int) -> Tensor:
    kernel = conv.weight[list(rows), :width].float()
    return torch.cat([kernel[:, :, dy, dx] for dy, dx in TAPS], dim=1)


def new_vae(pictures: int = 500) -> AutoencoderKL:
    """A VAE with the computed encoder and an untrained decoder.

    Args:
        pictures: the number of pictures of 256 by 256 pixels that the encoder is fitted to; a
            quarter as many of 512 by 512 are added.
    """
    rng = seeded_random(7)
    drawn = [
        as_tensor([draw(training_scene(rng, count), side) for count in _counts(rng, n)])
        for side, n in ((SIDE, pictures), (2 * SIDE, max(1, pictures // 4)))
    ]
    vae = autoencoder()
    write_encoder(vae, fit_encoder(drawn))
    return vae


def _counts(rng: Random, n: int) -> list[int]:
    return rng.choices(COUNTS, COUNT_WEIGHTS, k=n)


class DecoderLearner:
    """Trains the decoder to reconstruct pictures from the fixed encoder's latents with noise."""

    RATE, WARM_UP = 3e-3, 50
    NOISE = 0.12
    """The largest deviation of the added noise, relative to scaled latents."""
    LARGE_EVERY = 4
    """Every n-th step has pictures of 512 by 512 pixels, with a quarter of the batch."""

    def __init__(
        self, vae: AutoencoderKL, device: torch.device, batch: int = 8, seed: int = 3
    ) -> None:
        """Prepare to train the VAE's decoder on a device, on so many pictures per batch."""
        self.device, self.batch = device, batch
        self.encode = read_encoder(vae).to(device)
        self.decoder = vae.decoder.to(device)
        self.rng = seeded_random(seed)
        self.noise = torch.Generator().manual_seed(seed)
        adam = AdamW(self.decoder.parameters(), betas=(0.9, 0.99), weight_decay=1e-3)
        self._optimizers: list[tuple[Optimizer, float]] = [(adam, self.RATE)]

    @property
    def network(self) -> nn.Module:
        """The decoder."""
        decoder: nn.Module = self.decoder
        return decoder

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW for all parameters."""
        return self._optimizers

    def rate_factor(self, step: int, spent: float) -> float:
        """A linear warm-up times a cosine decay over the whole budget."""
        cosine = (1 + math.cos(math.pi * min(1.0, spent))) / 2
        return min(1.0, (step + 1) / self.WARM_UP) * (cosine + 0.02)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Metrics]:  # noqa: ARG002 - the same at every share
        """The mean absolute plus the mean squared error of the decoded pictures."""
        large = step % self.LARGE_EVERY == self.LARGE_EVERY - 1
        side, n = (2 * SIDE, max(1, self.batch // 4)) if large else (SIDE, self.batch)
        scenes = [training_scene(self.rng, count) for count in _counts(self.rng, n)]
        pictures = as_tensor([draw(scene, side) for scene in scenes]).to(self.device)
        latents = self.encode(pictures)
        latents = latents + self._noise_like(latents)
        with mixed_precision(self.device):
            decoded = self.decoder(latents).float()
        return functional.l1_loss(decoded, pictures) + functional.mse_loss(decoded, pictures), {}

    def _noise_like(self, latents: Tensor) -> Tensor:
        deviation = torch.rand(len(latents), 1, 1, 1, generator=self.noise) * self.NOISE / SCALING
        noise = torch.randn(latents.shape, generator=self.noise) * deviation
        return noise.to(self.device)

    @torch.no_grad()
    def held_out_metrics(self, network: nn.Module) -> Metrics:
        """The mean absolute error of decoded unseen pictures, in units of half the range."""
        pictures = as_tensor([draw(scene, SIDE) for scene in unseen_scenes(9, [1, 2, 3] * 4)])
        pictures = pictures.to(self.device)
        with mixed_precision(self.device):
            decoded = network(self.encode(pictures)).float()
        return {"error": functional.l1_loss(decoded, pictures).item()}
