"""Rate limits: in every response's headers, and refused beyond them, with Redis and without."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.core.metrics import rate_limit_unchecked, rate_limited
from db.core.session import Database
from db.tenants import api_keys
from deploy.local.servers.process import Child
from tests.support.apis import MakeApi
from tests.support.jobs import add_tenant, sql
from workers.settings import WorkerSettings

JOBS = "/v1/jobs"


@pytest.fixture
def app(make_api: MakeApi) -> FastAPI:
    return make_api()


def key_of(database: Database, tenant_id: str | None) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@asynccontextmanager
async def speaking(app: Any, *keys: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of the running application for each key."""
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app):
        yield [
            httpx.AsyncClient(
                transport=transport,
                base_url="http://bottega.test",
                headers={"Authorization": f"Bearer {key}"},
            )
            for key in keys
        ]


def rate_limit_of(answer: httpx.Response) -> tuple[str, int, int]:
    """Policy, remaining requests and seconds to the next one, from a response's headers."""
    found = re.fullmatch(r'"burst";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found
    return answer.headers["RateLimit-Policy"], int(found[1]), int(found[2])


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())


def test_a_key_is_told_where_it_stands_and_refused_beyond_its_limit_and_another_is_not(
    app: Any, database: Database
) -> None:
    tenant_id = add_tenant(database, requests_per_minute=3)
    keys = key_of(database, tenant_id), key_of(database, tenant_id), key_of(database, None)

    async def scene() -> None:
        async with speaking(app, *keys) as (client, other, operator):
            answers = [await client.get(JOBS), await client.get(f"{JOBS}/none")]
            answers.append(await client.post(JOBS, json={}))
            assert [answer.status_code for answer in answers] == [200, 404, 422]
            states = [rate_limit_of(answer) for answer in answers]
            assert [(policy, left) for policy, left, _ in states] == [
                ('"burst";q=3;w=60', left) for left in (2, 1, 0)
            ]
            assert all("Retry-After" not in answer.headers for answer in answers)
            before = rate_limited._value.get()
            # Refused before its body is read: the body would be refused otherwise.
            refused = await client.post(JOBS, json={})
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["Content-Type"] == "application/problem+json"
            _, left, seconds = rate_limit_of(refused)
            assert left == 0
            assert 1 <= seconds <= 60
            assert refused.headers["Retry-After"] == str(seconds)
            assert rate_limited._value.get() == before + 1
            assert rate_limit_of(await other.get(JOBS))[1] == 2
            free = [
                await operator.get("/v1/admin/tiers"),
                await client.get("/livez"),
                await client.get(JOBS, headers={"Authorization": "Bearer nonsense"}),
            ]
            assert [answer.status_code for answer in free] == [200, 200, 401]
            assert not any("RateLimit" in answer.headers for answer in free)

    play(scene)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer  %s")],
        [(b"authorization", b"bearer\t%s ")],
        [(b"x-key", b" %s")],
        [(b"authorization", b"Bearer %s"), (b"authorization", b"Bearer %s")],
        [(b"authorization", b"Bearer %s"), (b"x-key", b"%s")],
        [(b"authorization", b"Basic x"), (b"x-key", b"%s")],
    ],
)
def test_a_key_is_counted_however_it_is_spelled(
    app: Any, database: Database, headers: list[tuple[bytes, bytes]]
) -> None:
    key = key_of(database, add_tenant(database, requests_per_minute=1)).encode()
    spelled = [(name, value.replace(b"%s", key)) for name, value in headers]

    async def scene() -> None:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://bottega.test", headers=spelled
            ) as client,
        ):
            assert rate_limit_of(await client.get(JOBS))[1] == 0
            assert (await client.get(JOBS)).status_code == 429

    play(scene)


def test_two_keys_in_one_request_are_refused(app: Any, database: Database) -> None:
    keys = [key_of(database, add_tenant(database)) for _ in range(2)]

    async def scene() -> None:
        async with speaking(app, keys[0]) as (client,):
            answer = await client.get(JOBS, headers={"x-key": keys[1]})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    play(scene)


def test_a_tier_without_a_limit_has_none_and_one_that_is_set_holds(
    app: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.resources.rate_limiter._TIER_CACHE_SECONDS", 0.0)
    tenant_id = add_tenant(database)
    key = key_of(database, tenant_id)

    async def scene() -> None:
        async with speaking(app, key) as (client,):
            assert "RateLimit" not in (await client.get(JOBS)).headers
            sql(
                database,
                "UPDATE tiers SET requests_per_minute = 7 FROM tenants "
                "WHERE tiers.name = tenants.tier RETURNING tiers.name",
            )
            assert rate_limit_of(await client.get(JOBS))[0] == '"burst";q=7;w=60'

    play(scene)


def test_without_redis_each_process_counts_by_itself(
    own_redis: Child,
    own_redis_settings: WorkerSettings,
    database: Database,
    make_api: MakeApi,
) -> None:
    app = make_api(REDIS_URL=own_redis_settings.redis_url.get_secret_value())
    limited = add_tenant(database, requests_per_minute=3)
    keys = key_of(database, limited), key_of(database, limited)

    async def scene() -> None:
        async with speaking(app, *keys) as (client, other):
            assert (await client.get(JOBS)).status_code == 200
            own_redis.kill()
            before = rate_limit_unchecked._value.get()
            answers = [await client.get(JOBS) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
            assert [rate_limit_of(answer)[1] for answer in answers] == [2, 1, 0, 0, 0]
            assert rate_limit_unchecked._value.get() == before + 5
            assert (await other.get(JOBS)).status_code == 200

    play(scene)


def test_a_redis_that_hangs_opens_no_limit(
    own_redis: Child,
    own_redis_settings: WorkerSettings,
    database: Database,
    make_api: MakeApi,
) -> None:
    app = make_api(REDIS_URL=own_redis_settings.redis_url.get_secret_value())
    key = key_of(database, add_tenant(database, requests_per_minute=2))

    async def scene() -> None:
        async with speaking(app, key) as (client,):
            os.kill(own_redis.pid, signal.SIGSTOP)
            try:
                answers = [await client.get(JOBS) for _ in range(4)]
            finally:
                os.kill(own_redis.pid, signal.SIGCONT)
            assert [answer.status_code for answer in answers] == [200] * 2 + [429] * 2

    play(scene)
