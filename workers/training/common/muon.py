"""The Muon optimizer in float32, for processors without native bfloat16."""

import math

import torch
from torch import Tensor
from torch.optim import Muon


class Float32Muon(Muon):
    """torch's Muon with the direction of a step computed in float32.

    torch computes it in bfloat16. On a processor without native bfloat16 that took longer than
    the rest of the step. State and options are the same.
    """

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """Take a step with Nesterov momentum."""
        for group in self.param_groups:
            matrices: list[Tensor] = []
            gradients: list[Tensor] = []
            momenta: list[Tensor] = []
            self._init_group(group, matrices, gradients, momenta)
            for matrix, gradient, momentum in zip(matrices, gradients, momenta, strict=True):
                momentum.lerp_(gradient, 1 - group["momentum"])
                direction = orthogonalize(
                    gradient.lerp(momentum, group["momentum"]),
                    group["ns_coefficients"],
                    group["ns_steps"],
                )
                rate = group["lr"] * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(direction, alpha=-rate)


def orthogonalize(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, min_norm: float = 1e-7
) -> Tensor:
    """The matrix with nearly the same singular vectors and all singular values near 1.

    Newton-Schulz iteration x ← ax + (b·xxᵀ + c·(xxᵀ)²)x, on the side where xxᵀ is small.

    Args:
        matrix: rows by columns.
        coefficients: a, b and c.
        steps: number of iterations.
        min_norm: lower bound of the norm that the matrix is divided by.
    """
    a, b, c = coefficients
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = torch.div(x, x.norm().clamp(min=min_norm))
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, b * gram + c * gram @ gram, x, beta=a)
    return x if wide else x.T
