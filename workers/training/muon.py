"""Muon for processors that do not compute in bfloat16 themselves."""

import math

import torch
from torch import Tensor
from torch.optim import Muon


class Float32Muon(Muon):
    """torch's Muon with the direction of a step found in float32.

    torch's own finds it in bfloat16, which took such a processor longer than all the rest of a
    step. State and options are the same.
    """

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """Take a step with Nesterov's momentum."""
        for group in self.param_groups:
            matrices: list[Tensor] = []
            gradients: list[Tensor] = []
            momenta: list[Tensor] = []
            self._init_group(group, matrices, gradients, momenta)
            for matrix, gradient, momentum in zip(matrices, gradients, momenta, strict=True):
                momentum.lerp_(gradient, 1 - group["momentum"])
                direction = orthogonalised(
                    gradient.lerp(momentum, group["momentum"]),
                    group["ns_coefficients"],
                    group["ns_steps"],
                )
                rate = group["lr"] * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(direction, alpha=-rate)


def orthogonalised(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, least: float = 1e-7
) -> Tensor:
    """A matrix with about its singular vectors, and all singular values near 1.

    Newton and Schulz's iteration x ← ax + (b·xxᵀ + c·(xxᵀ)²)x, on the side where xxᵀ is small.

    Args:
        matrix: rows by columns.
        coefficients: a, b and c.
        steps: how often.
        least: what a smaller norm is taken for.
    """
    a, b, c = coefficients
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = torch.div(x, x.norm().clamp(min=least))
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, b * gram + c * gram @ gram, x, beta=a)
    return x if wide else x.T
