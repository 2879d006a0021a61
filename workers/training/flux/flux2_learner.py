"""Training of a demo FLUX.2: flow matching on prompts with and without reference pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import Flux2KleinPipeline
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from workers.training.common.trainer import Metrics, mixed_precision
from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import FlowHyperparameters, FlowLearner, token_weights
from workers.training.flux.flux1_components import SCALING, SHIFT
from workers.training.flux.flux1_learner import pack, unpack
from workers.training.flux.flux2_components import LAYERS_READ, LIVE_LAYERS, make_shallow
from workers.training.flux.vae import as_picture, as_tensor, read_encoder
from workers.training.scenes.reference_example import (
    ReferenceExample,
    training_example,
    unseen_examples,
)
from workers.training.scenes.scene import Scene, draw

SIDE = 256
"""Side in pixels of most pictures, and of all reference pictures."""
SIDES, SIDE_WEIGHTS = (SIDE, 192, 224, 288, 320), (0.6, 0.1, 0.1, 0.1, 0.1)
ENCODER_SCALE = 2
"""The encoder first halves a picture, so scenes are drawn at half the size and enlarged."""
TEXT_LENGTH = 24
"""Tokens of a prompt, in training and in service."""
REFERENCES, REFERENCE_WEIGHTS = (0, 1, 2), (0.4, 0.5, 0.1)
SCORED = {
    "words": (0, 12, SIDE),
    "one reference": (1, 12, SIDE),
    "two references": (2, 8, SIDE),
    "one reference, 192": (1, 12, 192),
    "one reference, 320": (1, 12, 320),
}
"""References, number of examples and side of the pictures, by the name of the held-out metric."""
SCORED_SEED = 99
SCORED_TIMES = (1.0, 0.75, 0.5)
STEPS = 4


@dataclass(frozen=True)
class Batch:
    """Encoded examples with the same number of references.

    Attributes:
        prompts: n prompts.
        clean: the targets, packed latents (n, tokens, 64).
        references: the packed latents of k reference pictures, each (n, 64, 64).
        weights: weights of the errors in each token of the targets (n, tokens, 1), 1 on average.
    """

    prompts: Sequence[str]
    clean: Tensor
    references: Sequence[Tensor]
    weights: Tensor


class Flux2Learner(FlowLearner):
    """Trains a pipeline's transformer and text encoder, but not its VAE."""

    def __init__(
        self,
        pipeline: Flux2KleinPipeline,
        device: torch.device,
        hyperparameters: FlowHyperparameters | None = None,
        seed: int = 0,
    ) -> None:
        """Prepare to train a pipeline on a device."""
        self.pipeline = pipeline.to(device)
        self.encode = read_encoder(pipeline.vae).to(device)
        self.hyperparameters = hyperparameters or FlowHyperparameters()
        encoder = make_shallow(pipeline.text_encoder, pipeline.tokenizer).to(device)
        parts = {"transformer": pipeline.transformer, "text_encoder": encoder}
        network = nn.ModuleDict(parts)
        super().__init__(network, device, self.hyperparameters, seed)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Metrics]:  # noqa: ARG002 - the same all along
        """The weighted mean squared error of the velocity on a new batch."""
        count = self.rng.choices(REFERENCES, REFERENCE_WEIGHTS)[0]
        examples = [training_example(self.rng, count) for _ in range(self.hyperparameters.batch)]
        times = self._times(len(examples)).to(self.device)
        batch = self.encode_batch(examples, self.rng.choices(SIDES, SIDE_WEIGHTS)[0])
        noise = torch.randn(batch.clean.shape, generator=self.noise).to(self.device)
        error = self._velocity_error(self._network, batch, noise, times)
        return (error * batch.weights).mean(), {}

    def encode_batch(self, examples: Sequence[ReferenceExample], side: int = SIDE) -> Batch:
        """Encode examples that have the same number of references, with targets of that side."""
        targets = [example.target for example in examples]
        clean = self._latents(targets, side)
        columns = zip(*(example.references for example in examples), strict=True)
        references = [self._latents(scenes, SIDE) for scenes in columns]
        weights = token_weights(targets, side).to(self.device)
        return Batch([example.prompt for example in examples], clean, references, weights)

    def _latents(self, scenes: Sequence[Scene], side: int) -> Tensor:
        drawn = as_tensor([draw(scene, side // ENCODER_SCALE) for scene in scenes])
        enlarged = functional.interpolate(drawn.to(self.device), scale_factor=ENCODER_SCALE)
        encoded = self.encode(enlarged)
        return pack((encoded - SHIFT) * SCALING)

    def _velocity_error(
        self, network: nn.Module, batch: Batch, noise: Tensor, times: Tensor
    ) -> Tensor:
        t = times[:, None, None]
        noisy = (1 - t) * batch.clean + t * noise
        velocity = self.velocity(network, noisy, times, batch)
        return (velocity - (noise - batch.clean)).pow(2)

    def velocity(self, network: nn.Module, noisy: Tensor, times: Tensor, batch: Batch) -> Tensor:
        """The predicted direction from picture to noise, computed as in the klein pipeline.

        Args:
            network: a network like `network`.
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
            text = self._embed_prompts(network, batch.prompts)
            predicted: Tensor = network.get_submodule("transformer")(
                hidden_states=torch.cat(pictures, dim=1),
                timestep=times,
                encoder_hidden_states=text,
                txt_ids=self.pipeline._prepare_text_ids(text).to(self.device),  # noqa: SLF001 - as in service
                img_ids=ids.to(self.device),
                return_dict=False,
            )[0]
        return predicted[:, : tokens[0]].float()

    def _embed_prompts(self, network: nn.Module, prompts: Sequence[str]) -> Tensor:
        embeddings: Tensor = self.pipeline._get_qwen3_prompt_embeds(  # noqa: SLF001 - as in service
            network.get_submodule("text_encoder"),
            self.pipeline.tokenizer,
            list(prompts),
            max_sequence_length=TEXT_LENGTH,
            hidden_states_layers=[LIVE_LAYERS] * len(LAYERS_READ),
        )
        return embeddings

    @torch.no_grad()
    def held_out_metrics(self, network: nn.Module) -> Metrics:
        """Errors of the velocity by time, and shares of right pictures of unseen examples."""
        metrics: Metrics = {}
        for name, (references, count, side) in SCORED.items():
            examples = unseen_examples(SCORED_SEED, [references] * count)
            batch = self.encode_batch(examples, side)
            noise = torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(5))
            noise = noise.to(self.device)
            for time in SCORED_TIMES if side == SIDE else ():
                times = torch.full((count,), time, device=self.device)
                error = self._velocity_error(network, batch, noise, times)
                metrics[f"{name} at {time:g}"] = error.mean().item()
            pictures = self.generate(network, batch, noise)
            targets = [example.target for example in examples]
            right = [check(*pair).right for pair in zip(pictures, targets, strict=True)]
            metrics[f"{name} right"] = sum(right) / count
        return metrics

    @torch.no_grad()
    def generate(self, network: nn.Module, batch: Batch, noise: Tensor) -> list[Image.Image]:
        """Generate a batch's pictures from packed noise (n, tokens, 64) in four Euler steps."""
        latents = noise
        for step in range(STEPS):
            times = torch.full((len(noise),), 1 - step / STEPS, device=self.device)
            latents = latents - self.velocity(network, latents, times, batch) / STEPS
        side = math.isqrt(latents.shape[1])
        decoded = self.pipeline.vae.decode(unpack(latents, side, side) / SCALING + SHIFT).sample
        return [as_picture(picture) for picture in decoded]


def positions(number: int, tokens: int) -> Tensor:
    """The transformer's position ids of a square picture, (tokens, 4): number, row, column, 0.

    Args:
        number: 0 for the generated picture, 10 for the first reference, then 20 and so on.
        tokens: the number of tokens, a square number.
    """
    side = torch.arange(int(tokens**0.5))
    return torch.cartesian_prod(torch.tensor([number]), side, side, torch.tensor([0]))
