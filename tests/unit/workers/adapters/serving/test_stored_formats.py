"""The 16-bit format of a plan: as the weights are stored, where the device computes in it."""

import pytest

from workers.adapters.serving.choose import Abilities, Budget, choose
from workers.adapters.serving.component import Component
from workers.catalog import Family, find, variants
from workers.catalog.serving import OPEN_REQUEST, Precision, ServingRequest

ROOM = Budget(10**12, 10**12)
NOTHING: dict[str, Component] = {}
ANALYSTS = [row.id for row in variants() if row.family is Family.FLORENCE2]


@pytest.mark.parametrize("name", ANALYSTS)
def test_florence_2_is_planned_in_float16_on_a_gpu(name: str) -> None:
    plan = choose(find(name), NOTHING, ROOM, OPEN_REQUEST, Abilities())
    assert plan.mode.precision is Precision.FP16
    asked = ServingRequest(precision=Precision.BF16)
    assert choose(find(name), NOTHING, ROOM, asked, Abilities()).mode.precision is Precision.BF16


@pytest.mark.parametrize("is_cpu", [True, False])
def test_on_a_cpu_it_is_planned_as_its_row_says(is_cpu: bool) -> None:  # noqa: FBT001 - a case
    """Also where the memory of a card is simulated: the numbers are those of the CPU."""
    abilities = Abilities(is_cpu=is_cpu, number_bytes=lambda _variant: 4)
    plan = choose(find(ANALYSTS[0]), NOTHING, ROOM, OPEN_REQUEST, abilities)
    assert plan.mode.precision is Precision.BF16
