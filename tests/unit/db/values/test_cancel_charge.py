"""The share of a canceled job that its tier charges."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.values.cancel_charge import MICRO, CancelCharge, ran_micro_units, ran_micros

COUNTS = st.integers(0, 200)


@given(units=st.integers(1, 16), step=COUNTS, steps=st.integers(1, 200))
def test_the_steps_that_ran_are_charged_rounded_down(units: int, step: int, steps: int) -> None:
    exact = Fraction(units * MICRO * min(step, steps), steps)
    charged = ran_micro_units(CancelCharge.STEPS, units=units, step=step, steps=steps)
    assert exact - 1 < charged <= exact


@given(price=st.integers(0, 10**12), step=COUNTS, steps=COUNTS)
def test_a_balance_never_pays_more_than_the_price(price: int, step: int, steps: int) -> None:
    charged = ran_micros(CancelCharge.STEPS, price_micros=price, step=step, steps=steps)
    assert 0 <= charged <= price
    assert charged == (price * min(step, steps) // steps if steps else 0)


@pytest.mark.parametrize(("step", "steps"), [(0, 0), (0, 50), (49, 50), (50, 50)])
def test_the_other_rules_look_at_no_step(step: int, steps: int) -> None:
    assert ran_micro_units(CancelCharge.NOTHING, units=4, step=step, steps=steps) == 0
    assert ran_micros(CancelCharge.NOTHING, price_micros=9, step=step, steps=steps) == 0
    assert ran_micro_units(CancelCharge.WHOLE, units=4, step=step, steps=steps) == 4 * MICRO
    assert ran_micros(CancelCharge.WHOLE, price_micros=9, step=step, steps=steps) == 9
