"""Limits of a tier: models that its tenants may use or have for nothing, and how long jobs stay."""

from typing import Any

from sqlalchemy import Row

from db.tables import Tier

MIN_KEEP_SECONDS = 60
"""The shortest time for which a job is kept: its owner needs some to get the results."""


class KeepTooLongError(Exception):
    """A job is to be kept for longer than its tenant's tier, or the service, keeps any."""

    def __init__(self, longest: float) -> None:
        super().__init__(f"may be {longest:.0f} at most: your jobs are kept for no longer")


def includes(tier: Tier | Row[Any], variant: str) -> bool:
    """True when the tier's tenants may use the model."""
    return tier.models is None or variant in tier.models


def allowance_covers(tier: Tier | Row[Any], variant: str, *, is_hosted: bool) -> bool:
    """True when the tier's allowances cover the model.

    Hosted models cost the operator money at each picture: they are covered only by name.
    """
    if tier.allowance_models is None:
        return not is_hosted
    return variant in tier.allowance_models


def longest_keep(tier: Tier | Row[Any], longest: float) -> float:
    """The longest `keep_seconds` of a job: the tier's own, or else the service's."""
    return longest if tier.keep_seconds is None else float(tier.keep_seconds)


def check_keep(tier: Tier | Row[Any], keep_seconds: int | None, *, longest: float) -> None:
    """Check the time for which a job is to be kept.

    Args:
        tier: the tier of the job's tenant.
        keep_seconds: the time that was asked for, if any.
        longest: the service's own time.

    Raises:
        KeepTooLongError: it is longer than the tier's, or else than the service's.
    """
    limit = longest_keep(tier, longest)
    if keep_seconds is not None and keep_seconds > limit:
        raise KeepTooLongError(limit)
