"""The time that a worker needs to stop: its longest job, and then the storing of results.

A job's deadline follows its size and the way in which a worker serves the model; the longest of a
variant is a bound on all of them. A worker that is idle, or whose jobs are short, stops sooner.
"""

from collections.abc import Iterable

from workers import catalog

STORING_SECONDS = 90.0
"""After the job's deadline: half a minute until the watchdog ends a call that hangs, and half a
minute each for an object store and for a database that do not respond."""


def grace_seconds(variants: Iterable[str]) -> float:
    """The least `BOTTEGA_GRACE_SECONDS` with which no running job returns to the queue.

    Raises:
        workers.catalog.UnknownVariantError: a variant is not in the catalogue.
    """
    return max(float(catalog.find(name).longest_deadline) for name in variants)


def stop_seconds(variants: Iterable[str]) -> float:
    """Seconds after SIGTERM, before which a worker of these variants must not be killed.

    Raises:
        workers.catalog.UnknownVariantError: a variant is not in the catalogue.
    """
    return grace_seconds(variants) + STORING_SECONDS
