"""The models on a worker's device: a cache bounded by its memory, evicting the least recently used.

A worker may serve more models than its device holds at once. A model that does not fit is loaded
when a job needs it, in the place of those used longest ago. So that two busy queues do not swap
their models with every job, a loaded model stays for a while unless it is idle: till then tickets
for another are not handled, and the sweeper notifies again for its jobs.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from workers.adapters.protocol import Adapter, Unloading
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.catalog.variant import Variant
from workers.runtime.models.load_log import telling_load

IDLE_SECONDS = 5.0
"""A model that no job has used for this long may be evicted at once."""
NEARLY = 0.99
"""The fraction that is reported of a load that takes more memory than its row says."""

_log = structlog.get_logger(__name__)


class BudgetError(Exception):
    """A model alone takes more memory than the worker may use; the message says what to do."""


@dataclass(frozen=True)
class ServedModel:
    """A variant, the adapter that serves it, and the memory plan by which it does."""

    variant: Variant
    adapter: Adapter
    plan: ServingPlan = UNPLANNED


@dataclass(frozen=True)
class Loading:
    """A model that is being loaded, and about how much of it is loaded, 0 to 1."""

    variant: str
    fraction: float


@dataclass
class _Loaded:
    """A model on the device, and the times when it was loaded and last used."""

    served: ServedModel
    loaded_at: float
    used_at: float


@dataclass
class ModelCache:
    """The models of one worker.

    `make_ready` must be called by the thread that has the device, one at a time; the rest may be
    called from any thread.

    Attributes:
        served: all models that the worker serves, by variant.
        budget_bytes: device memory that they may take together; None is no limit.
        stay_seconds: the time that a model in use stays before it may be evicted.
        memory_bytes: returns the bytes that the process has taken, of its device and of the host.
        clock: returns seconds.
    """

    served: Mapping[str, ServedModel]
    budget_bytes: int | None = None
    stay_seconds: float = 0.0
    memory_bytes: Callable[[], int] = lambda: 0
    clock: Callable[[], float] = time.monotonic
    _loaded_models: dict[str, _Loaded] = field(default_factory=dict)
    _loading: tuple[Variant, int] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def loaded(cls, served: Mapping[str, ServedModel]) -> "ModelCache":
        """A cache of models that are all loaded already."""
        cache = cls(served)
        for name in served:
            cache._add(name)
        return cache

    @property
    def ids(self) -> Sequence[str]:
        """The variants on the device."""
        with self._lock:
            return tuple(self._loaded_models)

    @property
    def loading(self) -> Loading | None:
        """The model that is being loaded, judged by the memory that it has taken."""
        current = self._loading
        if current is None:
            return None
        variant, before = current
        taken = self.memory_bytes() - before
        return Loading(variant.id, min(NEARLY, max(0.0, taken / max(1, variant.memory_bytes))))

    def load_what_fits(self) -> None:
        """Load models in the order in which they are served, as far as they fit.

        Raises:
            BudgetError: a model would not fit alone.
            workers.adapters.weights.WeightsError: a model cannot be loaded.
        """
        self._check_budget()
        for name, one in self.served.items():
            if self._room_for(one.variant) >= 0:
                self._load(name)

    def _check_budget(self) -> None:
        for name, one in self.served.items():
            if self.budget_bytes is not None and one.variant.memory_bytes > self.budget_bytes:
                raise BudgetError(
                    f"{name} takes about {one.variant.memory_bytes} bytes of device memory, and "
                    f"this worker may use {self.budget_bytes}: serve it on a larger device, or "
                    "set BOTTEGA_DEVICE_MEMORY_BYTES"
                )

    def admits(self, variant_id: str) -> bool:
        """True when a job of a variant may be claimed now: its model is loaded, or may be."""
        with self._lock:
            if variant_id in self._loaded_models:
                return True
            return all(map(self._may_evict, self._victims(self.served[variant_id].variant)))

    def make_ready(self, variant_id: str) -> None:
        """Load a variant's model onto the device, unless it is there.

        Raises:
            workers.adapters.weights.WeightsError: it cannot be loaded.
            workers.adapters.protocol.OutOfMemoryError: the device did not hold it.
        """
        if variant_id not in self._loaded_models:
            for name in [entry.served.variant.id for entry in self._victims_of(variant_id)]:
                self._evict(name)
            self._load(variant_id)
        with self._lock:
            self._loaded_models[variant_id].used_at = self.clock()

    def _victims_of(self, variant_id: str) -> list[_Loaded]:
        with self._lock:
            return self._victims(self.served[variant_id].variant)

    def _victims(self, coming: Variant) -> list[_Loaded]:
        """The fewest models to evict for a variant to fit, least recently used first."""
        missing = -self._room_for(coming)
        victims: list[_Loaded] = []
        for entry in sorted(self._loaded_models.values(), key=lambda entry: entry.used_at):
            if missing <= 0:
                break
            victims.append(entry)
            missing -= entry.served.variant.memory_bytes
        return victims

    def _room_for(self, coming: Variant) -> int:
        """Bytes that are left once a variant is loaded; below 0 it does not fit."""
        if self.budget_bytes is None:
            return 0
        taken = sum(entry.served.variant.memory_bytes for entry in self._loaded_models.values())
        return self.budget_bytes - taken - coming.memory_bytes

    def _may_evict(self, entry: _Loaded) -> bool:
        now = self.clock()
        return now - entry.loaded_at >= self.stay_seconds or now - entry.used_at >= IDLE_SECONDS

    def _evict(self, name: str) -> None:
        with self._lock:
            entry = self._loaded_models.pop(name)
        if isinstance(entry.served.adapter, Unloading):
            entry.served.adapter.unload()
        _log.info("variant_unloaded", variant=name)

    def _load(self, name: str) -> None:
        one = self.served[name]
        self._loading = (one.variant, self.memory_bytes())
        began = self.clock()
        try:
            with telling_load(name):
                one.adapter.load()
        finally:
            self._loading = None
        self._add(name)
        _log.info("variant_loaded", variant=name, seconds=round(self.clock() - began, 1))

    def _add(self, name: str) -> None:
        with self._lock:
            now = self.clock()
            self._loaded_models[name] = _Loaded(self.served[name], loaded_at=now, used_at=now)
