"""Failures: the message for the job's owner, and the decision to retry."""

import pytest
from sqlalchemy.exc import OperationalError

from db.storage.object_store import (
    ObjectNotFoundError,
    StoreMisconfiguredError,
    StoreUnavailableError,
)
from db.values.pictures import PictureError
from workers.adapters.protocol import (
    AdapterError,
    InvalidInputError,
    InvalidLoraError,
    OutOfMemoryError,
    Stopped,
)
from workers.runtime.failures import TimeoutExceededError, failure_of, retry_delay_seconds


class UpstreamError(AdapterError):
    """An adapter's own error, as the hosted adapter would define it."""

    code = "upstream_error"
    retryable = True


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OutOfMemoryError("too large"), "out_of_memory", False),
        (InvalidLoraError("of another model"), "invalid_lora", False),
        (InvalidInputError("no text"), "invalid_input", False),
        (TimeoutExceededError(120), "timeout", False),
        (Stopped("given up"), "canceled", False),
        (UpstreamError("busy"), "upstream_error", True),
        (PictureError("not a picture"), "invalid_image", False),
        (ObjectNotFoundError("inputs/x"), "input_unreachable", False),
        (StoreUnavailableError("503"), "internal_error", True),
        (StoreMisconfiguredError("no bucket"), "internal_error", False),
        (OperationalError("SELECT", {}, OSError()), "internal_error", True),
        (RuntimeError("CUDA error"), "internal_error", True),
        (KeyError("x"), "internal_error", True),
    ],
)
def test_each_error_has_its_code_and_is_retried_or_not(
    error: Exception, code: str, *, retryable: bool
) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)


def test_the_sentence_of_an_adapter_s_error_reaches_the_owner() -> None:
    assert failure_of(InvalidInputError("too many tasks")).message == "too many tasks"
    assert "120 s" in failure_of(TimeoutExceededError(120.0)).message


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("prompt: my secret"),
        OperationalError("SELECT secret", {"password": "secret"}, OSError("secret")),
        StoreUnavailableError("https://secret@store/"),
        ObjectNotFoundError("inputs/secret"),
    ],
)
def test_the_sentence_of_an_unforeseen_error_stays_in(error: Exception) -> None:
    assert "secret" not in failure_of(error).message


def test_the_delay_doubles_up_to_a_cap() -> None:
    assert [retry_delay_seconds(n) for n in (1, 2, 3, 4, 5, 6, 60)] == [2, 4, 8, 16, 32, 60, 60]
