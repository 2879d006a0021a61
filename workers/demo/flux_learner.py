"""How a demo FLUX learns: flow matching on drawn scenes, both text encoders along with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import FluxPipeline
from PIL import Image
from torch import Tensor, nn

from workers.demo.adherence import check
from workers.demo.flow_learner import FlowLearner, FlowLessons, token_weights
from workers.demo.flux_parts import LATENT_CHANNELS, PATCH, SCALING, SHIFT
from workers.demo.flux_vae import as_picture, as_tensor, read_encoder
from workers.demo.scenes.scene import Scene, draw, training_scene, unseen_scenes
from workers.demo.training import Figures, mixed_precision

SIDE = 256
"""Pixels to a side of most pictures, and of those that are scored."""
SIDES, SIDE_WEIGHTS = (SIDE, 192, 224, 288, 320), (0.5, 0.14, 0.12, 0.12, 0.12)
PARTS = ("transformer", "text_encoder", "text_encoder_2")
CLIP_LENGTH = 32
SERVED_LENGTH = 64
"""T5 tokens of a prompt when scores are taken."""
LENGTHS, LENGTH_WEIGHTS = (24, 32, 64, 128, 256), (0.76, 0.12, 0.08, 0.03, 0.01)
"""Padding is attended to, so the model must meet long paddings; short ones are quicker."""
COUNTS, COUNT_WEIGHTS = (1, 2, 3), (0.3, 0.644, 0.056)
SCORED_TIMES = (1.0, 0.75, 0.5, 0.25)
SCORED = {SIDE: [1, 2] * 16, 192: [1, 2] * 6, 320: [1, 2] * 6}
"""By side, of how many objects each held-out scene is."""
SCORED_STEPS = 4


@dataclass(frozen=True)
class FluxLessons(FlowLessons):
    """How to train.

    Attributes:
        empty_captions: the share of captions that are left out.
    """

    empty_captions: float = 0.07

    def gentler(self) -> "FluxLessons":
        """The same for a model that paints already."""
        share = 0.4
        return replace(self, adam_rate=share * self.adam_rate, muon_rate=share * self.muon_rate)


class FluxLearner(FlowLearner):
    """Trains a pipeline's transformer and text encoders; its VAE stays as it is."""

    def __init__(
        self,
        pipeline: FluxPipeline,
        device: torch.device,
        lessons: FluxLessons | None = None,
        seed: int = 0,
    ) -> None:
        """Make ready to train a pipeline on a device."""
        self.lessons = lessons or FluxLessons()
        self.pipeline = pipeline.to(device)
        self.encode = read_encoder(pipeline.vae).to(device)
        network = nn.ModuleDict({name: getattr(pipeline, name) for name in PARTS})
        super().__init__(network, device, self.lessons, seed)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Figures]:  # noqa: ARG002 - the same all along
        """The mean squared error of the velocity, on a fresh batch."""
        counts = self.rng.choices(COUNTS, COUNT_WEIGHTS, k=self.lessons.batch)
        scenes = [training_scene(self.rng, count) for count in counts]
        side = self.rng.choices(SIDES, SIDE_WEIGHTS)[0]
        empty = self.lessons.empty_captions
        captions = ["" if self.rng.random() < empty else scene.caption for scene in scenes]
        length = self.rng.choices(LENGTHS, LENGTH_WEIGHTS)[0]
        clean = self.latents(scenes, side)
        times = self._times(len(scenes)).to(self.device)
        noise = torch.randn(clean.shape, generator=self.noise).to(self.device)
        error = self._velocity_error(self._network, clean, noise, times, captions, length)
        return (error * token_weights(scenes, side).to(self.device)).mean(), {}

    def latents(self, scenes: Sequence[Scene], side: int = SIDE) -> Tensor:
        """The scenes as scaled, packed latents (n, tokens, 64), of pictures with such a side."""
        pictures = as_tensor([draw(scene, side) for scene in scenes]).to(self.device)
        return packed((self.encode(pictures) - SHIFT) * SCALING)

    def _velocity_error(
        self,
        network: nn.Module,
        clean: Tensor,
        noise: Tensor,
        times: Tensor,
        captions: Sequence[str],
        length: int,
    ) -> Tensor:
        t = times[:, None, None]
        velocity = self.velocity(network, (1 - t) * clean + t * noise, times, captions, length)
        return (velocity - (noise - clean)).pow(2)

    def velocity(
        self,
        network: nn.Module,
        noisy: Tensor,
        times: Tensor,
        captions: Sequence[str],
        length: int,
    ) -> Tensor:
        """The direction from picture to noise that a network predicts.

        Args:
            network: like `network`.
            noisy: packed latents (n, tokens, 64).
            times: (n,), 0 to 1.
            captions: n prompts.
            length: T5 tokens to pad them to.

        Returns:
            As `noisy`, in float32.
        """
        with mixed_precision(self.device), self._attention():
            clip_ids = self._ids(self.pipeline.tokenizer, captions, CLIP_LENGTH)
            t5_ids = self._ids(self.pipeline.tokenizer_2, captions, length)
            predicted: Tensor = network.get_submodule("transformer")(
                hidden_states=noisy,
                timestep=times,
                pooled_projections=network.get_submodule("text_encoder")(clip_ids).pooler_output,
                encoder_hidden_states=network.get_submodule("text_encoder_2")(t5_ids)[0],
                txt_ids=torch.zeros(length, 3, device=self.device),
                img_ids=positions(math.isqrt(noisy.shape[1])).to(self.device),
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
    def held_out(self, network: nn.Module) -> Figures:
        """Errors of the velocity by time, and the share of unseen captions painted right."""
        figures: Figures = {}
        for side, counts in SCORED.items():
            scenes = unseen_scenes(99, counts)
            captions = [scene.caption for scene in scenes]
            clean = self.latents(scenes, side)
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
            noise = noise.to(self.device)
            for time in SCORED_TIMES if side == SIDE else ():
                times = torch.full((len(scenes),), time, device=self.device)
                error = self._velocity_error(network, clean, noise, times, captions, SERVED_LENGTH)
                figures[f"error at {time:g}"] = error.mean().item()
            pictures = self.paint(network, captions, noise)
            right = [check(*pair).right for pair in zip(pictures, scenes, strict=True)]
            figures[f"right at {side}"] = sum(right) / len(right)
        return figures

    @torch.no_grad()
    def paint(
        self, network: nn.Module, captions: Sequence[str], noise: Tensor
    ) -> list[Image.Image]:
        """Paint captions from packed noise (n, tokens, 64) in four Euler steps."""
        latents = noise
        for step in range(SCORED_STEPS):
            times = torch.full((len(captions),), 1 - step / SCORED_STEPS, device=self.device)
            velocity = self.velocity(network, latents, times, captions, SERVED_LENGTH)
            latents = latents - velocity / SCORED_STEPS
        decoded = self.pipeline.vae.decode(unpacked(latents) / SCALING + SHIFT).sample
        return [as_picture(picture) for picture in decoded]


def packed(latents: Tensor) -> Tensor:
    """Latents (n, 16, h, w) as the transformer's tokens (n, h/2 · w/2, 64)."""
    n, c, h, w = latents.shape
    squares = latents.view(n, c, h // PATCH, PATCH, w // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * PATCH**2)


def unpacked(tokens: Tensor) -> Tensor:
    """Tokens of a square picture (n, s · s, 64) as latents (n, 16, 2s, 2s)."""
    n, count, _ = tokens.shape
    side = int(count**0.5)
    squares = tokens.view(n, side, side, LATENT_CHANNELS, PATCH, PATCH)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(n, LATENT_CHANNELS, side * PATCH, side * PATCH)


def positions(side: int) -> Tensor:
    """The transformer's ids of a square picture's tokens, (side · side, 3): 0, row and column."""
    steps = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).view(-1, 3)
