"""The memory of a process for pictures that are being decoded, shared fairly by tenants."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Condition

from db.values.pictures import Reserve


class DecodingBusyError(Exception):
    """Too many pictures are being decoded at this moment."""

    def __init__(self) -> None:
        super().__init__("too many pictures are being decoded; try again in a moment")


@dataclass(frozen=True)
class DecodeLimits:
    """The limits of one process.

    Attributes:
        max_pixels: the most pixels that are being decoded at once; a larger picture is decoded
            alone. One tenant has at most half of them, or one picture.
        wait_seconds: the longest wait of a picture for its turn.
        max_pictures: the most pictures that are being decoded or wait for it; each holds a thread.
        max_pictures_per_tenant: the most of one tenant.
    """

    max_pixels: int = 60_000_000
    wait_seconds: float = 5
    max_pictures: int = 24
    max_pictures_per_tenant: int = 12


@dataclass(eq=False)
class _Picture:
    tenant_id: str
    pixels: int


class DecodeBudget:
    """Admits pictures in the order of their arrival, but those of a tenant who has its share."""

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._changed = Condition()
        self._waiting: list[_Picture] = []
        self._decoding: list[_Picture] = []

    def of(self, tenant_id: str) -> Reserve:
        """The budget as one tenant's pictures use it."""
        return partial(self.reserve, tenant_id)

    @contextmanager
    def reserve(self, tenant_id: str, pixels: int) -> Iterator[None]:
        """Hold pixels while a picture is decoded; wait for them first.

        Raises:
            DecodingBusyError: too many pictures wait already, or it waited for too long.
        """
        picture = _Picture(tenant_id, min(pixels, self._limits.max_pixels))
        with self._changed:
            self._check_crowd(tenant_id)
            self._wait(picture)
            self._decoding.append(picture)
        try:
            yield
        finally:
            with self._changed:
                self._decoding.remove(picture)
                self._changed.notify_all()

    def _check_crowd(self, tenant_id: str) -> None:
        present = self._waiting + self._decoding
        of_tenant = sum(each.tenant_id == tenant_id for each in present)
        limits = self._limits
        if len(present) >= limits.max_pictures or of_tenant >= limits.max_pictures_per_tenant:
            raise DecodingBusyError

    def _wait(self, picture: _Picture) -> None:
        self._waiting.append(picture)
        try:
            is_admitted = self._changed.wait_for(
                lambda: self._is_next(picture), self._limits.wait_seconds
            )
        finally:
            self._waiting.remove(picture)
            # Another one is the first now, whether this one was admitted or gave up.
            self._changed.notify_all()
        if not is_admitted:
            raise DecodingBusyError

    def _is_next(self, picture: _Picture) -> bool:
        first = next((each for each in self._waiting if self._has_share(each)), None)
        return first is picture and self._held() + picture.pixels <= self._limits.max_pixels

    def _has_share(self, picture: _Picture) -> bool:
        held = self._held(picture.tenant_id)
        return not held or held + picture.pixels <= self._limits.max_pixels // 2

    def _held(self, tenant_id: str | None = None) -> int:
        return sum(each.pixels for each in self._decoding if tenant_id in (None, each.tenant_id))
