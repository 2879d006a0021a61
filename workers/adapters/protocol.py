"""The boundary between a job and a model.

An adapter serves one variant on one device. Everything it is handed has been validated and
fetched; everything it returns is plain pictures and JSON. It knows no database, no queue and
no store, and it may assume that one thread at a time calls it, unless its row of the catalogue says
`calls_at_once`.

What every adapter promises:

* `load` brings the weights onto the device, once, before the first `run`.
* `run` answers one `Output` per `Work`, in order.
* It reports progress after every step, and asks `should_stop` at least once per step; when that
  answers true it raises `Stopped` within one step and leaves the model fit for the next batch.
* Out of memory is raised as `OutOfMemoryError`, with the device's cache freed.
* What is no picture, for not all of its numbers are numbers, is raised as `InvalidOutputError`.
* A device that is of no more use to this process is raised as `DeviceLostError`.
* An error that concerns one work is raised for its whole batch; run again without it, the
  others succeed.
* The same parameters and seed give the same picture, whatever the batch-mates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL.Image import Image
from pydantic import BaseModel

from db.values.artifact_kinds import ArtifactKind


class AdapterError(Exception):
    """Something the model could not do. `str()` of it is fit for the job's owner."""

    code = "internal_error"
    retryable = False


class Stopped(AdapterError):  # noqa: N818 - the answer to a request, not a fault
    """`should_stop` said so: the batch was given up between two steps."""

    code = "canceled"


class OutOfMemoryError(AdapterError):
    """The device's memory did not hold the batch."""

    code = "out_of_memory"


class DeviceLostError(AdapterError):
    """The device failed, and fails from now on: the process must end and a fresh one begin.

    Its code is that of a worker that died: the job is tried again, and without mates, since it
    may have been the job's own doing.
    """

    code = "worker_lost"
    retryable = True


class InvalidOutputError(AdapterError):
    """What came out is no picture: numbers that are none, of the device's or the weights' making.

    Tried again, since a device may err once.
    """

    code = "invalid_output"
    retryable = True


class InvalidImageError(AdapterError):
    """A picture that passed the edge's checks is not usable after all."""

    code = "invalid_image"


class InvalidLoraError(AdapterError):
    """A LoRA is broken, or made for another model."""

    code = "invalid_lora"


class InvalidInputError(AdapterError):
    """Parameters that passed the edge's checks are not usable by this model."""

    code = "invalid_input"


class ResumePoint(Protocol):
    """A line that an attempt at a job leaves for the next one, should it not come to its end."""

    def read(self) -> str | None:
        """What an earlier attempt, or this one, wrote last."""
        ...

    def write(self, text: str) -> None:
        """Leave this; a note that cannot be kept is lost, and nothing is raised."""
        ...


class TransientResumePoint:
    """A note that nobody keeps."""

    def __init__(self) -> None:
        self._text: str | None = None

    def read(self) -> str | None:
        """What was written."""
        return self._text

    def write(self, text: str) -> None:
        """Keep it as long as this object is there."""
        self._text = text


ShowPreview = Callable[[Image, int, int], None]
"""Called as `show(picture, step, steps)` with what a job is coming to: a small picture."""


def _nothing_stored(key: str) -> bytes:
    raise InvalidInputError(f"nothing is stored as {key}")


@dataclass(frozen=True)
class Work:
    """One job as a model sees it.

    Attributes:
        parameters: the variant's parsed parameter model.
        pictures: decoded RGB pictures by parameter name, in order where the parameter is a list.
        prepared: what the adapter's own `prepare` made of it; None where it was not asked.
        note: what attempts leave each other.
        stored: fetches the bytes of a key that the parameters name, other than pictures.
        preview: shows what the job is coming to; None where nobody is to see it.
    """

    parameters: BaseModel
    pictures: Mapping[str, Sequence[Image]] = field(default_factory=dict)
    prepared: Any = None
    note: ResumePoint = field(default_factory=TransientResumePoint, compare=False)
    stored: Callable[[str], bytes] = field(default=_nothing_stored, compare=False)
    preview: ShowPreview | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Painted:
    """One picture that was painted, and the seed that paints it again."""

    image: Image
    seed: int


@dataclass(frozen=True)
class File:
    """A result that is no painted picture, as it will be stored.

    Attributes:
        kind: what it is, in a word that clients see.
        data: its bytes.
        media_type: of the bytes.
        size: width and height in pixels of the picture that it is, or that it is about.
        about: what clients are told of it, as JSON.
    """

    kind: ArtifactKind
    data: bytes
    media_type: str
    size: tuple[int, int]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What a job came to: pictures (FLUX) or JSON (Florence-2), or both.

    Attributes:
        images: what was painted.
        data: the rest, as JSON.
        files: makes whatever else is to be stored, one after another, if anything is; called
            once, when the device is already free for the next batch.
    """

    images: tuple[Painted, ...] = ()
    data: dict[str, Any] | None = None
    files: Callable[[], Iterable[File]] | None = None

    @property
    def is_to_be_stored(self) -> bool:
        """Whether there is more than JSON."""
        return bool(self.images) or self.files is not None


Report = Callable[[int, int], None]
"""Called as `report(step, steps)`, counted from 1, for the whole batch."""

ShouldStop = Callable[[], bool]


class Adapter(Protocol):
    """A variant's code on one device."""

    def load(self) -> None:
        """Bring the weights onto the device.

        Raises:
            workers.adapters.weights.WeightsError: they are missing or not what the row says.
        """
        ...

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Run one batch of jobs with the same batch key.

        Raises:
            Stopped: `should_stop` answered true.
            OutOfMemoryError: the batch does not fit.
            AdapterError: anything else the owner of a job should read.
        """
        ...


@runtime_checkable
class Unloading(Protocol):
    """An adapter that can give its device memory back, to be loaded again later."""

    def unload(self) -> None:
        """Let go of everything that `load` took; `load` may follow, and then the same `run`."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """An adapter that can do a part of its work on the CPU while the device is at another batch.

    It may be asked from any thread, also during `run`, which must answer the same without it.
    """

    def prepare(self, work: Work) -> Work:
        """The same work, with `prepared` set.

        Raises:
            AdapterError: anything that the owner of the job should read.
        """
        ...
