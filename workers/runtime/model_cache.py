"""Which of a worker's models are on its device: as many as its memory holds, the last used first.

A worker may serve more than its device holds at once. What does not fit is loaded when a job wants
it, in the place of what was used longest ago. So that two busy queues do not have their models take
turns with every job, a model stays for a while once it is loaded, unless nothing asks for it: till
then tickets for another are not answered, and maintenance rings for its jobs again.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from workers.adapters.protocol import Adapter, Unloading
from workers.catalog.variant import Variant

IDLE_SECONDS = 5.0
"""A model that no job has used for so long makes room at once."""
NEARLY = 0.99
"""What is told of a load that takes more memory than its row says."""

_log = structlog.get_logger(__name__)


class BudgetError(Exception):
    """A model alone takes more memory than the worker may use; the message tells what to do."""


@dataclass(frozen=True)
class ServedModel:
    """A variant and the adapter that serves it."""

    variant: Variant
    adapter: Adapter


@dataclass(frozen=True)
class Loading:
    """A model on its way to the device, and about how much of it is there, 0 to 1."""

    variant: str
    fraction: float


@dataclass
class _Loaded:
    """A model on the device, and when it came and was used last."""

    served: ServedModel
    since: float
    used: float


@dataclass
class ModelCache:
    """The models of one worker.

    `make_ready` must be called by whoever has the device, one at a time; the rest may be asked
    from any thread.

    Attributes:
        served: all that the worker serves, by id.
        budget_bytes: device memory that they may take together; None knows no limit.
        stay_seconds: how long a model that is in use stays before it makes room for another.
        memory_bytes: what the process has taken by now, of its device and of the host.
        clock: seconds.
    """

    served: Mapping[str, ServedModel]
    budget_bytes: int | None = None
    stay_seconds: float = 0.0
    memory_bytes: Callable[[], int] = lambda: 0
    clock: Callable[[], float] = time.monotonic
    _stays: dict[str, _Loaded] = field(default_factory=dict)
    _loading: tuple[Variant, int] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def loaded(cls, served: Mapping[str, ServedModel]) -> "ModelCache":
        """Those of models that are all loaded already."""
        made = cls(served)
        for name in served:
            made._stay(name)
        return made

    @property
    def ids(self) -> Sequence[str]:
        """The variants on the device."""
        with self._lock:
            return tuple(self._stays)

    @property
    def loading(self) -> Loading | None:
        """What is being loaded, judged by the memory that it has taken."""
        under_way = self._loading
        if under_way is None:
            return None
        variant, before = under_way
        taken = self.memory_bytes() - before
        return Loading(variant.id, min(NEARLY, max(0.0, taken / max(1, variant.memory_bytes))))

    def load_what_fits(self) -> None:
        """Load models in the order in which they are served, until the next would not fit.

        Raises:
            BudgetError: one would not fit alone.
            workers.adapters.weights.WeightsError: one cannot be loaded.
        """
        self._refuse_giants()
        for name, one in self.served.items():
            if self._room_for(one.variant) >= 0:
                self._load(name)

    def _refuse_giants(self) -> None:
        for name, one in self.served.items():
            if self.budget_bytes is not None and one.variant.memory_bytes > self.budget_bytes:
                raise BudgetError(
                    f"{name} takes about {one.variant.memory_bytes} bytes of device memory, and "
                    f"this worker may use {self.budget_bytes}: serve it on a larger device, or "
                    "set BOTTEGA_DEVICE_MEMORY_BYTES"
                )

    def admits(self, variant_id: str) -> bool:
        """Whether a job of a variant may be claimed now: its model is here, or may come."""
        with self._lock:
            if variant_id in self._stays:
                return True
            return all(map(self._may_go, self._victims(self.served[variant_id].variant)))

    def make_ready(self, variant_id: str) -> None:
        """Have a variant's model on the device.

        Raises:
            workers.adapters.weights.WeightsError: it cannot be loaded.
            workers.adapters.protocol.OutOfMemoryError: the device did not hold it.
        """
        if variant_id not in self._stays:
            for name in [stay.served.variant.id for stay in self._victims_of(variant_id)]:
                self._evict(name)
            self._load(variant_id)
        with self._lock:
            self._stays[variant_id].used = self.clock()

    def _victims_of(self, variant_id: str) -> list[_Loaded]:
        with self._lock:
            return self._victims(self.served[variant_id].variant)

    def _victims(self, coming: Variant) -> list[_Loaded]:
        """Who must go for a variant to fit: as few as possible, those used longest ago."""
        missing = -self._room_for(coming)
        victims: list[_Loaded] = []
        for stay in sorted(self._stays.values(), key=lambda stay: stay.used):
            if missing <= 0:
                break
            victims.append(stay)
            missing -= stay.served.variant.memory_bytes
        return victims

    def _room_for(self, coming: Variant) -> int:
        """Bytes that are left once a variant has come; below 0 it does not fit."""
        if self.budget_bytes is None:
            return 0
        taken = sum(stay.served.variant.memory_bytes for stay in self._stays.values())
        return self.budget_bytes - taken - coming.memory_bytes

    def _may_go(self, stay: _Loaded) -> bool:
        now = self.clock()
        return now - stay.since >= self.stay_seconds or now - stay.used >= IDLE_SECONDS

    def _evict(self, name: str) -> None:
        with self._lock:
            stay = self._stays.pop(name)
        if isinstance(stay.served.adapter, Unloading):
            stay.served.adapter.unload()
        _log.info("variant_unloaded", variant=name)

    def _load(self, name: str) -> None:
        one = self.served[name]
        self._loading = (one.variant, self.memory_bytes())
        began = self.clock()
        try:
            one.adapter.load()
        finally:
            self._loading = None
        self._stay(name)
        _log.info("variant_loaded", variant=name, seconds=round(self.clock() - began, 1))

    def _stay(self, name: str) -> None:
        with self._lock:
            now = self.clock()
            self._stays[name] = _Loaded(self.served[name], since=now, used=now)
