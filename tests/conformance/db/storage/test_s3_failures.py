"""Errors of the S3 store for servers that are silent, closed, failing or odd."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from db.storage.object_store import (
    StoreUnavailableError,
)
from db.storage.s3 import S3Account, S3Store
from tests.servers.http import answering


def impatient(endpoint_url: str) -> S3Store:
    account = S3Account(
        bucket="bucket", endpoint_url=endpoint_url, access_key_id="id", secret_access_key="secret"
    )
    return S3Store(account, connect_timeout_seconds=0.3, read_timeout_seconds=0.3, attempts=2)


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["silent_endpoint", "closed_endpoint"])
def test_an_endpoint_that_does_not_answer_is_unavailable_soon(
    request: pytest.FixtureRequest, endpoint: str
) -> None:
    store = impatient(request.getfixturevalue(endpoint))
    calls: list[Callable[[], Any]] = [
        lambda: store.put("a/0", b"x", "text/plain"),
        lambda: store.get("a/0"),
        lambda: store.head("a/0"),
        lambda: store.delete("a/0"),
        lambda: list(store.list("a/")),
    ]
    for call in calls:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError) as caught:
            call()
        assert time.monotonic() - started < 5
        assert caught.value.retryable


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (400, "RequestTimeout")]
)
def test_a_server_s_own_trouble_is_unavailable(status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with answering(status, body) as url, pytest.raises(StoreUnavailableError, match=code):
        impatient(url).get("a/0")


def test_an_answer_broken_off_is_unavailable() -> None:
    with answering(200, b"half", content_length=8) as url, pytest.raises(StoreUnavailableError):
        impatient(url).get("a/0")


def test_an_error_of_an_unknown_kind_is_raised_as_it_came() -> None:
    body = b"<Error><Code>Unheard</Code></Error>"
    with answering(409, body) as url, pytest.raises(ClientError, match="Unheard"):
        impatient(url).get("a/0")


# The disk's own.
