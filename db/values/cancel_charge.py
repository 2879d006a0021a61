"""The cost of a job that its owner cancels while it runs, and how much of it ran."""

from enum import StrEnum

MICRO = 1_000_000
"""Millionths of a unit in a unit."""


class CancelCharge(StrEnum):
    """A tier's rule for jobs that their owner cancels while they run."""

    # It costs nothing.
    NOTHING = "nothing"

    # The share of the price, or of the units, that the steps that ran are of all steps.
    STEPS = "steps"

    # The whole price, or all units.
    WHOLE = "whole"


def ran_micro_units(rule: CancelCharge, *, units: int, step: int, steps: int) -> int:
    """The canceled work in millionths of a unit, rounded down; at most `units`.

    Args:
        rule: the tier's rule.
        units: units of the whole job.
        step: steps that ran in the current attempt.
        steps: steps of the whole attempt; 0 when no step was reported.
    """
    if rule == CancelCharge.WHOLE:
        return units * MICRO
    if rule == CancelCharge.NOTHING or steps <= 0:
        return 0
    return units * MICRO * min(step, steps) // steps


def ran_micros(rule: CancelCharge, *, price_micros: int, step: int, steps: int) -> int:
    """The price of the canceled work in micro-USD, rounded down; arguments as above."""
    if rule == CancelCharge.WHOLE:
        return price_micros
    if rule == CancelCharge.NOTHING or steps <= 0:
        return 0
    return price_micros * min(step, steps) // steps
