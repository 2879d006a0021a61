"""A reading that many requests share."""

import asyncio
import threading

import pytest

from api.resources import cached_reading
from api.resources.cached_reading import CachedReading


class Clock:
    """The time, which a test sets, and a count of readings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.reads = 0
        self.fails = False
        self.may_end = threading.Event()
        self.may_end.set()
        monkeypatch.setattr(cached_reading.time, "monotonic", lambda: self.now)

    def load(self) -> int:
        self.reads += 1
        assert self.may_end.wait(10)
        if self.fails:
            raise OSError(str(self.reads))
        return self.reads


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_it_is_read_once_a_second(clock: Clock) -> None:
    async def scene() -> None:
        reading = CachedReading(clock.load)
        assert [await reading.read() for _ in range(3)] == [1, 1, 1]
        clock.now += 0.9
        assert await reading.read() == 1
        clock.now += 0.1
        assert await reading.read() == 2

    asyncio.run(scene())


def test_many_who_ask_at_once_share_one_reading(clock: Clock) -> None:
    async def scene() -> None:
        reading = CachedReading(clock.load)
        clock.may_end.clear()
        asked = [asyncio.create_task(reading.read()) for _ in range(50)]
        await asyncio.sleep(0)
        clock.may_end.set()
        assert await asyncio.gather(*asked) == [1] * 50

    asyncio.run(scene())


def test_an_error_is_shared_and_then_forgotten(clock: Clock) -> None:
    async def scene() -> None:
        reading = CachedReading(clock.load)
        clock.fails = True
        for _ in range(3):
            with pytest.raises(OSError, match="1"):
                await reading.read()
        clock.fails = False
        clock.now += 1
        assert await reading.read() == 2

    asyncio.run(scene())
