"""Report of a calibration: how far scores are from what is right, before and after, by task."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from workers.catalog.florence2.calibration import Calibration
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.training.calibration.curve import Curve, Scorer, curve, separation
from workers.training.calibration.fitting import by_task
from workers.training.calibration.observations import Observation

ALL = "all"

Json = dict[str, Any]


def raw_score(observation: Observation) -> float:
    """The score before its calibration."""
    return observation.raw


def calibrated_score(calibration: Calibration) -> Scorer:
    """The score after it; the raw one where the task has none."""

    def score(observation: Observation) -> float:
        own = calibration.get(observation.task)
        return observation.raw if own is None else own.score(observation.evidence)

    return score


class CalibrationReport:
    """The figures of raw and calibrated scores over the same observations."""

    def __init__(self, observations: Sequence[Observation], calibration: Calibration) -> None:
        """Compare both over these observations; all together are those of calibrated tasks."""
        self._groups = {BY_TOKEN[task].name: own for task, own in by_task(observations).items()}
        calibrated = [each for each in observations if each.task in calibration]
        self._groups[ALL] = calibrated or list(observations)
        self._scorers = {"raw": raw_score, "calibrated": calibrated_score(calibration)}

    def curves(self, task: str = ALL) -> dict[str, Curve]:
        """The curves of a task, by plain name: "raw" and "calibrated"."""
        own = self._groups[task]
        return {name: curve(own, scorer) for name, scorer in self._scorers.items()}

    def as_json(self) -> Json:
        """Everything, for programs; shares from 0 to 1."""
        return {task: self._task_json(task) for task in self._groups}

    def _task_json(self, task: str) -> Json:
        own = self._groups[task]
        curves = self.curves(task)
        figures = {
            name: {
                "calibration_error": round(each.error, 4),
                "separation": separation(own, self._scorers[name]),
                "bins": [asdict(part) for part in each.bins],
            }
            for name, each in curves.items()
        }
        either = curves["raw"]
        return {"instances": either.count, "right": round(either.share_right, 4), **figures}

    def lines(self) -> Iterator[str]:
        """Two tables in Markdown: the errors by task, and the curves of all tasks together."""
        yield "| task | instances | right | error, raw | error | separation, raw | separation |"
        yield "|---|---|---|---|---|---|---|"
        for task in self._groups:
            facts = self._task_json(task)
            raw, own = facts["raw"], facts["calibrated"]
            yield (
                f"| {task} | {facts['instances']} | {facts['right']:.3f} "
                f"| {raw['calibration_error']:.3f} | {own['calibration_error']:.3f} "
                f"| {_share(raw['separation'])} | {_share(own['separation'])} |"
            )
        yield ""
        yield "| scores | raw: number | mean score | right | calibrated: number | mean | right |"
        yield "|---|---|---|---|---|---|---|"
        yield from self._curve_lines()

    def _curve_lines(self) -> Iterator[str]:
        curves = {
            name: {part.low: part for part in each.bins} for name, each in self.curves().items()
        }
        for low in sorted({low for each in curves.values() for low in each}):
            cells = [f"{low:.1f} to {low + 0.1:.1f}"]
            for each in curves.values():
                part = each.get(low)
                cells += (
                    [str(part.count), f"{part.predicted:.3f}", f"{part.observed:.3f}"]
                    if part
                    else ["0", "", ""]
                )
            yield f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
