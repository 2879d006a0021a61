"""Bounds of the fair share's numbers: within them, every tag in virtual time is finite."""

MIN_WEIGHT = 0.001
"""The smallest weight of a tier: a job of an hour stays below 10^7 units of virtual time."""

MAX_WEIGHT = 1_000_000.0
"""The largest weight of a tier: a job of a millisecond still moves a tag."""


def is_finite(column: str) -> str:
    """The SQL condition that a float column is a number; PostgreSQL sorts NaN above infinity."""
    return f"{column} > '-Infinity' AND {column} < 'Infinity'"
