"""Slips in requests that a compatible API passes over: noted while one is read, and told."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_SLIPS = 50
"""The most that are noted: a client may make any number."""


@dataclass(frozen=True)
class Slip:
    """A part of a request without effect.

    Attributes:
        place: the path to it in the body, or the name alone.
        reason: the reason, as a clause.
    """

    place: tuple[str | int, ...]
    reason: str

    @property
    def name(self) -> str:
        """The path as text, such as `input.loras.0`."""
        return ".".join(map(str, self.place))


_noted: ContextVar[list[Slip] | None] = ContextVar("request_slips", default=None)


@contextmanager
def noting() -> Iterator[list[Slip]]:
    """Note the slips of a request, in all of its tasks and threads."""
    slips: list[Slip] = []
    token = _noted.set(slips)
    try:
        yield slips
    finally:
        _noted.reset(token)


def note(slips: Iterable[Slip]) -> None:
    """Note slips of the current request, the first ones; without effect outside of `noting`."""
    if (noted := _noted.get()) is not None:
        noted += [*slips][: MAX_SLIPS - len(noted)]


def noted_slips() -> tuple[Slip, ...]:
    """The slips of the current request so far."""
    return tuple(_noted.get() or ())
