"""Errors of the use cases. They know no HTTP: one table in `api.core.errors` maps them.

They lie this low because `api.resources` raises some of them, and `api.core.errors` maps them all.
Every message is a sentence that a client may read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_MAX_SHOWN = 100


class DomainError(Exception):
    """A use case that cannot be carried out as requested."""


class NotFoundError(DomainError):
    """The object does not exist, or belongs to another tenant."""

    def __init__(self, noun: str) -> None:
        super().__init__(f"there is no such {noun}")


class JobNotFoundError(NotFoundError):
    """The job does not exist, or belongs to another tenant."""

    def __init__(self) -> None:
        super().__init__("job")


class ModelNotOfferedError(NotFoundError):
    """A compatible API was asked for a model by a name that stands for none here.

    Attributes:
        name: the name that was asked for.
    """

    def __init__(self, name: str, reason: str = "") -> None:
        shown = name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}…"
        super().__init__("model")
        self.name = shown
        self.args = (f"there is no model {shown!r}" + (f": {reason}" if reason else ""),)


class FileInUseError(DomainError):
    """An unfinished job needs the file."""

    def __init__(self) -> None:
        super().__init__("an unfinished job uses this file: cancel the job, or wait until it ends")


class JobNotOverError(DomainError):
    """The job is queued or running."""

    def __init__(self) -> None:
        super().__init__("this job is not over: cancel it, or wait until it ends")


class NotRetryableError(DomainError):
    """The job did not fail, or was retried before."""

    def __init__(self) -> None:
        super().__init__("it has not failed, or was done again before")


class SelectionChangedError(DomainError):
    """A bulk action no longer matches the jobs that were counted for it."""


class TooManyExportsError(DomainError):
    """The tenant's data are being exported already, or those of several others."""

    def __init__(self) -> None:
        super().__init__("an export is being sent at this moment; try again when it is over")


class TooManyFetchesError(DomainError):
    """Too many remote files are being fetched at this moment."""


class TooManyWrongKeysError(DomainError):
    """A client has sent many wrong keys."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(
            f"many wrong API keys came from this address; check yours, and wait {wait_seconds} s"
        )
        self.wait_seconds = wait_seconds


class NotInTimeError(DomainError):
    """A synchronous request whose job did not end in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the job did not end within {seconds:g} s")


class TooManyBodiesError(DomainError):
    """No room for another large request body at this moment: of this key, or of anybody."""

    def __init__(self, *, own: bool) -> None:
        whose = "your other requests'" if own else "other requests'"
        super().__init__(f"{whose} bodies fill the memory for them; send it again in a moment")
        self.own = own


class TooManyStreamsError(DomainError):
    """A key has as many event streams or long polls open as it may."""

    def __init__(self, kind: str, limit: int) -> None:
        super().__init__(f"this key may have {limit} {kind} open at one time; close one, or poll")


@dataclass(frozen=True)
class InvalidField:
    """One field of a submission that is wrong.

    Attributes:
        loc: the path to the field in the submission, e.g. `("input", "width")`.
        message: the rule that it breaks, for people.
        type: a stable word for the rule, for programs.
    """

    loc: tuple[str | int, ...]
    message: str
    type: str = "value_error"


class InvalidSubmissionError(DomainError):
    """A submission that does not fit its model, or names a file that cannot be used."""

    def __init__(self, message: str, fields: Sequence[InvalidField]) -> None:
        super().__init__(message)
        self.fields = fields

    @classmethod
    def of_field(
        cls, loc: Sequence[str | int], message: str, kind: str = "value_error"
    ) -> "InvalidSubmissionError":
        """The error of one field; its message is the whole message."""
        return cls(message, [InvalidField(tuple(loc), message, kind)])

    @classmethod
    def of_fields(cls, fields: Sequence[InvalidField]) -> "InvalidSubmissionError":
        """The error of all fields that a validation rejected; the message names the first three."""
        places = (f"{'.'.join(map(str, field.loc))}: {field.message}" for field in fields[:3])
        return cls("; ".join(places), fields)
