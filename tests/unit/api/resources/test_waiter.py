"""Events that wait for a client, and the pace at which it is handed on."""

import asyncio
from collections import deque
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from api.core.domain_errors import TooManyStreamsError
from api.resources.credentials import Credential
from api.resources.fan_out import Channel, FanOut
from api.resources.shared_results import SharedResults
from api.resources.waiter import CloseReason, EventBuffer, StreamedEvent, Waiter
from api.resources.waiter_limits import WaiterLimits
from workers.messaging.events import Event


def event(n: int, kind: str = "progress") -> StreamedEvent:
    data: dict[str, Any] = {"step": n} if kind in ("progress", "preview") else {"state": "running"}
    return StreamedEvent(Event(f"{n}-0", "job_1", cast("Any", kind), data))


def ids(events: list[StreamedEvent]) -> list[str]:
    return [f"{each.order[0]} {each.event.type}" for each in events]


def test_of_progress_and_previews_the_newest_waits_and_of_states_every_one() -> None:
    buffer = EventBuffer()
    kinds = ["state", "progress", "preview", "progress", "state", "progress", "preview", "done"]
    for n, kind in enumerate(kinds, 1):
        buffer.put(event(n, kind))
    assert buffer.is_urgent
    assert ids(buffer.take()) == ["1 state", "5 state", "6 progress", "7 preview", "8 done"]
    assert buffer.take() == []


def test_an_event_that_comes_late_or_twice_is_dropped() -> None:
    buffer = EventBuffer()
    for n in (2, 1, 2, 3):
        buffer.put(event(n, "state"))
    buffer.skip_to((2, 0))
    assert ids(buffer.take()) == ["3 state"]
    buffer.put(event(3, "state"))
    assert not buffer.is_urgent


def test_a_client_that_takes_nothing_is_let_go_and_its_buffer_is_small() -> None:
    waiter = Waiter(Credential("key_1"))
    for n in range(1, 10_000):
        waiter.put([event(n)])
    assert waiter.closed is None
    for n in range(10_000, 10_100):
        waiter.put([event(n, "state")])
    assert waiter.closed == CloseReason.NOT_READ


def test_an_event_is_encoded_once() -> None:
    before = REGISTRY.get_sample_value("bottega_events_encoded_total") or 0.0
    shared = event(1)
    assert shared.frame is shared.frame
    assert shared.frame == b'event: progress\ndata: {"step": 1}\nid: 1-0\n\n'
    assert REGISTRY.get_sample_value("bottega_events_encoded_total") == before + 1


def test_a_wait_ends_with_its_time_its_job_or_its_credential() -> None:
    async def scene() -> None:
        waiter = Waiter(Credential("key_1"))
        assert await waiter.next(0.001) == []
        waiter.put([event(1), event(2, "done")])
        await waiter.until_over(30)
        assert waiter.is_over
        waiter.reopen()
        waiter.close(CloseReason.INVALID_CREDENTIAL)
        await waiter.until_over(30)
        assert await waiter.next(30) == []

    asyncio.run(scene())


def test_progress_of_a_moment_reaches_each_client_once_and_never_after_the_end() -> None:
    """Hundreds wait; the end overtakes the progress that is being handed on, and loses none."""

    async def scene() -> list[list[str]]:
        fan_out, channel = FanOut(), Channel(deque(maxlen=8))
        channel.waiters = {Waiter(Credential("key_1")): None for _ in range(300)}
        running = asyncio.create_task(fan_out.run())
        following = [asyncio.create_task(follow(waiter)) for waiter in channel.waiters]
        await asyncio.sleep(0)
        for n in range(1, 50):
            fan_out.put(channel, event(n))
        await asyncio.sleep(0.002)
        for n in range(50, 100):
            fan_out.put(channel, event(n))
        fan_out.put(channel, event(100, "done"))
        got = await asyncio.gather(*following)
        running.cancel()
        return got

    async def follow(waiter: Waiter) -> list[str]:
        got: list[str] = []
        while not waiter.is_over:
            got += ids(await waiter.next(30))
        return got + ids(await waiter.next(30))

    for got in asyncio.run(scene()):
        assert got[-2:] == ["99 progress", "100 done"]
        assert len(got) <= 4
        assert got == sorted(got, key=lambda each: int(each.split()[0]))


def test_limits_are_each_key_s_own_and_a_closed_stream_makes_room() -> None:
    limits = WaiterLimits(streams=1, long_polls=1)
    with limits.stream("key_1"), limits.stream("key_2"), limits.long_poll("key_1"):
        with pytest.raises(TooManyStreamsError, match="1 event streams"), limits.stream("key_1"):
            pytest.fail("one too many")
        with pytest.raises(TooManyStreamsError, match="long polls"), limits.long_poll("key_1"):
            pytest.fail("one too many")
    with limits.stream("key_1"):
        assert len(limits._open) == 1
    assert not limits._open


def test_a_result_is_made_once_for_all_who_ask_meanwhile_and_an_error_is_not_kept() -> None:
    made: list[int] = []

    async def make() -> int | None:
        made.append(len(made))
        await asyncio.sleep(0)
        if made[-1] == 0:
            raise ValueError
        return made[-1] if made[-1] > 1 else None

    async def scene() -> None:
        shared: SharedResults[int | None] = SharedResults(keep_seconds=60)
        first = await asyncio.gather(
            *(shared.get("a", make) for _ in range(9)), return_exceptions=True
        )
        assert {type(each) for each in first} == {ValueError}
        assert await asyncio.gather(*(shared.get("a", make) for _ in range(9))) == [None] * 9
        assert await asyncio.gather(*(shared.get("a", make) for _ in range(9))) == [2] * 9
        assert await shared.get("a", make) == 2
        assert len(made) == 3

    asyncio.run(scene())
