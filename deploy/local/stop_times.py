"""How long a worker may take to stop: as long as its longest job, and then what storing takes."""

from collections.abc import Iterable

from workers import catalog

STORING_SECONDS = 90.0
"""After the device's part: half a minute until the watchdog ends a call that hangs, and as much
for a store and for a database that are away."""


def grace_seconds(variants: Iterable[str]) -> float:
    """What `BOTTEGA_GRACE_SECONDS` must be at least, that no job in hand need be handed back.

    Raises:
        workers.catalog.UnknownVariantError: a variant is not in the catalogue.
    """
    return max(float(catalog.find(name).deadline_seconds) for name in variants)


def stop_seconds(variants: Iterable[str]) -> float:
    """How long after SIGTERM a worker of these may be killed at the earliest.

    Raises:
        workers.catalog.UnknownVariantError: a variant is not in the catalogue.
    """
    return grace_seconds(variants) + STORING_SECONDS
