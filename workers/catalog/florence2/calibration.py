"""Calibration of Florence-2's scores: from what the model held likely to a share of right answers.

A calibrated score is the share of instances with the same evidence that are right: their label is,
and they overlap the true instance by half or more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workers.catalog.florence2.tasks import TASKS

FILE = "calibration.json"
"""The file beside local weights that holds their calibration: coefficients by a task's name."""

MAX_COEFFICIENT = 1000
"""The largest magnitude of a coefficient: beyond, a score is 0 or 1 whatever the evidence."""

CALIBRATED = tuple(task for task in TASKS if task.places)
"""The tasks whose scores can be calibrated: those with an instance in the answer."""

_Coefficient = Annotated[float, Field(ge=-MAX_COEFFICIENT, le=MAX_COEFFICIENT)]


@dataclass(frozen=True)
class Evidence:
    """Evidence of one instance in the model's own probabilities.

    Attributes:
        label: log-probability of the least likely token of its label; 0 without a label.
        place: natural logarithm of the mean doubt about its edges or corners, as a share of its
            extent in that direction; 0 where the answer has no place of its own.
    """

    label: float
    place: float


class TaskCalibration(BaseModel):
    """A logistic model of one task's scores: the logarithm of the odds is linear in the evidence.

    Attributes:
        bias: the logarithm of the odds where the evidence is 0.
        label: its increase for each unit of `Evidence.label`.
        place: its increase for each unit of `Evidence.place`; negative, as doubt lowers it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    bias: _Coefficient
    label: _Coefficient = 0.0
    place: _Coefficient = 0.0

    def score(self, evidence: Evidence) -> float:
        """The share of right ones among instances with this evidence, 0 to 1."""
        odds = self.bias + self.label * evidence.label + self.place * evidence.place
        return 0.5 * (1 + math.tanh(odds / 2))  # the logistic function, without an overflow


Calibration = Mapping[str, TaskCalibration]
"""The calibrations of a model by task token; a task without one has no calibrated scores."""

_FILE = TypeAdapter(dict[str, TaskCalibration])
_TOKENS = {task.name: task.token for task in CALIBRATED}


def read_calibration(folder: Path) -> Calibration:
    """The calibration that lies beside weights in a folder; empty where there is none.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    return calibration_of(_FILE.validate_json(path.read_bytes()))


def calibration_of(named: Mapping[str, TaskCalibration]) -> Calibration:
    """The calibration with these ones by a task's name.

    Raises:
        ValueError: a task has no scores to calibrate.
    """
    unknown = sorted(set(named) - set(_TOKENS))
    if unknown:
        raise ValueError(f"{unknown[0]} is no task with scores to calibrate")
    return {_TOKENS[name]: each for name, each in named.items()}


def as_document(calibration: Calibration) -> dict[str, dict[str, float]]:
    """The content of the file: coefficients by a task's name."""
    return {
        task.name: calibration[task.token].model_dump()
        for task in CALIBRATED
        if task.token in calibration
    }
