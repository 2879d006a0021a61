"""What the demo FLUXes' learners share: optimizers, a course of the rate, times and weights."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import AdamW, Muon, Optimizer

from workers.training.flux.flux1_components import PATCH
from workers.training.loop import flat_then_falling
from workers.training.muon import Float32Muon
from workers.training.scenes.palette import lots
from workers.training.scenes.scene import Scene

PURE_NOISE_SHARE, NOISY_SHARE, NOISY_FROM = 0.15, 0.5, 0.8
TOKEN_SIDE = 16 * PATCH
"""Pixels to a side of what one token stands for."""
OBJECT_WEIGHT = 5.0
"""Of an error where an object is, against one elsewhere: most of a picture is background, and a
shape is a few tokens that would be learnt last."""


@dataclass(frozen=True)
class FlowLessons:
    """How to train.

    Attributes:
        batch: scenes a step.
        adam_rate: peak learning rate of everything but the block matrices.
        muon_rate: peak learning rate of the block matrices.
        warm_up: steps until the peak.
        falling: the share of the budget, at its end, over which the rates fall.
    """

    batch: int = 32
    adam_rate: float = 1e-3
    muon_rate: float = 0.02
    warm_up: int = 50
    falling: float = 0.7


class FlowLearner:
    """Trains a network by flow matching; how its velocity is found is for subclasses to say."""

    def __init__(
        self, network: nn.Module, device: torch.device, lessons: FlowLessons, seed: int
    ) -> None:
        """Make ready to train a network, its transformer under that name, on a device."""
        self.device, self._lessons = device, lessons
        self.rng = lots(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self._network = network.train()
        self._optimizers = self._make_optimizers()

    def _make_optimizers(self) -> list[tuple[Optimizer, float]]:
        """Muon for the matrices of the blocks, AdamW for everything else."""
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self._network.named_parameters():
            matrix = name.startswith("transformer.") and "blocks." in name and parameter.ndim == 2  # noqa: PLR2004 - a matrix
            modulation = ".linear." in name
            (matrices if matrix and not modulation else others).append(parameter)
        adam = AdamW(others, betas=(0.9, 0.99), weight_decay=0.01)
        kind = Float32Muon if self.device.type == "cpu" else Muon
        muon = kind(matrices, momentum=0.95, weight_decay=0.01)
        return [(adam, self._lessons.adam_rate), (muon, self._lessons.muon_rate)]

    @property
    def network(self) -> nn.Module:
        """The transformer and what encodes its text, by their names in the pipeline."""
        return self._network

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW and Muon."""
        return self._optimizers

    def rate(self, step: int, spent: float) -> float:
        """Up, flat, then falling to the end."""
        return flat_then_falling(step, spent, self._lessons.warm_up, self._lessons.falling)

    def _times(self, n: int) -> Tensor:
        """Times of the flow, 0 (picture) to 1 (noise), more of them where layout forms."""
        lot = torch.rand(n, generator=self.noise)
        time = torch.rand(n, generator=self.noise)
        noisy = NOISY_FROM + (1 - NOISY_FROM) * time
        return torch.where(
            lot < PURE_NOISE_SHARE, torch.ones(n), torch.where(lot < NOISY_SHARE, noisy, time)
        )

    def _attention(self) -> AbstractContextManager[None]:
        """The plain formula.

        On a CPU it is quicker than the fused kernel at this size; on an H200 the kernel that torch
        2.11 chose, cuDNN's, failed on the way back.
        """
        return sdpa_kernel(SDPBackend.MATH)


def token_weights(scenes: Sequence[Scene], width: int, height: int | None = None) -> Tensor:
    """How much errors in each token of pictures of that size count, (n, tokens, 1).

    `OBJECT_WEIGHT` where the box of an object is and 1 elsewhere, scaled to 1 on average.
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
