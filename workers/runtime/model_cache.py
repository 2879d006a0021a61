"""The models on a worker's device: a cache bounded by its memory, evicting the least recently used.

A worker may serve more models than its device holds at once. A model that does not fit is loaded
when a job needs it, in the place of those used longest ago. So that two busy queues do not swap
their models with every job, a loaded model stays for a while unless it is idle: till then tickets
for another are not handled, and the sweeper notifies again for its jobs.

A model that its row pins is never evicted. One that is unused for its `idle_seconds` gives its
memory back, and the next job for it waits until it is loaded again.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from workers.adapters.protocol import Adapter, DeviceLostError, Unloading
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.catalog.variant import Variant
from workers.runtime.models.load_failures import LoadFailures
from workers.runtime.models.load_log import telling_load
from workers.runtime.models.problems import ModelNotLoadedError
from workers.telemetry.metrics import count_unloaded_model

IDLE_SECONDS = 5.0
"""A model that no job has used for this long may be evicted at once."""
NEARLY = 0.99
"""The fraction that is reported of a load that takes more memory than its plan says."""

_log = structlog.get_logger(__name__)


class BudgetError(Exception):
    """Models that must be loaded together take too much memory; the message says what to do."""


@dataclass(frozen=True)
class ServedModel:
    """A variant, the adapter that serves it, and the memory plan by which it does."""

    variant: Variant
    adapter: Adapter
    plan: ServingPlan = UNPLANNED

    @property
    def weights_bytes(self) -> int:
        """All bytes of its weights, wherever they lie."""
        return self.plan.device_bytes + self.plan.host_bytes


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

    `make_ready` and `unload_idle` must be called by the thread that has the device, one at a time;
    the rest may be called from any thread.

    Attributes:
        served: all models that the worker serves, by variant.
        budget_bytes: device memory that they may take together, with the largest of their working
            sets; None is no limit.
        stay_seconds: the time that a model in use stays before it may be evicted.
        idle_seconds: the time without a job after which a model is unloaded whose row does not say
            it; 0 for never.
        memory_bytes: returns the bytes that the process has taken, of its device and of the host.
        clock: returns seconds.
    """

    served: Mapping[str, ServedModel]
    budget_bytes: int | None = None
    stay_seconds: float = 0.0
    idle_seconds: float = 0.0
    memory_bytes: Callable[[], int] = lambda: 0
    clock: Callable[[], float] = time.monotonic
    _loaded_models: dict[str, _Loaded] = field(default_factory=dict)
    _load_seconds: dict[str, float] = field(default_factory=dict)
    _loading: tuple[ServedModel, int] | None = None
    _failures: LoadFailures = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Begin without a failed load."""
        self._failures = LoadFailures(self.clock)

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

    def plans_as_json(self) -> dict[str, dict[str, Any]]:
        """The memory plan of each served model, with its last load: its seconds, or its problem.

        A model without weights has an entry only while it cannot be loaded.
        """
        failures = {name: self._failures.as_json(name) for name in self.served}
        return {
            name: one.plan.as_json()
            | {"load_seconds": self._load_seconds.get(name)}
            | failures[name]
            for name, one in self.served.items()
            if one.variant.weights is not None or failures[name]
        }

    @property
    def loading(self) -> Loading | None:
        """The model that is being loaded, judged by the memory that it has taken."""
        current = self._loading
        if current is None:
            return None
        one, before = current
        taken = self.memory_bytes() - before
        fraction = taken / max(1, one.weights_bytes)
        return Loading(one.variant.id, min(NEARLY, max(0.0, fraction)))

    @property
    def problem(self) -> str | None:
        """The models that could not be loaded, and why; None when there is none."""
        return self._failures.problem

    def load_what_fits(self) -> None:
        """Load models, pinned ones first and then in order, as far as they fit.

        One that cannot be loaded is tried again later, while the others are served.

        Raises:
            BudgetError: models would not fit beside those that are pinned.
            workers.runtime.models.problems.ModelNotLoadedError: none can be loaded.
            workers.adapters.protocol.DeviceLostError: the device failed.
        """
        self._check_budget()
        failed: list[ModelNotLoadedError] = []
        for name, one in sorted(self.served.items(), key=lambda item: not item[1].variant.pinned):
            if self._room_for(one) < 0:
                continue
            try:
                self._load(name)
            except ModelNotLoadedError as error:
                failed.append(error)
        if failed and not self._loaded_models:
            raise failed[0]

    def _check_budget(self) -> None:
        """Refuse what cannot be: each model must fit beside the pinned ones."""
        pinned = [one for one in self.served.values() if one.variant.pinned]
        for name, one in self.served.items():
            beside = [other for other in pinned if other is not one]
            needed = self._needed(one, *beside)
            if self.budget_bytes is not None and needed > self.budget_bytes:
                pins = ", ".join(other.variant.id for other in beside)
                together = f" beside {pins}, pinned" if pins else ""
                remedy = "unpin one, or " if pins else ""
                raise BudgetError(
                    f"{name} takes about {needed} bytes of device memory{together}, and this "
                    f"worker may use {self.budget_bytes}: {remedy}serve it on a larger device"
                )

    def admits(self, variant_id: str) -> bool:
        """True when a job of a variant may be claimed now: its model is loaded, or may be."""
        with self._lock:
            if variant_id in self._loaded_models:
                return True
            if self._failures.blocks(variant_id):
                return False
            return all(map(self._may_evict, self._victims(self.served[variant_id])))

    def make_ready(self, variant_id: str) -> None:
        """Load a variant's model onto the device, unless it is there.

        Raises:
            workers.runtime.models.problems.ModelNotLoadedError: it cannot be loaded.
            workers.adapters.protocol.DeviceLostError: the device failed.
        """
        if variant_id not in self._loaded_models:
            for name in [entry.served.variant.id for entry in self._victims_of(variant_id)]:
                self._evict(name, "evicted")
            self._load(variant_id)
        self.touch(variant_id)

    def touch(self, variant_id: str) -> None:
        """Note that a variant's model is used now."""
        with self._lock:
            if variant_id in self._loaded_models:
                self._loaded_models[variant_id].used_at = self.clock()

    def unload_idle(self) -> list[str]:
        """Unload the models that were unused for their time; the variants that were unloaded."""
        with self._lock:
            now = self.clock()
            idle = [
                name for name, entry in self._loaded_models.items() if self._is_idle(entry, now)
            ]
        for name in idle:
            self._evict(name, "idle")
        return idle

    @property
    def shortest_idle_seconds(self) -> float | None:
        """The shortest time after which a model is unloaded; None where none ever is."""
        times = [self._idle_limit(one) for one in self.served.values()]
        return min((seconds for seconds in times if seconds is not None), default=None)

    def _idle_limit(self, one: ServedModel) -> float | None:
        """Seconds without a job after which a model is unloaded; None for never."""
        if one.variant.pinned or one.variant.weights is None:
            return None
        seconds = one.variant.idle_seconds
        return (self.idle_seconds or None) if seconds is None else seconds

    def _is_idle(self, entry: _Loaded, now: float) -> bool:
        limit = self._idle_limit(entry.served)
        return limit is not None and now - entry.used_at >= limit

    def _victims_of(self, variant_id: str) -> list[_Loaded]:
        with self._lock:
            return self._victims(self.served[variant_id])

    def _victims(self, coming: ServedModel) -> list[_Loaded]:
        """The fewest models to evict for another to fit, least recently used first."""
        victims: list[_Loaded] = []
        entries = sorted(self._loaded_models.values(), key=lambda entry: entry.used_at)
        for entry in (entry for entry in entries if not entry.served.variant.pinned):
            if self._room_for(coming, without=victims) >= 0:
                break
            victims.append(entry)
        return victims

    def _room_for(self, coming: ServedModel, without: Sequence[_Loaded] = ()) -> int:
        """Bytes that are left once a model is loaded; below 0 it does not fit."""
        if self.budget_bytes is None:
            return 0
        gone = {entry.served.variant.id for entry in without}
        staying = (e.served for n, e in self._loaded_models.items() if n not in gone)
        return self.budget_bytes - self._needed(coming, *staying)

    @staticmethod
    def _needed(*models: ServedModel) -> int:
        """Bytes of models together: all of their weights, and one working set, as one computes."""
        weights = sum(one.plan.device_bytes for one in models)
        return weights + max(one.plan.working_bytes for one in models)

    def _may_evict(self, entry: _Loaded) -> bool:
        now = self.clock()
        return now - entry.loaded_at >= self.stay_seconds or now - entry.used_at >= IDLE_SECONDS

    def _evict(self, name: str, reason: str) -> None:
        with self._lock:
            entry = self._loaded_models.pop(name)
        _unload(entry.served.adapter)
        count_unloaded_model(name, reason)
        _log.info("variant_unloaded", variant=name, reason=reason)

    def _load(self, name: str) -> None:
        one = self.served[name]
        self._loading = (one, self.memory_bytes())
        began = self.clock()
        try:
            with telling_load(name):
                one.adapter.load()
        except DeviceLostError:
            raise
        except Exception as error:
            _unload(one.adapter)  # a half of its weights may be on the device
            raise self._failures.record(name, error) from error
        finally:
            self._loading = None
        self._failures.forget(name)
        self._add(name)
        self._load_seconds[name] = round(self.clock() - began, 1)
        _log.info("variant_loaded", variant=name, seconds=self._load_seconds[name])

    def _add(self, name: str) -> None:
        with self._lock:
            now = self.clock()
            self._loaded_models[name] = _Loaded(self.served[name], loaded_at=now, used_at=now)


def _unload(adapter: Adapter) -> None:
    if isinstance(adapter, Unloading):
        adapter.unload()
