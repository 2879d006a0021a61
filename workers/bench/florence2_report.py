"""What a contest of Florence-2 came to: rates, and ratios to the stock classes and the floor."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.bench.florence2_contest import Entry
from workers.bench.florence2_floor import Card, Floor

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
    """A contest's entries beside what arithmetic says.

    Attributes:
        entries: the stock classes' with every width of the beam search that others have.
        floor: of the model.
        card: the device's peaks; None for one that has no data sheet here, and so no floor.
        tokens: of each answer.
    """

    entries: Sequence[Entry]
    floor: Floor
    card: Card | None
    tokens: int

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "tokens": self.tokens,
            "model": asdict(self.floor),
            "card": asdict(self.card) if self.card else None,
            "entries": self._rows(),
        }

    def as_table(self) -> str:
        """The same for people, a line for each entry."""
        columns = "".join(f"{heading:>12}" for heading in _HEADINGS)
        head = f"{'path':18}{'beams':>6}{'batch':>6}{columns}"
        return "\n".join([*self._preface(), "", head, *map(_line, self._rows())])

    def _preface(self) -> list[str]:
        floor = self.floor
        see, read, write = (
            f"{flops / 1e9:.4g}"
            for flops in (floor.vision_flops, floor.encoder_flops, floor.token_flops)
        )
        return [
            f"{floor.parameters / 1e6:.1f} million parameters, {self.tokens} tokens an answer",
            f"GFLOP: {see} to see a picture, {read} to read it, {write} to write a token",
            f"Preparing a picture: {self.entries[0].prepare_seconds * 1e3:.1f} ms",
        ]

    def _rows(self) -> list[dict[str, Any]]:
        stock = {entry.beams: entry for entry in self.entries if entry.path == "stock"}
        return [asdict(entry) | self._derived(entry, stock[entry.beams]) for entry in self.entries]

    def _derived(self, entry: Entry, stock: Entry) -> dict[str, float | None]:
        least = self._least_seconds(entry)
        in_turn = entry.captions_per_second_prepared_in_turn
        return {
            "captions_per_second": entry.captions_per_second,
            "captions_per_second_prepared_in_turn": in_turn,
            "over_stock_ratio": entry.captions_per_second / stock.captions_per_second,
            "over_stock_prepared_in_turn_ratio": in_turn / stock.captions_per_second,
            "floor_milliseconds": least and least * 1e3,
            "over_floor_ratio": least and entry.seconds / least,
            "peak_gigabytes": entry.peak_bytes and entry.peak_bytes / 1e9,
        }

    def _least_seconds(self, entry: Entry) -> float | None:
        if self.card is None:
            return None
        return self.floor.seconds(
            self.card, batch=entry.batch, beams=entry.beams, tokens=self.tokens
        )


def _line(row: dict[str, Any]) -> str:
    cells = ("-" if row[name] is None else f"{row[name]:.4g}" for name in _COLUMNS)
    whose = f"{row['path']:18}{row['beams']:6}{row['batch']:6}"
    return whose + "".join(f"{cell:>12}" for cell in cells)
