"""Requests that stay open while their job runs: revoked keys, limits, and the shared work."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from api.resources import event_hub
from api.web.playground import jobs as playground_jobs
from api.web.playground.session import COOKIE
from db.core.session import Database
from db.operators.actions import suspend_tenant
from db.operators.audit import Actor
from db.storage.local import LocalStore
from db.tenants import api_keys, sessions
from tests.support import jobs
from tests.support.apis import MakeApi
from workers.messaging.events import Publisher

Get = Callable[[str], Awaitable[httpx.Response]]


class OpenApi:
    """An API process of this interpreter, and a tenant's key for it."""

    def __init__(self, app: Any, database: Database, tenant_id: str) -> None:
        self.app, self.database, self.tenant_id = app, database, tenant_id
        with database.transaction() as session:
            row, self.key = api_keys.create(session, tenant_id=tenant_id, name="")
            self.key_id = row.id

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://bottega.test",
            headers=headers or {"Authorization": f"Bearer {self.key}"},
            timeout=60,
        )

    async def watched(self, waiters: int) -> None:
        """Return when this many requests wait for jobs.

        A long poll is counted once it has read the job: before, it is any other call.
        """
        services = self.app.state.services

        def counts() -> set[int]:
            return {len(services.hub.waiters), services.waiter_limits._open.total()}

        async with asyncio.timeout(30):
            while counts() != {waiters}:  # noqa: ASYNC110 - a look
                await asyncio.sleep(0.01)

    def run(self, scene: Callable[[], Awaitable[None]]) -> None:
        """Run a test's coroutine while the process runs; nobody waits afterwards."""

        async def play() -> None:
            async with self.app.router.lifespan_context(self.app):
                await scene()
                await self.watched(0)

        asyncio.run(play())

    def revoke(self) -> None:
        with self.database.transaction() as session:
            assert api_keys.revoke(session, self.key_id)

    def expire(self) -> None:
        change = "UPDATE api_keys SET expires_at = now() WHERE id = :id"
        jobs.sql(self.database, change, id=self.key_id)

    def suspend(self) -> None:
        with self.database.transaction() as session:
            assert suspend_tenant(session, Actor("key_0", "test"), self.tenant_id)


@pytest.fixture
def tenant_id(database: Database) -> str:
    return jobs.add_tenant(database)


@pytest.fixture
def make_open_api(make_api: MakeApi, database: Database, tenant_id: str) -> Callable[..., OpenApi]:
    def make(**settings: str) -> OpenApi:
        return OpenApi(make_api(**settings), database, tenant_id)

    return make


def events_of(text: str) -> list[str]:
    """The types of a stream's events."""
    return [line[7:] for line in text.splitlines() if line.startswith("event: ")]


def succeed(database: Database, held: Any, store: LocalStore) -> None:
    """End a job with a stored picture, whose URL is what must not leak."""
    stored = jobs.stored(held)
    store.put(stored.key, b"picture", stored.media_type)
    assert jobs.complete(database, held, stored)


@pytest.mark.parametrize(
    ("end", "code"),
    [("revoke", "unauthorized"), ("expire", "unauthorized"), ("suspend", "suspended")],
)
@pytest.mark.parametrize("told_by", ["event", "reconciliation"])
def test_who_is_shut_out_meanwhile_gets_nothing_of_the_job(
    make_open_api: Callable[..., OpenApi],
    database: Database,
    store: LocalStore,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    code: str,
    told_by: str,
) -> None:
    """A look at every end of a job, and every few seconds: neither depends on the other."""
    monkeypatch.setattr(event_hub, "RECONCILE_SECONDS", 600 if told_by == "event" else 0.05)
    api = make_open_api()
    held = jobs.running(database, api.tenant_id)
    url = f"/v1/jobs/{held.job_id}"

    async def scene() -> None:
        async with api.client() as client:
            stream = asyncio.create_task(client.get(f"{url}/events"))
            poll = asyncio.create_task(client.get(f"{url}?wait=50"))
            await api.watched(2)
            await asyncio.to_thread(getattr(api, end))
            if told_by == "event":
                await asyncio.to_thread(succeed, database, held, store)
                publisher.publish_done(held.job_id, "succeeded")
            text = (await stream).text
            assert events_of(text)[-1] == "error"
            assert json.loads(text.splitlines()[-2].removeprefix("data: "))["code"] == code
            assert "/v1/artifacts/" not in text
            assert (await poll).json()["code"] == code

    api.run(scene)
    if told_by == "reconciliation":
        assert jobs.cancel(database, held.job_id)


@pytest.mark.parametrize("end", ["revoke", "suspend", "sign out"])
def test_a_browser_that_is_signed_out_meanwhile_sees_no_more_of_the_job(
    make_open_api: Callable[..., OpenApi],
    database: Database,
    store: LocalStore,
    publisher: Publisher,
    end: str,
) -> None:
    api = make_open_api()
    held = jobs.running(database, api.tenant_id)
    with database.transaction() as session:
        token = sessions.start(session, api.key_id, seconds=600)

    def shut_out() -> None:
        if end == "sign out":
            with database.transaction() as session:
                sessions.end(session, token)
        else:
            getattr(api, end)()

    async def scene() -> None:
        async with api.client(Cookie=f"{COOKIE.name}={token}") as client:
            stream = asyncio.create_task(client.get(f"/playground/jobs/{held.job_id}/events"))
            await api.watched(1)
            await asyncio.to_thread(shut_out)
            await asyncio.to_thread(succeed, database, held, store)
            publisher.publish_done(held.job_id, "succeeded")
            text = (await stream).text
            assert "/v1/artifacts/" not in text
            assert "done" not in events_of(text)

    api.run(scene)


@pytest.mark.parametrize("last", [2, 3])
def test_who_is_signed_out_while_the_job_is_read_sees_nothing_of_its_end(
    make_open_api: Callable[..., OpenApi],
    database: Database,
    store: LocalStore,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    last: int,
) -> None:
    """The check comes after the reading: the job ends between the two, and its URLs are read.

    At the third reading the stream has shown the running job, whose input is from before
    previews: it says nothing of them.
    """
    api = make_open_api()
    held = jobs.running(database, api.tenant_id)
    with database.transaction() as session:
        token = sessions.start(session, api.key_id, seconds=600)
    read, readings = playground_jobs.job_values, []

    def job_values(*of: Any) -> Any:
        readings.append(of)
        if len(readings) == last:  # the first one is for 404, before the stream
            api.suspend()
            succeed(database, held, store)
        values = read(*of)
        publisher.publish_state(held.job_id, "running", attempt=1)  # the next reading
        return values

    monkeypatch.setattr(playground_jobs, "job_values", job_values)

    async def scene() -> None:
        async with api.client(Cookie=f"{COOKIE.name}={token}") as client:
            answer = await client.get(f"/playground/jobs/{held.job_id}/events")
            assert answer.status_code == 200
            assert answer.text.count("The picture appears here when it is done.") == last - 2
            assert "/results/" not in answer.text
            assert "done" not in events_of(answer.text)

    api.run(scene)
    assert len(readings) == last


def test_a_key_has_so_many_streams_and_long_polls_and_no_more(
    make_open_api: Callable[..., OpenApi], database: Database
) -> None:
    api = make_open_api(BOTTEGA_MAX_STREAMS_PER_KEY="3", BOTTEGA_MAX_LONG_POLLS_PER_KEY="2")
    job_id = jobs.submit(database, api.tenant_id)
    url = f"/v1/jobs/{job_id}"
    with database.transaction() as session:
        token = sessions.start(session, api.key_id, seconds=600)

    async def scene() -> None:
        async with api.client() as client, api.client(Cookie=f"{COOKIE.name}={token}") as browser:
            waiting = [asyncio.create_task(client.get(f"{url}/events")) for _ in range(2)]
            waiting += [asyncio.create_task(browser.get(f"/playground/jobs/{job_id}/events"))]
            waiting += [asyncio.create_task(client.get(f"{url}?wait=50")) for _ in range(2)]
            await api.watched(5)
            for refused in (await client.get(f"{url}/events"), await client.get(f"{url}?wait=9")):
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
                assert int(refused.headers["retry-after"]) > 0
            assert (await browser.get(f"/playground/jobs/{job_id}/events")).status_code == 429
            assert (await client.get(url)).status_code == 200
            body = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
            submitted = await client.post("/v1/jobs", json=body, headers={"Prefer": "wait=9"})
            assert submitted.status_code == 202
            assert "preference-applied" not in submitted.headers
            for each in (job_id, submitted.json()["id"]):
                assert (await client.post(f"/v1/jobs/{each}/cancel")).status_code == 200
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            again = await client.get(f"{url}/events")
            assert events_of(again.text)[-1] == "done"

    api.run(scene)


def test_the_fifty_first_stream_of_a_key_is_refused(
    make_open_api: Callable[..., OpenApi], database: Database
) -> None:
    api = make_open_api()
    job_id = jobs.submit(database, api.tenant_id)

    async def scene() -> None:
        async with api.client() as client:
            url = f"/v1/jobs/{job_id}"
            streams = [asyncio.create_task(client.get(f"{url}/events")) for _ in range(50)]
            await api.watched(50)
            assert (await client.get(f"{url}/events")).status_code == 429
            await client.post(f"{url}/cancel")
            assert {(await each).status_code for each in streams} == {200}

    api.run(scene)


def counted(metric: str) -> float:
    return REGISTRY.get_sample_value(metric) or 0.0


def test_an_event_is_encoded_once_and_a_job_s_end_loaded_once_for_all_who_wait(
    make_open_api: Callable[..., OpenApi],
    database: Database,
    store: LocalStore,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = make_open_api()
    held = jobs.running(database, api.tenant_id)
    url = f"/v1/jobs/{held.job_id}"
    steps = 40

    async def scene() -> None:
        signed: list[Any] = []
        replayed: list[Any] = []
        hub = api.app.state.services.hub
        replay = hub.replay

        async def counted_replay(*of: Any, **more: Any) -> Any:
            replayed.append(await replay(*of, **more))
            return replayed[-1]

        monkeypatch.setattr(hub, "replay", counted_replay)
        urls = api.app.state.services.artifact_urls
        path = urls.path
        monkeypatch.setattr(urls, "path", lambda *of, **how: signed.append(of) or path(*of, **how))
        async with api.client() as client:
            streams = [asyncio.create_task(client.get(f"{url}/events")) for _ in range(40)]
            polls = [asyncio.create_task(client.get(f"{url}?wait=50")) for _ in range(20)]
            await api.watched(60)
            while len(replayed) < len(streams):  # noqa: ASYNC110 - a look
                await asyncio.sleep(0.01)
            before = counted("bottega_events_encoded_total")
            for step in range(1, steps + 1):
                data = {"step": step, "steps": steps, "fraction": step / steps}
                publisher.publish(held.job_id, "progress", data)
            await asyncio.to_thread(succeed, database, held, store)
            publisher.publish_done(held.job_id, "succeeded")
            texts = [answer.text for answer in await asyncio.gather(*streams)]
            answers = [answer.json() for answer in await asyncio.gather(*polls)]
        assert 1 <= counted("bottega_events_encoded_total") - before <= steps
        assert len(signed) == 1
        assert len(set(texts)) <= 3  # who came later has more of the past, and the same end
        last = {text.rpartition("event: done")[2] for text in texts}
        assert len(last) == 1
        done = json.loads(last.pop().partition("data: ")[2])
        assert done["state"] == "succeeded"
        assert answers == [done] * 20
        for text in texts:
            data = re.findall(r"event: progress\ndata: (.*)\n", text)
            seen = [json.loads(each)["step"] for each in data]
            assert seen == sorted(set(seen))
            assert seen[-1] == steps

    api.run(scene)
