from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import Muon, Optimizer

from workers.training.common.muon import Float32Muon, orthogonalize

COEFFICIENTS = (3.4445, -4.775, 2.0315)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_singular_values_come_near_1_and_their_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalize(matrix, COEFFICIENTS, 5)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    between = left.T @ found @ right.T
    values = between.diagonal()
    assert ((values > 0.6) & (values < 1.3)).all()
    assert (between - values.diag()).abs().max() < 1e-4


def after_three_steps(make: Callable[..., Optimizer]) -> nn.Parameter:
    noise = torch.Generator().manual_seed(1)
    matrix = nn.Parameter(torch.randn(16, 8, generator=noise))
    optimizer = make([matrix], lr=0.02, momentum=0.95, weight_decay=0.01)
    for _ in range(3):
        matrix.grad = torch.randn(16, 8, generator=noise)
        optimizer.step()
    return matrix


def test_it_steps_as_torchs_own_but_for_rounding() -> None:
    ours, theirs = after_three_steps(Float32Muon), after_three_steps(Muon)
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)
