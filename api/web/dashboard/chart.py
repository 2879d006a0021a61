"""The data of a chart, in the form that the page's script reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.web.shared.formats import count, duration, money

Values = Sequence[float | int | None]


@dataclass(frozen=True)
class Chart:
    """Curves or bars over equal time steps.

    Attributes:
        id: part of an element's id.
        note: a short description, under the title.
        unit: count, seconds or dollars.
        starts: the start of each step.
        min_scale: the least height of the value axis.
    """

    id: str
    title: str
    note: str
    unit: str
    starts: Sequence[datetime]
    step_seconds: float
    series: dict[str, Values]
    min_scale: float = 1.0
    bars: bool = False

    @property
    def as_json(self) -> str:
        """The chart in the form that `charts.js` reads."""
        seconds = [round(start.timestamp()) for start in self.starts]
        return json.dumps(
            {
                "unit": self.unit,
                "step": self.step_seconds,
                "min_scale": self.min_scale,
                "bars": self.bars,
                "series": list(self.series),
                "data": [seconds, *self.series.values()],
            },
            separators=(",", ":"),
        )

    @property
    def summary(self) -> str:
        """The chart as text, for screen readers."""
        return "; ".join(
            f"{name} {self._summary_of(values)}" for name, values in self.series.items()
        )

    def _summary_of(self, values: Values) -> str:
        known = [value for value in values if value is not None]
        if not known:
            return "no data"
        return f"last {self._format(known[-1])}, at most {self._format(max(known))}"

    def _format(self, value: float) -> str:
        if self.unit == "seconds":
            return duration(value)
        return money(round(value * 1_000_000)) if self.unit == "dollars" else count(round(value))
