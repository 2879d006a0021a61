"""Shared parts of the demo FLUX learners: optimizers, learning rate, times, token weights."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import AdamW, Muon, Optimizer

from workers.training.common.muon import Float32Muon
from workers.training.common.trainer import warmup_stable_decay
from workers.training.flux.flux1_components import PATCH
from workers.training.scenes.palette import seeded_random
from workers.training.scenes.scene import Scene

PURE_NOISE_SHARE, NOISY_SHARE, NOISY_FROM = 0.15, 0.5, 0.8
TOKEN_SIDE = 16 * PATCH
"""Side in pixels of the area of one token."""
OBJECT_WEIGHT = 5.0
"""Weight of an error inside an object's box, relative to one outside: most of a picture is
background, and a shape is a few tokens, which would be learnt last."""


@dataclass(frozen=True)
class FlowHyperparameters:
    """Hyperparameters of the training.

    Attributes:
        batch: scenes per step.
        adam_rate: peak learning rate of all parameters except the block matrices.
        muon_rate: peak learning rate of the block matrices.
        warm_up: steps until the peak.
        decay: the share of the budget, at its end, over which the rates decay.
    """

    batch: int = 32
    adam_rate: float = 1e-3
    muon_rate: float = 0.02
    warm_up: int = 50
    decay: float = 0.7


class FlowLearner:
    """Trains a network by flow matching; subclasses compute the velocity and its loss."""

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        hyperparameters: FlowHyperparameters,
        seed: int,
    ) -> None:
        """Prepare to train a network, which has its transformer as "transformer", on a device."""
        self.device, self._hyperparameters = device, hyperparameters
        self.rng = seeded_random(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self._network = network.train()
        self._optimizers = self._make_optimizers()

    def _make_optimizers(self) -> list[tuple[Optimizer, float]]:
        """Muon for the matrices of the blocks, AdamW for all other parameters."""
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self._network.named_parameters():
            matrix = name.startswith("transformer.") and "blocks." in name and parameter.ndim == 2  # noqa: PLR2004 - a matrix
            modulation = ".linear." in name
            (matrices if matrix and not modulation else others).append(parameter)
        adam = AdamW(others, betas=(0.9, 0.99), weight_decay=0.01)
        kind = Float32Muon if self.device.type == "cpu" else Muon
        muon = kind(matrices, momentum=0.95, weight_decay=0.01)
        return [(adam, self._hyperparameters.adam_rate), (muon, self._hyperparameters.muon_rate)]

    @property
    def network(self) -> nn.Module:
        """The transformer and the text encoders, by their names in the pipeline."""
        return self._network

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW and Muon."""
        return self._optimizers

    def rate_factor(self, step: int, spent: float) -> float:
        """A warm-up, a constant part, then a linear decay."""
        hyperparameters = self._hyperparameters
        return warmup_stable_decay(step, spent, hyperparameters.warm_up, hyperparameters.decay)

    def _times(self, n: int) -> Tensor:
        """Random times of the flow, 0 (picture) to 1 (noise), more of them near noise.

        There the layout of the picture forms.
        """
        choice = torch.rand(n, generator=self.noise)
        time = torch.rand(n, generator=self.noise)
        noisy = NOISY_FROM + (1 - NOISY_FROM) * time
        return torch.where(
            choice < PURE_NOISE_SHARE, torch.ones(n), torch.where(choice < NOISY_SHARE, noisy, time)
        )

    def _attention(self) -> AbstractContextManager[None]:
        """A context that computes attention with the plain formula.

        On a CPU it is faster than the fused kernel at this size. On an H200 the kernel that torch
        2.11 selects, that of cuDNN, failed in the backward pass.
        """
        return sdpa_kernel(SDPBackend.MATH)


def token_weights(scenes: Sequence[Scene], width: int, height: int | None = None) -> Tensor:
    """Weights of the errors in each token of pictures of that size, (n, tokens, 1).

    They are `OBJECT_WEIGHT` inside an object's box and 1 elsewhere, scaled to a mean of 1.
    """
    across, down = width // TOKEN_SIDE, (height or width) // TOKEN_SIDE
    weights = torch.ones(len(scenes), down, across)
    for number, scene in enumerate(scenes):
        for placed in scene.objects:
            left, top, right, bottom = placed.box(across, down)
            rows = slice(max(0, math.floor(top)), math.ceil(bottom))
            columns = slice(max(0, math.floor(left)), math.ceil(right))
            weights[number, rows, columns] = OBJECT_WEIGHT
    return (weights / weights.mean((1, 2), keepdim=True)).flatten(1).unsqueeze(-1)
