"""The boundary between a job and a model: the errors, the inputs and outputs, the adapter itself.

An adapter serves one variant on one device. Its inputs have been validated and fetched; its
outputs are plain pictures and JSON. It knows no database, no queue and no store. It may assume
that one thread at a time calls it, unless its row of the catalogue sets `calls_at_once`.

Every adapter promises:

* `load` brings the weights onto the device, once, before the first `run`.
* `run` returns one `Output` per `Work`, in order.
* It reports progress after every step, and calls `should_stop` at least once per step. When that
  returns true it raises `Stopped` within one step and leaves the model ready for the next batch.
* Out of memory is raised as `OutOfMemoryError`, with the device's cache freed. A job that did not
  fit alone is run once more, by `run_in_least_memory` where the adapter has that.
* An output with numbers that are not finite is no picture: it is raised as `InvalidOutputError`.
* A device that this process can no longer use is raised as `DeviceLostError`.
* An error of one job is raised for its whole batch; run again without that job, the others succeed.
* The same parameters and seed give the same picture, whatever else is in the batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from PIL.Image import Image
from pydantic import BaseModel

from db.values.artifact_kinds import ArtifactKind

MAX_REASON = 200
"""Longest reason that a refusal by a content filter quotes, in characters."""


class AdapterError(Exception):
    """A failure of the model or of a check around it. Its text may be shown to the job's owner."""

    code = "internal_error"
    retryable = False


class Stopped(AdapterError):  # noqa: N818 - the answer to a request, not a fault
    """`should_stop` returned true: the batch was abandoned between two steps."""

    code = "canceled"


class CancellationRequestedError(AdapterError):
    """The owner canceled the job before its task was submitted to a vendor: it ends as canceled."""

    code = "canceled"

    def __init__(self) -> None:
        super().__init__("the job was canceled before the vendor had it")


class OutOfMemoryError(AdapterError):
    """The device's memory did not hold the batch."""

    code = "out_of_memory"


class DeviceNotReadyError(OutOfMemoryError):
    """A library of the device could not begin: for want of memory, or because the device failed.

    A job alone is run once more in less memory; if that ends in this error too, the device is lost.
    """


class DeviceLostError(AdapterError):
    """The device failed and stays unusable: the process must exit and a new one start.

    Its code is that of a worker that died: the job is retried, alone in its batch, because the
    job itself may have caused the failure.
    """

    code = "worker_lost"
    retryable = True


class InvalidOutputError(AdapterError):
    """The output has numbers that are not finite, because of the device or of the weights.

    Retried, because a device may fail once by chance. Of a job with LoRAs it is an
    `InvalidLoraError`.
    """

    code = "invalid_output"
    retryable = True


class InvalidLoraError(AdapterError):
    """A LoRA file is broken, was made for another model, or drives the numbers out of range."""

    code = "invalid_lora"


class InvalidInputError(AdapterError):
    """Parameters that passed the API's validation are not usable by this model."""

    code = "invalid_input"


class RequestModeratedError(AdapterError):
    """A content filter refused the prompt or an input picture, before anything was painted.

    The reason quotes no word list.
    """

    code = "request_moderated"

    def __init__(self, reason: str = "") -> None:
        super().__init__(_with_reason("the request was refused by a content filter", reason))


class ContentModeratedError(AdapterError):
    """A content filter refused a painted picture; nobody has seen it."""

    code = "content_moderated"

    def __init__(self, reason: str = "") -> None:
        super().__init__(_with_reason("the result was refused by a content filter", reason))


class FilterUnavailableError(AdapterError):
    """A content filter did not answer, and no job passes without it."""

    code = "content_filter_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("the content filter did not answer, and no job passes without it")


def _with_reason(sentence: str, reason: str) -> str:
    reason = " ".join(reason.split())[:MAX_REASON]
    return f"{sentence}: {reason}" if reason else sentence


class ResumePoint(Protocol):
    """A line of text from which the next attempt at a job resumes, if this one does not finish."""

    def read(self) -> str | None:
        """The text that an earlier attempt, or this one, wrote last."""
        ...

    def write(self, text: str) -> None:
        """Replace the text. A text that cannot be stored is lost, and nothing is raised."""
        ...

    def begin_task(self) -> None:
        """Record that a task is submitted to a vendor next, which may bill it.

        Raises:
            CancellationRequestedError: the owner has canceled the job: submit nothing.
            Stopped: the claim is no longer valid.
        """
        ...

    def drop_task(self) -> None:
        """Record that the vendor refused the task, or failed: it bills nothing."""
        ...


class TransientResumePoint:
    """A resume point in memory alone: no later attempt reads it."""

    def __init__(self) -> None:
        self._text: str | None = None

    def read(self) -> str | None:
        """The text that was written."""
        return self._text

    def write(self, text: str) -> None:
        """Keep the text as long as this object exists."""
        self._text = text

    def begin_task(self) -> None:
        """Forget the former task."""
        self._text = None

    def drop_task(self) -> None:
        """Forget the task."""
        self._text = None


ShowPreview = Callable[[Image, int, int], None]
"""Called as `show(picture, step, steps)` with a small preview of the job's pictures."""


FetchFile = Callable[[str], AbstractContextManager[Path]]
"""Fetches the stored object of a key as a file, which exists within the context."""


def _nothing_stored(key: str) -> AbstractContextManager[Path]:
    raise InvalidInputError(f"nothing is stored as {key}")


@dataclass(frozen=True)
class Work:
    """One job as a model sees it.

    Attributes:
        parameters: the variant's parsed parameter model.
        pictures: decoded RGB pictures by parameter name, in order where the parameter is a list.
        prepared: the result of the adapter's own `prepare`; None where that was not called.
        resume_point: text that one attempt leaves for the next.
        stored: fetches what a key in the parameters names, other than pictures.
        preview: shows a preview of the job's pictures; None where no preview is wanted.
    """

    parameters: BaseModel
    pictures: Mapping[str, Sequence[Image]] = field(default_factory=dict)
    prepared: Any = None
    resume_point: ResumePoint = field(default_factory=TransientResumePoint, compare=False)
    stored: FetchFile = field(default=_nothing_stored, compare=False)
    preview: ShowPreview | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Painted:
    """A painted picture, and the seed that paints it again."""

    image: Image
    seed: int


@dataclass(frozen=True)
class File:
    """A result other than a painted picture, in the form in which it is stored.

    Attributes:
        kind: the kind of artifact, a word that clients see.
        data: its bytes.
        media_type: the media type of the bytes.
        size: width and height in pixels of this picture, or of the picture that it describes.
        about: metadata for clients, as JSON.
    """

    kind: ArtifactKind
    data: bytes
    media_type: str
    size: tuple[int, int]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """The result of a job: pictures (FLUX) or JSON (Florence-2), or both.

    Attributes:
        images: the painted pictures.
        data: the rest, as JSON.
        files: makes the other files to store, one after another; None where there are none.
            Called once, when the device is already free for the next batch.
    """

    images: tuple[Painted, ...] = ()
    data: dict[str, Any] | None = None
    files: Callable[[], Iterable[File]] | None = None

    @property
    def is_to_be_stored(self) -> bool:
        """True when there is more than JSON."""
        return bool(self.images) or self.files is not None


Report = Callable[[int, int], None]
"""Called as `report(step, steps)`, counted from 1, for the whole batch."""

ShouldStop = Callable[[], bool]


class Adapter(Protocol):
    """A variant's code on one device."""

    def load(self) -> None:
        """Bring the weights onto the device.

        Raises:
            workers.adapters.weights.WeightsError: they are missing, or not those of the row.
        """
        ...

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Run one batch of jobs with the same batch key.

        Raises:
            Stopped: `should_stop` returned true.
            OutOfMemoryError: the batch does not fit.
            AdapterError: any other error that the owner of a job should read.
        """
        ...


@runtime_checkable
class Unloading(Protocol):
    """An adapter that can free its device memory and be loaded again later."""

    def unload(self) -> None:
        """Free everything that `load` allocated. After another `load`, `run` works as before."""
        ...


@runtime_checkable
class Economical(Protocol):
    """An adapter that can run jobs in less memory, at the price of time."""

    def run_in_least_memory(
        self, batch: Sequence[Work], report: Report, should_stop: ShouldStop
    ) -> list[Output]:
        """Run as `run` does, with every cache emptied first and all large tensors in parts.

        Raises:
            OutOfMemoryError: the batch does not fit all the same.
            AdapterError: as `run`.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """An adapter that can do a part of its work on the CPU while the device runs another batch.

    Any thread may call it, also during `run`, which must give the same result without it.
    """

    def prepare(self, work: Work) -> Work:
        """The same work, with `prepared` set.

        Raises:
            AdapterError: an error that the owner of the job should read.
        """
        ...
