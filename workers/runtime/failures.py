"""From what went wrong in an attempt to what the job's owner is told, and whether to try again."""

from sqlalchemy.exc import SQLAlchemyError

from db.jobs.types import Failure
from db.storage.object_store import ObjectNotFoundError, StoreError
from db.values.pictures import PictureError
from workers.adapters.protocol import AdapterError

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 60.0


class TimeoutExceededError(AdapterError):
    """The attempt ran past the job's deadline."""

    code = "timeout"

    def __init__(self, deadline_seconds: float) -> None:
        super().__init__(f"the job ran longer than its deadline of {deadline_seconds:g} s")


class NeverRunError(AdapterError):
    """The device was lost before the job's turn came: nothing was tried, and nothing failed."""

    def __init__(self) -> None:
        super().__init__("the device was lost before the job's turn")


def failure_of(error: Exception) -> Failure:
    """The stable code and the sentence for an error; what is not known is `internal_error`."""
    match error:
        case AdapterError():
            return Failure(error.code, str(error), error.retryable)
        case ObjectNotFoundError():
            return Failure("input_unreachable", "an input picture is gone", retryable=False)
        case PictureError():
            return Failure("invalid_image", str(error), retryable=False)
        case StoreError():
            return Failure("internal_error", "the store did not answer", error.retryable)
        case SQLAlchemyError():
            return Failure("internal_error", "the database did not answer", retryable=True)
        case _:
            # The sentence of an unknown error may hold a prompt or an address: it stays in.
            return Failure("internal_error", "the worker failed unexpectedly", retryable=True)


def retry_delay_seconds(attempt: int) -> float:
    """How long to wait after a failed attempt: doubling, capped.

    Attempts 1, 2, 3, 6 wait 2, 4, 8, 60 seconds.
    """
    return min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * float(2 ** (attempt - 1)))
