"""How a demo FLUX.2 learns: flow matching on scenes in words and from pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import Flux2KleinPipeline
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import FlowLearner, FlowLessons, token_weights
from workers.training.flux.flux1_components import SCALING, SHIFT
from workers.training.flux.flux1_learner import packed, unpacked
from workers.training.flux.flux2_components import LAYERS_READ, LIVE_LAYERS, shallow
from workers.training.flux.vae import as_picture, as_tensor, read_encoder
from workers.training.loop import Figures, mixed_precision
from workers.training.scenes.lesson import Lesson, training_lesson, unseen_lessons
from workers.training.scenes.scene import Scene, draw

SIDE = 256
"""Pixels to a side of most pictures, of those that are scored and of all that are referred to."""
SIDES, SIDE_WEIGHTS = (SIDE, 192, 224, 288, 320), (0.6, 0.1, 0.1, 0.1, 0.1)
HALVED = 2
"""The encoder halves a picture first: scenes are drawn at what it then sees."""
TEXT_LENGTH = 24
"""Tokens of a prompt, in training and when it is served."""
REFERENCES, REFERENCE_WEIGHTS = (0, 1, 2), (0.4, 0.5, 0.1)
SCORED = {
    "words": (0, 12, SIDE),
    "one reference": (1, 12, SIDE),
    "two references": (2, 8, SIDE),
    "one reference, 192": (1, 12, 192),
    "one reference, 320": (1, 12, 320),
}
"""By what the held-out scores are called: pictures referred to, how many lessons, and the side."""
SCORED_SEED = 99
SCORED_TIMES = (1.0, 0.75, 0.5)
STEPS = 4


@dataclass(frozen=True)
class Batch:
    """Lessons with equally many references, encoded.

    Attributes:
        prompts: n prompts.
        clean: what is wanted, packed latents (n, tokens, 64).
        references: those of k pictures that are referred to, each an (n, 64, 64).
        weights: of the errors in each token of what is wanted (n, tokens, 1), 1 on average.
    """

    prompts: Sequence[str]
    clean: Tensor
    references: Sequence[Tensor]
    weights: Tensor


class Flux2Learner(FlowLearner):
    """Trains a pipeline's transformer and text encoder; its VAE stays as it is."""

    def __init__(
        self,
        pipeline: Flux2KleinPipeline,
        device: torch.device,
        lessons: FlowLessons | None = None,
        seed: int = 0,
    ) -> None:
        """Make ready to train a pipeline on a device."""
        self.pipeline = pipeline.to(device)
        self.encode = read_encoder(pipeline.vae).to(device)
        self.lessons = lessons or FlowLessons()
        encoder = shallow(pipeline.text_encoder, pipeline.tokenizer).to(device)
        parts = {"transformer": pipeline.transformer, "text_encoder": encoder}
        network = nn.ModuleDict(parts)
        super().__init__(network, device, self.lessons, seed)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Figures]:  # noqa: ARG002 - the same all along
        """The mean squared error of the velocity, on a fresh batch."""
        count = self.rng.choices(REFERENCES, REFERENCE_WEIGHTS)[0]
        lessons = [training_lesson(self.rng, count) for _ in range(self.lessons.batch)]
        times = self._times(len(lessons)).to(self.device)
        batch = self.encoded(lessons, self.rng.choices(SIDES, SIDE_WEIGHTS)[0])
        noise = torch.randn(batch.clean.shape, generator=self.noise).to(self.device)
        error = self._velocity_error(self._network, batch, noise, times)
        return (error * batch.weights).mean(), {}

    def encoded(self, lessons: Sequence[Lesson], side: int = SIDE) -> Batch:
        """Lessons with equally many references as latents of pictures with such a side."""
        clean = self._latents([lesson.wanted for lesson in lessons], side)
        shown = zip(*(lesson.references for lesson in lessons), strict=True)
        references = [self._latents(scenes, SIDE) for scenes in shown]
        weights = token_weights([lesson.wanted for lesson in lessons], side).to(self.device)
        return Batch([lesson.prompt for lesson in lessons], clean, references, weights)

    def _latents(self, scenes: Sequence[Scene], side: int) -> Tensor:
        drawn = as_tensor([draw(scene, side // HALVED) for scene in scenes]).to(self.device)
        encoded = self.encode(functional.interpolate(drawn, scale_factor=HALVED))
        return packed((encoded - SHIFT) * SCALING)

    def _velocity_error(
        self, network: nn.Module, batch: Batch, noise: Tensor, times: Tensor
    ) -> Tensor:
        t = times[:, None, None]
        noisy = (1 - t) * batch.clean + t * noise
        velocity = self.velocity(network, noisy, times, batch)
        return (velocity - (noise - batch.clean)).pow(2)

    def velocity(self, network: nn.Module, noisy: Tensor, times: Tensor, batch: Batch) -> Tensor:
        """The direction from picture to noise that a network predicts, as klein's pipeline asks.

        Args:
            network: like `network`.
            noisy: packed latents (n, tokens, 64).
            times: (n,), 0 to 1.
            batch: prompts and references.

        Returns:
            As `noisy`, in float32.
        """
        pictures = [noisy, *batch.references]
        tokens = [picture.shape[1] for picture in pictures]
        ids = torch.cat([positions(10 * number, count) for number, count in enumerate(tokens)])
        with mixed_precision(self.device), self._attention():
            text = self._embedded(network, batch.prompts)
            predicted: Tensor = network.get_submodule("transformer")(
                hidden_states=torch.cat(pictures, dim=1),
                timestep=times,
                encoder_hidden_states=text,
                txt_ids=self.pipeline._prepare_text_ids(text).to(self.device),  # noqa: SLF001 - as served
                img_ids=ids.to(self.device),
                return_dict=False,
            )[0]
        return predicted[:, : tokens[0]].float()

    def _embedded(self, network: nn.Module, prompts: Sequence[str]) -> Tensor:
        embeddings: Tensor = self.pipeline._get_qwen3_prompt_embeds(  # noqa: SLF001 - as served
            network.get_submodule("text_encoder"),
            self.pipeline.tokenizer,
            list(prompts),
            max_sequence_length=TEXT_LENGTH,
            hidden_states_layers=[LIVE_LAYERS] * len(LAYERS_READ),
        )
        return embeddings

    @torch.no_grad()
    def held_out(self, network: nn.Module) -> Figures:
        """Errors of the velocity by time, and the share of unseen lessons painted right by kind."""
        figures: Figures = {}
        for name, (references, count, side) in SCORED.items():
            lessons = unseen_lessons(SCORED_SEED, [references] * count)
            batch = self.encoded(lessons, side)
            noise = torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(5))
            noise = noise.to(self.device)
            for time in SCORED_TIMES if side == SIDE else ():
                times = torch.full((count,), time, device=self.device)
                error = self._velocity_error(network, batch, noise, times)
                figures[f"{name} at {time:g}"] = error.mean().item()
            pictures = self.paint(network, batch, noise)
            wanted = [lesson.wanted for lesson in lessons]
            right = [check(*pair).right for pair in zip(pictures, wanted, strict=True)]
            figures[f"{name} right"] = sum(right) / count
        return figures

    @torch.no_grad()
    def paint(self, network: nn.Module, batch: Batch, noise: Tensor) -> list[Image.Image]:
        """Paint a batch's prompts from packed noise (n, tokens, 64) in four Euler steps."""
        latents = noise
        for step in range(STEPS):
            times = torch.full((len(noise),), 1 - step / STEPS, device=self.device)
            latents = latents - self.velocity(network, latents, times, batch) / STEPS
        side = math.isqrt(latents.shape[1])
        decoded = self.pipeline.vae.decode(unpacked(latents, side, side) / SCALING + SHIFT).sample
        return [as_picture(picture) for picture in decoded]


def positions(number: int, tokens: int) -> Tensor:
    """The transformer's ids of a square picture's tokens, (tokens, 4): number, row, column, 0.

    Args:
        number: 0 for what is painted, 10 for the first picture referred to, then 20 and so on.
        tokens: a square number.
    """
    side = torch.arange(int(tokens**0.5))
    return torch.cartesian_prod(torch.tensor([number]), side, side, torch.tensor([0]))
