"""Inputs of a job: parsed parameters and decoded pictures, checked by the content filters."""

import time
from collections.abc import Callable, Sequence
from typing import overload

from PIL.Image import Image

from db.core.session import Database
from db.storage.object_store import ObjectStore, StoreError
from db.values import pictures
from db.values.pictures import PictureError
from workers.adapters.protocol import AdapterError, Preparing, Work
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


class LazyImages(Sequence[Image]):
    """Pictures that are fetched and decoded at each access, and not cached.

    Args:
        fetch: returns the bytes of a key.
        keys: of the pictures, in order.
        background: the colour behind transparent pixels.
    """

    def __init__(
        self, fetch: Callable[[str], bytes], keys: Sequence[str], background: str = "white"
    ) -> None:
        self._fetch_bytes = fetch
        self._keys = keys
        self._background = background

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        """Fetch and decode, as RGB.

        Raises:
            UnusableInputError: the picture is gone, broken or out of reach.
        """
        if isinstance(index, slice):
            return [self._fetch(key) for key in self._keys[index]]
        return self._fetch(self._keys[index])

    def _fetch(self, key: str) -> Image:
        try:
            return pictures.decode(self._fetch_bytes(key), background=self._background)
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
        images = {name: self._images(name, keys, eager=eager) for name, keys in fields.items()}
        self._moderator.check_inputs(job.row, images.values())
        preview = preview_of(
            job, parameters, self._publisher, lambda: self._moderator.judges(job.row)
        )
        work = Work(
            parameters,
            images,
            resume_point=StoredResumePoint(self._database, job.claim),
            stored=self._fetch,
            preview=preview,
        )
        is_loaded = served.variant.id in self._model_cache.ids
        adapter = served.adapter
        return adapter.prepare(work) if is_loaded and isinstance(adapter, Preparing) else work

    def _images(
        self, name: str, keys: str | Sequence[str] | None, *, eager: bool
    ) -> Sequence[Image]:
        # A mask is painted in white: transparent pixels of it mask nothing.
        background = "black" if name == "mask" else "white"
        names = [keys] if isinstance(keys, str) else keys or []
        images = LazyImages(self._fetch, names, background)
        return list(images) if eager else images

    def _fetch(self, key: str) -> bytes:
        get = retrying(self._settings, StoreError).wraps(self._store.get)
        return get(key).data
