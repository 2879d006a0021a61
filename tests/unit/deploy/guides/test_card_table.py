"""The README's table of cards says what the memory plan decides."""

import re

import pytest

from tests.support.guides import ROOT
from workers import catalog
from workers.adapters.serving.choose import DoesNotFitError
from workers.adapters.serving.device_budget import of_card
from workers.adapters.serving.memory_plan import plan_variant
from workers.catalog.serving import Offload
from workers.catalog.variant import Family, Variant

COLUMNS: list[list[str]] = [
    ["flux.2-klein-4b"],
    ["flux.2-klein-9b"],
    [row.id for row in catalog.variants() if re.match(r"flux\.1-(schnell|.*dev)$", row.id)],
    ["flux.2-dev"],
    [row.id for row in catalog.variants() if row.family is Family.FLORENCE2],
]
"""The models of each column after the first."""


def table() -> dict[int, list[str]]:
    """The cells of each row, by the card's gigabytes."""
    lines = (ROOT / "README.md").read_text().splitlines()
    rows = [re.match(r"\| (\d+) GB \|(.*)\|$", line) for line in lines]
    return {
        int(row[1]): [cell.strip() for cell in row[2].split("|")] for row in rows if row is not None
    }


def decided(variant: Variant, gigabytes: int) -> str:
    """The way of a worker on a card of this memory, in the table's words."""
    try:
        plan = plan_variant(variant, of_card(gigabytes * 10**9))
    except DoesNotFitError:
        return "-"
    if variant.family is Family.FLORENCE2:
        return "yes"
    mode, host = plan.mode, round(plan.host_bytes / 10**9)
    waits = "" if mode.offload is Offload.NONE else f" {mode.offload} ({host})"
    return f"{mode.precision}{waits}"


def test_the_table_has_the_cards_that_people_have() -> None:
    assert list(table()) == [8, 12, 16, 24, 32, 48, 80, 141]


@pytest.mark.parametrize("gigabytes", [8, 12, 16, 24, 32, 48, 80, 141])
def test_a_row_says_what_the_plan_decides(gigabytes: int) -> None:
    for cell, names in zip(table()[gigabytes], COLUMNS, strict=True):
        assert {decided(catalog.find(name), gigabytes) for name in names} == {cell}
