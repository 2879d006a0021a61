"""Models of a tier: those that its tenants may use, and those that its allowances cover."""

from typing import Any

from sqlalchemy import Row

from db.tables import Tier


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
