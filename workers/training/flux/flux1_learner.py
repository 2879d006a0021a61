"""Training of a demo FLUX: flow matching on drawn scenes, together with both text encoders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

import torch
from diffusers import FluxPipeline
from PIL import Image
from torch import Tensor, nn

from workers.training.common.batch_loader import BatchLoader
from workers.training.common.trainer import Metrics, mixed_precision
from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import (
    TOKEN_SIDE,
    FlowHyperparameters,
    FlowLearner,
    token_weights,
)
from workers.training.flux.flux1_components import LATENT_CHANNELS, PATCH, SCALING, SHIFT
from workers.training.flux.vae import as_bytes, as_picture, from_bytes, read_encoder
from workers.training.scenes.scene import draw, training_scene, unseen_scenes

Size = tuple[int, int]
"""Width and height in pixels."""
COMMON: Size = (256, 256)
"""The size of pictures of requests that name none."""
SQUARE: tuple[Size, ...] = ((192, 192), (224, 224), (288, 288), (320, 320))
OBLONG: tuple[Size, ...] = (
    *((288, 224), (224, 288), (320, 224), (224, 320), (352, 192), (192, 352)),
)
SIZES = (COMMON, *SQUARE, *OBLONG)
SIZE_WEIGHTS = (0.2, *[0.08] * len(SIZES[1:]))
PARTS = ("transformer", "text_encoder", "text_encoder_2")
CLIP_LENGTH = 32
SERVED_LENGTH = 64
"""T5 tokens of a prompt for held-out metrics."""
LENGTHS, LENGTH_WEIGHTS = (24, 32, 64, 128, 256), (0.76, 0.12, 0.08, 0.03, 0.01)
"""T5 tokens of a prompt in training. The model attends to padding, so it must also be trained
with long padding; short padding is faster."""
COUNTS, COUNT_WEIGHTS = (1, 2, 3), (0.3, 0.644, 0.056)
SCORED_TIMES = (1.0, 0.75, 0.5, 0.25)
SCORED: dict[Size, list[int]] = {
    COMMON: [1, 2] * 16,
    (192, 192): [1, 2] * 6,
    (320, 320): [1, 2] * 6,
    (288, 224): [1, 2] * 6,
    (192, 352): [1, 2] * 6,
}
"""The number of objects of each held-out scene, by size."""
SCORED_STEPS = 4


@dataclass(frozen=True)
class FluxHyperparameters(FlowHyperparameters):
    """Hyperparameters of the training.

    Attributes:
        empty_captions: the share of captions that are replaced by an empty one.
    """

    empty_captions: float = 0.07

    def for_fine_tuning(self) -> "FluxHyperparameters":
        """The hyperparameters with lower rates, for a model that is trained already."""
        share = 0.4
        return replace(self, adam_rate=share * self.adam_rate, muon_rate=share * self.muon_rate)


@dataclass(frozen=True)
class Prompts:
    """A batch of prompts for pictures of one size.

    Attributes:
        captions: n prompts.
        size: the size of every picture.
        length: T5 tokens that the prompts are padded to.
    """

    captions: Sequence[str]
    size: Size = COMMON
    length: int = SERVED_LENGTH

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a picture's tokens."""
        width, height = self.size
        return height // TOKEN_SIDE, width // TOKEN_SIDE


@dataclass(frozen=True)
class Batch:
    """A training batch.

    Attributes:
        prompts: the prompts.
        pictures: their targets, RGB bytes (n, height, width, 3).
        weights: as `token_weights`.
    """

    prompts: Prompts
    pictures: Tensor
    weights: Tensor


def sample_batch(hyperparameters: FluxHyperparameters, rng: Random) -> Batch:
    """Draw a batch of random scenes, all of one size."""
    counts = rng.choices(COUNTS, COUNT_WEIGHTS, k=hyperparameters.batch)
    scenes = [training_scene(rng, count) for count in counts]
    size = rng.choices(SIZES, SIZE_WEIGHTS)[0]
    empty = hyperparameters.empty_captions
    captions = ["" if rng.random() < empty else scene.caption for scene in scenes]
    prompts = Prompts(captions, size, rng.choices(LENGTHS, LENGTH_WEIGHTS)[0])
    pictures = as_bytes([draw(scene, *size) for scene in scenes])
    return Batch(prompts, pictures, token_weights(scenes, *size))


class FluxLearner(FlowLearner):
    """Trains a pipeline's transformer and text encoders, but not its VAE."""

    def __init__(
        self,
        pipeline: FluxPipeline,
        device: torch.device,
        hyperparameters: FluxHyperparameters | None = None,
        seed: int = 0,
        loader_processes: int = 0,
    ) -> None:
        """Prepare to train a pipeline on a device, with so many processes that draw batches."""
        self.hyperparameters = hyperparameters or FluxHyperparameters()
        draw_batch = partial(sample_batch, self.hyperparameters)
        self._batches = BatchLoader(draw_batch, seed, loader_processes)
        self.pipeline = pipeline.to(device)
        self.encode = read_encoder(pipeline.vae).to(device)
        network = nn.ModuleDict({name: getattr(pipeline, name) for name in PARTS})
        super().__init__(network, device, self.hyperparameters, seed)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Metrics]:  # noqa: ARG002 - the same at every share
        """The weighted mean squared error of the velocity on a new batch."""
        batch = self._batches.batch(step)
        clean = self.latents(batch.pictures)
        times = self._times(len(clean)).to(self.device)
        noise = torch.randn(clean.shape, generator=self.noise).to(self.device)
        error = self._velocity_error(self._network, clean, noise, times, batch.prompts)
        return (error * batch.weights.to(self.device)).mean(), {}

    def latents(self, pictures: Tensor) -> Tensor:
        """Encode RGB bytes (n, height, width, 3) to scaled, packed latents (n, tokens, 64)."""
        latents = self.encode(from_bytes(pictures.to(self.device)))
        return pack((latents - SHIFT) * SCALING)

    def _velocity_error(
        self,
        network: nn.Module,
        clean: Tensor,
        noise: Tensor,
        times: Tensor,
        prompts: Prompts,
    ) -> Tensor:
        t = times[:, None, None]
        velocity = self.velocity(network, (1 - t) * clean + t * noise, times, prompts)
        return (velocity - (noise - clean)).pow(2)

    def velocity(
        self, network: nn.Module, noisy: Tensor, times: Tensor, prompts: Prompts
    ) -> Tensor:
        """The predicted direction from picture to noise.

        Args:
            network: a network like `network`.
            noisy: packed latents (n, tokens, 64).
            times: (n,), 0 to 1.
            prompts: n prompts with the size of the pictures.

        Returns:
            As `noisy`, in float32.
        """
        with mixed_precision(self.device), self._attention():
            clip_ids = self._ids(self.pipeline.tokenizer, prompts.captions, CLIP_LENGTH)
            t5_ids = self._ids(self.pipeline.tokenizer_2, prompts.captions, prompts.length)
            predicted: Tensor = network.get_submodule("transformer")(
                hidden_states=noisy,
                timestep=times,
                pooled_projections=network.get_submodule("text_encoder")(clip_ids).pooler_output,
                encoder_hidden_states=network.get_submodule("text_encoder_2")(t5_ids)[0],
                txt_ids=torch.zeros(prompts.length, 3, device=self.device),
                img_ids=positions(*prompts.grid).to(self.device),
                return_dict=False,
            )[0]
        return predicted.float()

    def _ids(self, tokenizer: Any, captions: Sequence[str], length: int) -> Tensor:
        encoded = tokenizer(
            list(captions),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        ids: Tensor = encoded.input_ids.to(self.device)
        return ids

    @torch.no_grad()
    def held_out_metrics(self, network: nn.Module) -> Metrics:
        """Errors of the velocity by time, and shares of right pictures for unseen captions."""
        metrics: Metrics = {}
        for size, counts in SCORED.items():
            scenes = unseen_scenes(99, counts)
            prompts = Prompts([scene.caption for scene in scenes], size)
            clean = self.latents(as_bytes([draw(scene, *size) for scene in scenes]))
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
            noise = noise.to(self.device)
            for time in SCORED_TIMES if size == COMMON else ():
                times = torch.full((len(scenes),), time, device=self.device)
                error = self._velocity_error(network, clean, noise, times, prompts)
                metrics[f"error at {time:g}"] = error.mean().item()
            pictures = self.generate(network, prompts, noise)
            right = [check(*pair).right for pair in zip(pictures, scenes, strict=True)]
            metrics[f"right at {size[0]}x{size[1]}"] = sum(right) / len(right)
        return metrics

    @torch.no_grad()
    def generate(self, network: nn.Module, prompts: Prompts, noise: Tensor) -> list[Image.Image]:
        """Generate pictures from packed noise (n, tokens, 64) in four Euler steps."""
        latents = noise
        for step in range(SCORED_STEPS):
            times = torch.full((len(noise),), 1 - step / SCORED_STEPS, device=self.device)
            velocity = self.velocity(network, latents, times, prompts)
            latents = latents - velocity / SCORED_STEPS
        decoded = self.pipeline.vae.decode(unpack(latents, *prompts.grid) / SCALING + SHIFT).sample
        return [as_picture(picture) for picture in decoded]


def pack(latents: Tensor) -> Tensor:
    """Convert latents (n, 16, h, w) to the transformer's tokens (n, h/2 · w/2, 64)."""
    n, c, h, w = latents.shape
    squares = latents.view(n, c, h // PATCH, PATCH, w // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * PATCH**2)


def unpack(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """Convert tokens (n, rows · columns, 64) to latents (n, 16, 2 · rows, 2 · columns)."""
    n = len(tokens)
    squares = tokens.view(n, rows, columns, LATENT_CHANNELS, PATCH, PATCH)
    tall, wide = rows * PATCH, columns * PATCH
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(n, LATENT_CHANNELS, tall, wide)


def positions(rows: int, columns: int) -> Tensor:
    """The transformer's position ids of a picture, (rows · columns, 3): 0, row and column."""
    return torch.cartesian_prod(
        torch.zeros(1), torch.arange(float(rows)), torch.arange(float(columns))
    )
