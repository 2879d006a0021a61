"""How a demo FLUX learns: flow matching on drawn scenes, both text encoders along with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

import torch
from diffusers import FluxPipeline
from PIL import Image
from torch import Tensor, nn

from workers.training.drawing_processes import DrawnBatches
from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import TOKEN_SIDE, FlowLearner, FlowLessons, token_weights
from workers.training.flux.flux1_components import LATENT_CHANNELS, PATCH, SCALING, SHIFT
from workers.training.flux.vae import as_bytes, as_picture, from_bytes, read_encoder
from workers.training.loop import Figures, mixed_precision
from workers.training.scenes.scene import draw, training_scene, unseen_scenes

Size = tuple[int, int]
"""Width and height in pixels."""
COMMON: Size = (256, 256)
"""What callers get who name no size."""
SQUARE: tuple[Size, ...] = ((192, 192), (224, 224), (288, 288), (320, 320))
OBLONG: tuple[Size, ...] = (
    *((288, 224), (224, 288), (320, 224), (224, 320), (352, 192), (192, 352)),
)
SIZES = (COMMON, *SQUARE, *OBLONG)
SIZE_WEIGHTS = (0.2, *[0.08] * len(SIZES[1:]))
PARTS = ("transformer", "text_encoder", "text_encoder_2")
CLIP_LENGTH = 32
SERVED_LENGTH = 64
"""T5 tokens of a prompt when scores are taken."""
LENGTHS, LENGTH_WEIGHTS = (24, 32, 64, 128, 256), (0.76, 0.12, 0.08, 0.03, 0.01)
"""Padding is attended to, so the model must meet long paddings; short ones are quicker."""
COUNTS, COUNT_WEIGHTS = (1, 2, 3), (0.3, 0.644, 0.056)
SCORED_TIMES = (1.0, 0.75, 0.5, 0.25)
SCORED: dict[Size, list[int]] = {
    COMMON: [1, 2] * 16,
    (192, 192): [1, 2] * 6,
    (320, 320): [1, 2] * 6,
    (288, 224): [1, 2] * 6,
    (192, 352): [1, 2] * 6,
}
"""By size, of how many objects each held-out scene is."""
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


@dataclass(frozen=True)
class Asked:
    """What is to be painted.

    Attributes:
        captions: n prompts.
        size: of every picture.
        length: T5 tokens to pad the prompts to.
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
class Drawn:
    """A batch as it is learnt from.

    Attributes:
        asked: what is to be painted.
        pictures: how it looks, RGB bytes (n, height, width, 3).
        weights: as `token_weights`.
    """

    asked: Asked
    pictures: Tensor
    weights: Tensor


def drawn(lessons: FluxLessons, rng: Random) -> Drawn:
    """A batch of fresh scenes, all of one size."""
    counts = rng.choices(COUNTS, COUNT_WEIGHTS, k=lessons.batch)
    scenes = [training_scene(rng, count) for count in counts]
    size = rng.choices(SIZES, SIZE_WEIGHTS)[0]
    empty = lessons.empty_captions
    captions = ["" if rng.random() < empty else scene.caption for scene in scenes]
    asked = Asked(captions, size, rng.choices(LENGTHS, LENGTH_WEIGHTS)[0])
    pictures = as_bytes([draw(scene, *size) for scene in scenes])
    return Drawn(asked, pictures, token_weights(scenes, *size))


class FluxLearner(FlowLearner):
    """Trains a pipeline's transformer and text encoders; its VAE stays as it is."""

    def __init__(
        self,
        pipeline: FluxPipeline,
        device: torch.device,
        lessons: FluxLessons | None = None,
        seed: int = 0,
        drawers: int = 0,
    ) -> None:
        """Make ready to train a pipeline on a device, with so many processes that draw for it."""
        self.lessons = lessons or FluxLessons()
        self._batches = DrawnBatches(partial(drawn, self.lessons), seed, drawers)
        self.pipeline = pipeline.to(device)
        self.encode = read_encoder(pipeline.vae).to(device)
        network = nn.ModuleDict({name: getattr(pipeline, name) for name in PARTS})
        super().__init__(network, device, self.lessons, seed)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Figures]:  # noqa: ARG002 - the same all along
        """The mean squared error of the velocity, on a fresh batch."""
        batch = self._batches.of(step)
        clean = self.latents(batch.pictures)
        times = self._times(len(clean)).to(self.device)
        noise = torch.randn(clean.shape, generator=self.noise).to(self.device)
        error = self._velocity_error(self._network, clean, noise, times, batch.asked)
        return (error * batch.weights.to(self.device)).mean(), {}

    def latents(self, pictures: Tensor) -> Tensor:
        """RGB bytes (n, height, width, 3) as scaled, packed latents (n, tokens, 64)."""
        latents = self.encode(from_bytes(pictures.to(self.device)))
        return packed((latents - SHIFT) * SCALING)

    def _velocity_error(
        self,
        network: nn.Module,
        clean: Tensor,
        noise: Tensor,
        times: Tensor,
        asked: Asked,
    ) -> Tensor:
        t = times[:, None, None]
        velocity = self.velocity(network, (1 - t) * clean + t * noise, times, asked)
        return (velocity - (noise - clean)).pow(2)

    def velocity(self, network: nn.Module, noisy: Tensor, times: Tensor, asked: Asked) -> Tensor:
        """The direction from picture to noise that a network predicts.

        Args:
            network: like `network`.
            noisy: packed latents (n, tokens, 64).
            times: (n,), 0 to 1.
            asked: n prompts, and the pictures' size.

        Returns:
            As `noisy`, in float32.
        """
        with mixed_precision(self.device), self._attention():
            clip_ids = self._ids(self.pipeline.tokenizer, asked.captions, CLIP_LENGTH)
            t5_ids = self._ids(self.pipeline.tokenizer_2, asked.captions, asked.length)
            predicted: Tensor = network.get_submodule("transformer")(
                hidden_states=noisy,
                timestep=times,
                pooled_projections=network.get_submodule("text_encoder")(clip_ids).pooler_output,
                encoder_hidden_states=network.get_submodule("text_encoder_2")(t5_ids)[0],
                txt_ids=torch.zeros(asked.length, 3, device=self.device),
                img_ids=positions(*asked.grid).to(self.device),
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
        for size, counts in SCORED.items():
            scenes = unseen_scenes(99, counts)
            asked = Asked([scene.caption for scene in scenes], size)
            clean = self.latents(as_bytes([draw(scene, *size) for scene in scenes]))
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
            noise = noise.to(self.device)
            for time in SCORED_TIMES if size == COMMON else ():
                times = torch.full((len(scenes),), time, device=self.device)
                error = self._velocity_error(network, clean, noise, times, asked)
                figures[f"error at {time:g}"] = error.mean().item()
            pictures = self.paint(network, asked, noise)
            right = [check(*pair).right for pair in zip(pictures, scenes, strict=True)]
            figures[f"right at {size[0]}x{size[1]}"] = sum(right) / len(right)
        return figures

    @torch.no_grad()
    def paint(self, network: nn.Module, asked: Asked, noise: Tensor) -> list[Image.Image]:
        """Paint prompts from packed noise (n, tokens, 64) in four Euler steps."""
        latents = noise
        for step in range(SCORED_STEPS):
            times = torch.full((len(noise),), 1 - step / SCORED_STEPS, device=self.device)
            velocity = self.velocity(network, latents, times, asked)
            latents = latents - velocity / SCORED_STEPS
        decoded = self.pipeline.vae.decode(unpacked(latents, *asked.grid) / SCALING + SHIFT).sample
        return [as_picture(picture) for picture in decoded]


def packed(latents: Tensor) -> Tensor:
    """Latents (n, 16, h, w) as the transformer's tokens (n, h/2 · w/2, 64)."""
    n, c, h, w = latents.shape
    squares = latents.view(n, c, h // PATCH, PATCH, w // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * PATCH**2)


def unpacked(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """Tokens (n, rows · columns, 64) as latents (n, 16, 2 · rows, 2 · columns)."""
    n = len(tokens)
    squares = tokens.view(n, rows, columns, LATENT_CHANNELS, PATCH, PATCH)
    tall, wide = rows * PATCH, columns * PATCH
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(n, LATENT_CHANNELS, tall, wide)


def positions(rows: int, columns: int) -> Tensor:
    """The transformer's ids of a picture's tokens, (rows · columns, 3): 0, row and column."""
    return torch.cartesian_prod(
        torch.zeros(1), torch.arange(float(rows)), torch.arange(float(columns))
    )
