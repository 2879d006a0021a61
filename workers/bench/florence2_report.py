"""Report of a Florence-2 comparison: rates, and ratios to the stock classes and the roofline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.bench.florence2_comparison import Measurement
from workers.bench.florence2_roofline import DevicePeaks, Roofline

_HEADINGS = ("captions/s", "in turn", "x stock", "floor ms", "x floor", "GB")
_COLUMNS = (
    "captions_per_second",
    "captions_per_second_prepared_in_turn",
    "over_stock_ratio",
    "floor_milliseconds",
    "over_floor_ratio",
    "peak_gigabytes",
)


@dataclass(frozen=True)
class Report:
    """The measurements of a comparison beside the lower bounds.

    Attributes:
        measurements: they contain the stock classes with every width of the beam search.
        roofline: the lower bounds ("floor") of the model.
        peaks: the device's peaks; None for a device without a data sheet, and so without bounds.
        tokens: the length of each answer.
    """

    measurements: Sequence[Measurement]
    roofline: Roofline
    peaks: DevicePeaks | None
    tokens: int

    def as_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "tokens": self.tokens,
            "model": asdict(self.roofline),
            "card": asdict(self.peaks) if self.peaks else None,
            "entries": self._rows(),
        }

    def as_table(self) -> str:
        """The report as a table with a line per measurement."""
        columns = "".join(f"{heading:>12}" for heading in _HEADINGS)
        head = f"{'path':18}{'beams':>6}{'batch':>6}{columns}"
        return "\n".join([*self._preface(), "", head, *map(_line, self._rows())])

    def _preface(self) -> list[str]:
        roofline = self.roofline
        vision, encoder, token = (
            f"{flops / 1e9:.4g}"
            for flops in (roofline.vision_flops, roofline.encoder_flops, roofline.token_flops)
        )
        return [
            f"{roofline.parameters / 1e6:.1f} million parameters, {self.tokens} tokens per answer",
            f"GFLOP per picture: vision {vision}, encoder {encoder}; per token: decoder {token}",
            f"Preparing a picture: {self.measurements[0].prepare_seconds * 1e3:.1f} ms",
        ]

    def _rows(self) -> list[dict[str, Any]]:
        stock = {one.beams: one for one in self.measurements if one.path == "stock"}
        return [asdict(one) | self._derived(one, stock[one.beams]) for one in self.measurements]

    def _derived(self, one: Measurement, stock: Measurement) -> dict[str, float | None]:
        bound = self._lower_bound_seconds(one)
        in_turn = one.captions_per_second_prepared_in_turn
        return {
            "captions_per_second": one.captions_per_second,
            "captions_per_second_prepared_in_turn": in_turn,
            "over_stock_ratio": one.captions_per_second / stock.captions_per_second,
            "over_stock_prepared_in_turn_ratio": in_turn / stock.captions_per_second,
            "floor_milliseconds": bound and bound * 1e3,
            "over_floor_ratio": bound and one.seconds / bound,
            "peak_gigabytes": one.peak_bytes and one.peak_bytes / 1e9,
        }

    def _lower_bound_seconds(self, one: Measurement) -> float | None:
        if self.peaks is None:
            return None
        return self.roofline.seconds(
            self.peaks, batch=one.batch, beams=one.beams, tokens=self.tokens
        )


def _line(row: dict[str, Any]) -> str:
    cells = ("-" if row[name] is None else f"{row[name]:.4g}" for name in _COLUMNS)
    head = f"{row['path']:18}{row['beams']:6}{row['batch']:6}"
    return head + "".join(f"{cell:>12}" for cell in cells)
