"""Inputs of a job: parsed parameters and decoded pictures, checked by the content filters."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

from PIL.Image import Image
from tenacity import stop_before_delay

from db.core.session import Database
from db.storage.object_store import ObjectStore, StoreError
from db.values import pictures
from db.values.decode_budget import DecodeBudget, DecodeLimits, DecodingBusyError
from db.values.pictures import PictureError, Reserve
from workers.adapters.protocol import AdapterError, Preparing, Stopped, Work
from workers.catalog.variant import picture_fields
from workers.messaging.events import Publisher
from workers.moderation.moderator import Moderator
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.failures import failure_of
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.previews import preview_of
from workers.runtime.resume_point import StoredResumePoint
from workers.runtime.retry import retrying
from workers.settings import WorkerSettings
from workers.telemetry import tracing


class UnusableInputError(AdapterError):
    """An input picture is gone, broken or out of reach."""

    def __init__(self, error: PictureError | StoreError) -> None:
        failure = failure_of(error)
        super().__init__(failure.message)
        self.code = failure.code
        self.retryable = failure.retryable


class InputTimeoutError(AdapterError):
    """The input pictures of a job were not read in time."""

    code = "timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the input pictures were not read within {seconds:g} s")


class Deadline:
    """The time until which all input pictures of a job must be read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds

    def remaining_seconds(self) -> float:
        """The time that is left.

        Raises:
            InputTimeoutError: none is.
        """
        remaining = self._ends_at - time.monotonic()
        if remaining <= 0:
            raise InputTimeoutError(self._seconds)
        return remaining


class LazyImages(Sequence[Image]):
    """Pictures that are fetched and decoded at each access, and not cached.

    Args:
        fetch: returns the bytes of a key.
        keys: of the pictures, in order.
        background: the colour behind transparent pixels.
        reserve: entered while a picture is decoded; by default nothing is reserved.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        keys: Sequence[str],
        background: str = "white",
        reserve: Reserve = pictures.unlimited,
    ) -> None:
        self._fetch_bytes = fetch
        self._keys = keys
        self._background = background
        self._reserve = reserve

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        """Fetch and decode, as RGB.

        Raises:
            InputTimeoutError: it is too late, or too many pictures are being decoded.
            UnusableInputError: the picture is gone, broken or out of reach.
        """
        if isinstance(index, slice):
            return [self._fetch(key) for key in self._keys[index]]
        return self._fetch(self._keys[index])

    def _fetch(self, key: str) -> Image:
        try:
            data = self._fetch_bytes(key)
            return pictures.decode(data, background=self._background, reserve=self._reserve)
        except (PictureError, StoreError) as error:
            raise UnusableInputError(error) from error


class InputLoader:
    """Makes a `Work` of a claimed job, while the device is busy with other batches."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        settings: WorkerSettings,
        publisher: Publisher,
        moderator: Moderator,
        model_cache: ModelCache,
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._publisher = publisher
        self._moderator = moderator
        self._model_cache = model_cache
        self._decode_budget = DecodeBudget(
            DecodeLimits(
                settings.max_decoding_pixels,
                wait_seconds=settings.input_seconds,
                max_pictures=sys.maxsize,
                max_pictures_per_tenant=sys.maxsize,
            )
        )

    def load(self, served: ServedModel, job: ActiveJob) -> Work:
        """Fetch, decode and check the inputs of a job; the stage `fetch` of its attempt.

        Raises:
            AdapterError: they are unusable, or a content filter refuses them.
        """
        began = time.monotonic()
        with tracing.span("fetch", job.traceparent, {}):
            work = self._load(served, job)
        job.record_stage("fetch", time.monotonic() - began)
        return work

    def _load(self, served: ServedModel, job: ActiveJob) -> Work:
        parameters = served.variant.parameters.model_validate(job.row.input)
        self._moderator.check_request(job.row, parameters)
        fields = {name: getattr(parameters, name) for name in picture_fields(type(parameters))}
        # A hosted model has many jobs in flight: all their pictures would fill the memory.
        eager = served.variant.calls_at_once == 1
        images = self._images(job, fields, eager=eager)
        self._moderator.check_inputs(job.row, images.values())
        preview = preview_of(
            job, parameters, self._publisher, lambda: self._moderator.judges(job.row)
        )
        work = Work(
            parameters,
            images,
            resume_point=StoredResumePoint(self._database, job.claim),
            stored=self._fetch_file,
            preview=preview,
        )
        is_loaded = served.variant.id in self._model_cache.ids
        adapter = served.adapter
        return adapter.prepare(work) if is_loaded and isinstance(adapter, Preparing) else work

    def _images(
        self, job: ActiveJob, fields: Mapping[str, str | Sequence[str] | None], *, eager: bool
    ) -> dict[str, Sequence[Image]]:
        # Those that are read later, within the model call, have the job's own deadline.
        deadline = Deadline(self._settings.input_seconds) if eager else None
        fetch = partial(self._fetch, deadline=deadline)
        images: dict[str, Sequence[Image]] = {}
        for name, keys in fields.items():
            # A mask is painted in white: transparent pixels of it mask nothing.
            background = "black" if name == "mask" else "white"
            names = [keys] if isinstance(keys, str) else keys or []
            reserve = self._reserve(job, deadline)
            lazy = LazyImages(fetch, names, background, reserve)
            images[name] = list(lazy) if eager else lazy
        return images

    def _reserve(self, job: ActiveJob, deadline: Deadline | None) -> Reserve:
        budget = self._decode_budget.of(job.row.tenant_id)

        @contextmanager
        def reserve(pixels: int) -> Iterator[None]:
            try:
                with budget(pixels):
                    if job.claim_lost.is_set():
                        raise Stopped("given up")
                    if deadline:
                        deadline.remaining_seconds()
                    yield
            except DecodingBusyError:
                raise InputTimeoutError(self._settings.input_seconds) from None

        return reserve

    @contextmanager
    def _fetch_file(self, key: str) -> Iterator[Path]:
        """An object as a file of its own, which is removed afterwards."""
        with TemporaryDirectory(prefix="bottega-input-") as folder:
            path = Path(folder) / "object"
            retrying(self._settings, StoreError)(self._store.get_file, key, path)
            yield path

    def _fetch(self, key: str, *, deadline: Deadline | None = None) -> bytes:
        get = retrying(self._settings, StoreError)
        if deadline:
            seconds = min(self._settings.patience_seconds, deadline.remaining_seconds())
            get = get.copy(stop=stop_before_delay(seconds))
        return get(self._store.get, key).data
