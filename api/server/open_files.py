"""The number of files, sockets among them, that a process may open."""

import resource

ENOUGH = 8192
"""Connections, and what the process itself opens. Less lets few clients fill a process."""


def raise_limit() -> int:
    """Raise the soft limit to the hard one, which needs no right; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def hard_limit() -> int:
    """The most files that a process started here may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
