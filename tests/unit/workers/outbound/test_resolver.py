"""The system's resolver with a time limit, which it does not have itself."""

import socket
import time
from collections.abc import Iterator
from threading import Event

import pytest

from tests.support.waiting import await_true
from workers.outbound import SystemResolver, TimedOutError, UnreachableError


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Makes lookups hang; the names requested so far."""
    over = Event()
    asked: list[str] = []

    def hang(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


def test_a_local_name_is_found_without_a_name_server() -> None:
    found = {str(address) for address in SystemResolver()("localhost", 5)}

    assert found
    assert found <= {"127.0.0.1", "::1"}


def test_a_name_that_cannot_exist_is_unreachable() -> None:
    with pytest.raises(UnreachableError):
        SystemResolver()("a" * 64, 5)


def test_an_address_comes_once_though_the_system_repeats_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [(2, 1, 6, "", (a, 0)) for a in ("1.1.1.1", "1.0.0.1", "1.1.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    assert [str(found) for found in SystemResolver()("a.example", 5)] == ["1.1.1.1", "1.0.0.1"]


def test_a_lookup_that_hangs_is_given_up(hung: list[str]) -> None:
    began = time.monotonic()

    with pytest.raises(TimedOutError):
        SystemResolver()("slow.example", 0.1)

    assert time.monotonic() - began < 5
    assert hung == ["slow.example"]


def test_lookups_that_hang_hold_a_bounded_number_of_threads(hung: list[str]) -> None:
    resolve = SystemResolver(lookups_at_once=2)

    for name in ("a.example", "b.example", "c.example"):
        with pytest.raises(TimedOutError):
            resolve(name, 0.05)

    assert await_true(lambda: hung == ["a.example", "b.example"])
