"""A call is refused for its key, its kind or its size before its body is received."""

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import GUARDED
from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.exchanges import endless, exchange, play

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": "http://bottega.test"}
MULTIPART = {"content-type": "multipart/form-data; boundary=x", "origin": "http://bottega.test"}
LONG = {"content-length": "60000000"}


def key_of(database: Database, tenant_id: str | None) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


def test_without_a_usable_key_not_one_byte_is_received(
    make_api: MakeApi, database: Database
) -> None:
    app = make_api()
    tenant, operator = key_of(database, jobs.add_tenant(database)), key_of(database, None)
    suspended_tenant = jobs.add_tenant(database)
    suspended = key_of(database, suspended_tenant)
    jobs.sql(
        database,
        "UPDATE tenants SET suspended_at = now() WHERE id = :id RETURNING id",
        id=suspended_tenant,
    )
    cases = [
        ("/v1/jobs", JSON, None, 401),
        ("/v1/jobs", JSON, tenant[:-1] + ("1" if tenant.endswith("0") else "0"), 401),
        ("/v1/jobs", JSON, suspended, 403),
        ("/v1/jobs", JSON, operator, 403),
        ("/v1/files", MULTIPART, None, 401),
        ("/v1/files", MULTIPART, operator, 403),
        ("/v1/admin/tenants", JSON, None, 401),
        ("/v1/admin/tenants", JSON, tenant, 403),
        ("/v1/webhooks/secret/rotate", JSON, None, 401),
        ("/dashboard/tenants", FORM, None, 303),
        ("/dashboard/bulk/cancel", MULTIPART, None, 303),
        ("/playground/jobs", MULTIPART, None, 303),
        ("/playground/files", MULTIPART, None, 303),
    ]

    async def scene() -> None:
        for path, kind, key, status in cases:
            named = {} if key is None else {"authorization": f"Bearer {key}"}
            length = {"content-length": "5000"} if path.startswith("/dashboard") else LONG
            seen = await exchange(app, path, {**length, **kind, **named}, endless())
            assert (seen.status, seen.received) == (status, 0), path
            assert seen.headers["connection"] == "close", path

    play(app, scene)


def test_a_key_is_needed_wherever_the_document_says_so(make_api: MakeApi) -> None:
    paths = make_api().openapi()["paths"]
    guarded = {
        path.split("/")[2]
        for path, calls in paths.items()
        for call in calls.values()
        if path.startswith("/v1/") and call.get("security")
    }
    assert guarded == set(GUARDED)


@pytest.mark.parametrize(
    ("path", "kind", "status", "most"),
    [
        ("/v1/jobs", JSON, 422, 200_000),  # ten thousand entries
        ("/v1/files", MULTIPART, 413, 0),
        ("/dashboard/sign-in", FORM, 413, 0),
        ("/playground/sign-in", MULTIPART, 413, 0),
    ],
)
def test_a_body_is_refused_as_soon_as_it_is_known_to_be_too_much(
    make_api: MakeApi, database: Database, path: str, kind: dict[str, str], status: int, most: int
) -> None:
    app = make_api()
    key = {"x-key": key_of(database, jobs.add_tenant(database))}

    async def scene() -> None:
        seen = await exchange(app, path, {**LONG, **kind, **key}, endless())
        assert seen.status == status
        assert seen.received <= most
        assert seen.headers["connection"] == "close"
        # Without a length, it is refused once that much has arrived.
        chunked = {**kind, **key, "transfer-encoding": "chunked"}
        seen = await exchange(app, path, chunked, endless())
        assert seen.status in {status, 400}  # 400: it is no form
        assert seen.received <= 200_000

    play(app, scene)


def test_json_beside_pictures_is_small_and_a_picture_has_its_own_limit(
    make_api: MakeApi, database: Database
) -> None:
    app = make_api(BOTTEGA_MAX_PICTURE_BYTES="3000000")
    key = {"x-key": key_of(database, jobs.add_tenant(database)), **JSON}

    async def scene() -> None:
        text = iter([b'{"model": "', *[b"x" * 60_000] * 100])
        seen = await exchange(app, "/v1/jobs", key | LONG, text)
        assert (seen.status, seen.code) == (413, "body_too_large")
        assert seen.received < 1_200_000
        picture = iter([b'{"image": "data:image/png;base64,', *[b"A" * 60_000] * 100])
        seen = await exchange(app, "/v1/jobs", key | LONG, picture)
        assert (seen.status, seen.code) == (413, "body_too_large")
        # Four characters for three bytes, and an eighth for line breaks and escapes.
        assert 4_500_000 < seen.received < 4_700_000
        deep = iter([b"[" * 40])
        seen = await exchange(app, "/v1/jobs", key | {"content-length": "40"}, deep)
        assert (seen.status, seen.code) == (422, "invalid_input")
        assert "deeper than 32" in json.loads(seen.body)["detail"]

    play(app, scene)


def test_large_bodies_have_room_for_so_many_at_one_moment(
    make_api: MakeApi, database: Database
) -> None:
    app = make_api(BOTTEGA_MAX_HELD_BODY_BYTES="12000000", BOTTEGA_MAX_BODY_BYTES="6000000")
    tenant_id = jobs.add_tenant(database)
    keys = [{"x-key": key_of(database, tenant_id), **JSON} for _ in range(3)]
    large = {"content-length": "5500000"}
    go_on, held = asyncio.Event(), asyncio.Semaphore(0)

    async def hold(key: dict[str, str]) -> int:
        """Send half a body, and the rest when the test goes on."""
        status = 0

        async def receive() -> dict[str, Any]:
            held.release()
            await go_on.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        headers = [(n.encode(), v.encode()) for n, v in (key | large).items()]
        scope = {"type": "http", "method": "POST", "path": "/v1/jobs", "raw_path": b"/v1/jobs"}
        scope |= {"query_string": b"", "root_path": "", "scheme": "http", "headers": headers}
        await app(scope | {"server": ("x", 80), "client": ("192.0.2.1", 1)}, receive, send)
        return status

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            for key in keys[:2]:
                group.create_task(hold(key))
                await held.acquire()
            own = await exchange(app, "/v1/jobs", keys[0] | large, endless())
            assert (own.status, own.code, own.received) == (429, "too_many_bodies", 0)
            other = await exchange(app, "/v1/jobs", keys[2] | large, endless())
            assert (other.status, other.code, other.received) == (503, "unavailable", 0)
            assert {own.headers["retry-after"], other.headers["retry-after"]} == {"2"}
            small = await exchange(
                app, "/v1/jobs", keys[0] | {"content-length": "2"}, iter([b"{}"])
            )
            assert small.status == 422  # read, and found empty
            go_on.set()
        again = await exchange(app, "/v1/jobs", keys[0] | large, iter([b"{}"]))
        assert again.status == 422

    play(app, scene)


def test_calls_without_a_key_and_wrong_keys_are_counted_by_address(
    make_api: MakeApi, database: Database
) -> None:
    app = make_api(BOTTEGA_ANONYMOUS_CALLS_PER_MINUTE="3", BOTTEGA_WRONG_KEYS_PER_MINUTE="3")
    key = {"x-key": key_of(database, jobs.add_tenant(database))}
    wrong = {"x-key": key_of(database, jobs.add_tenant(database))[:-7] + "aaaaaaa"}

    async def ask(path: str, headers: dict[str, str]) -> int:
        return (await exchange(app, path, headers, iter([]), "GET")).status

    async def scene() -> None:
        assert [await ask("/v1/models", {}) for _ in range(4)] == [200] * 3 + [429]
        assert [await ask("/readyz", {}), await ask("/openapi.json", {})] == [429, 429]
        assert [await ask("/livez", {}), await ask("/v1/models", key)] == [200, 200]
        assert [await ask("/v1/jobs", wrong) for _ in range(4)] == [401] * 3 + [429]
        other = {"x-key": key_of(database, jobs.add_tenant(database))}
        assert await ask("/v1/jobs", other) == 200  # a right key, never seen before

    play(app, scene)


def test_an_encoded_body_is_refused_with_a_sentence(make_api: MakeApi, database: Database) -> None:
    headers = {
        "x-key": key_of(database, jobs.add_tenant(database)),
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    with TestClient(make_api()) as client:
        for path in ("/v1/jobs", "/v1/files"):
            answer = client.post(path, content=b"x" * 9, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
            assert "Content-Encoding" in answer.json()["detail"]
