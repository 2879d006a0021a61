"""Retries where they are safe: a store or a database that comes back soon."""

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from db.storage.object_store import StoreError
from workers.settings import WorkerSettings

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 3.0


def retrying(settings: WorkerSettings, *errors: type[Exception]) -> Retrying:
    """A retry loop with jitter, for calls that may be made twice without harm.

    Args:
        settings: the time after which it gives up.
        errors: the errors to retry; of a store's errors only those that are transient.
    """
    return Retrying(
        retry=retry_if_exception(lambda error: _is_transient(error, errors)),
        wait=wait_random_exponential(_FIRST_SECONDS, max=_LONGEST_SECONDS),
        stop=stop_before_delay(settings.patience_seconds),
        reraise=True,
    )


def _is_transient(error: BaseException, errors: tuple[type[Exception], ...]) -> bool:
    if isinstance(error, StoreError):
        return error.retryable and isinstance(error, errors)
    return isinstance(error, errors)
