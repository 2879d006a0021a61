"""Defaults and limits of a row: the base's, as a table changes them."""

from dataclasses import replace
from typing import Any

from workers.catalog.florence2.limits import Florence2Limits
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.flux.sizes import FluxLimits
from workers.catalog.operator_file.schema import DefaultsTable, LimitsTable, ModelTable
from workers.catalog.variant import Variant


def _given(table: DefaultsTable | LimitsTable | None, *names: str) -> dict[str, Any]:
    """The given values of a table by key, of these keys alone."""
    return {name: getattr(table, name) for name in names if table and name in table.keys}


def flux_limits(table: ModelTable, base: Variant) -> FluxLimits:
    """The defaults and limits of a FLUX row; they need not fit together."""
    if not issubclass(base.parameters, FluxParameters):
        raise TypeError(f"{base.id} is no FLUX model on own devices")
    limits = replace(
        base.parameters.limits,
        **_given(table.defaults, "steps", "guidance", "side"),
        **_given(table.limits, "max_steps", "max_side", "max_pixels"),
    )
    preferred = tuple(
        (width, height)
        for width, height in limits.preferred_sizes
        if max(width, height) <= limits.max_side and width * height <= limits.max_pixels
    )
    if limits.guidance_range is None:
        return replace(limits, preferred_sizes=preferred)
    low, high = limits.guidance_range
    asked = _given(table.limits, "min_guidance", "max_guidance")
    guidance_range = (asked.get("min_guidance", low), asked.get("max_guidance", high))
    return replace(limits, preferred_sizes=preferred, guidance_range=guidance_range)


def florence2_limits(table: ModelTable, base: Variant) -> Florence2Limits:
    """The defaults and limits of a Florence-2 row; they need not fit together."""
    if not issubclass(base.parameters, Florence2Parameters):
        raise TypeError(f"{base.id} is no Florence-2 model")
    limits = base.parameters.limits
    most = _given(table.limits, "max_new_tokens").get("max_new_tokens", limits.max_new_tokens_limit)
    # A limit alone moves the default with it, which is otherwise as long as the decoder allows.
    usual = {"max_new_tokens": min(limits.max_new_tokens, most)}
    return replace(
        limits,
        max_new_tokens_limit=most,
        **usual | _given(table.defaults, "num_beams", "max_new_tokens"),
    )
