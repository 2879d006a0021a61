"""What a chart shows, as the page's script reads it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.web.shared.formats import count, duration, money

Values = Sequence[float | int | None]


@dataclass(frozen=True)
class Chart:
    """Curves, or columns, over common steps of time.

    Attributes:
        id: part of an element's id.
        note: what the figures are, under the title.
        unit: count, seconds or dollars.
        starts: where each step begins.
        least: the height of the scale is never less.
    """

    id: str
    title: str
    note: str
    unit: str
    starts: Sequence[datetime]
    step_seconds: float
    series: dict[str, Values]
    least: float = 1.0
    bars: bool = False

    @property
    def as_json(self) -> str:
        """The chart as `charts.js` draws it."""
        seconds = [round(start.timestamp()) for start in self.starts]
        return json.dumps(
            {
                "unit": self.unit,
                "step": self.step_seconds,
                "least": self.least,
                "bars": self.bars,
                "series": list(self.series),
                "data": [seconds, *self.series.values()],
            },
            separators=(",", ":"),
        )

    @property
    def summary(self) -> str:
        """The chart in words, for whoever does not see it."""
        return "; ".join(f"{name} {self._told(values)}" for name, values in self.series.items())

    def _told(self, values: Values) -> str:
        known = [value for value in values if value is not None]
        if not known:
            return "no figures"
        return f"last {self._one(known[-1])}, at most {self._one(max(known))}"

    def _one(self, value: float) -> str:
        if self.unit == "seconds":
            return duration(value)
        return money(round(value * 1_000_000)) if self.unit == "dollars" else count(round(value))
