"""Fitting of a calibration to observations, by the largest likelihood."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import torch

from workers.catalog.florence2.calibration import Calibration, TaskCalibration
from workers.training.calibration.observations import Observation

HELD_ONE_IN = 5
LEAST = 40
"""A task has a calibration with so many instances at least."""

LEAST_OF_EACH = 20
"""And with so many right and so many wrong ones: else nothing tells what evidence means."""

_PENALTY = 1e-3
"""Weight of the squared coefficients beside the mean loss: finite where evidence tells all."""

_ROUNDS = 200
_DIGITS = 4


class TooFewError(Exception):
    """A task has too few right or wrong observations; the message has their numbers."""


def by_task(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    """The observations by task token."""
    ordered = sorted(observations, key=lambda each: each.task)
    return {task: list(own) for task, own in groupby(ordered, key=lambda each: each.task)}


def is_held(observation: Observation) -> bool:
    """True for an observation that is measured, and not fitted: one picture of five."""
    return observation.picture % HELD_ONE_IN == 0


def fit_tasks(observations: Iterable[Observation]) -> tuple[Calibration, dict[str, str]]:
    """The calibration by all observations, and the reasons why tasks have none, by token."""
    calibration: dict[str, TaskCalibration] = {}
    reasons: dict[str, str] = {}
    for task, own in by_task(observations).items():
        try:
            calibration[task] = fit(own)
        except TooFewError as error:
            reasons[task] = str(error)
    return calibration, reasons


def fit(observations: Sequence[Observation]) -> TaskCalibration:
    """The logistic model of one task's observations.

    Where nearly all are right, or wrong, there is nothing to learn the evidence from. A constant
    share would be well calibrated over the fit, and say nothing about any instance.

    Raises:
        TooFewError: there are too few, or too few of either kind.
    """
    right = sum(each.is_right for each in observations)
    wrong = len(observations) - right
    if right + wrong < LEAST or min(right, wrong) < LEAST_OF_EACH:
        raise TooFewError(
            f"{right} right and {wrong} wrong instances: "
            f"{LEAST} are needed, and {LEAST_OF_EACH} of either kind"
        )
    rows = [[1.0, each.evidence.label, each.evidence.place] for each in observations]
    bias, label, place = _solve(
        torch.tensor(rows, dtype=torch.float64),
        torch.tensor([float(each.is_right) for each in observations], dtype=torch.float64),
    )
    return TaskCalibration(bias=bias, label=label, place=place)


def _solve(rows: torch.Tensor, flags: torch.Tensor) -> list[float]:
    weights = torch.zeros(rows.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fault = torch.nn.functional.binary_cross_entropy_with_logits(rows @ weights, flags)
        total = fault + _PENALTY * (weights[1:] ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return [round(each, _DIGITS) for each in weights.detach().tolist()]
