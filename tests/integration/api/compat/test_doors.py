"""Refusals before a route is reached have the form of the API that was asked."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.exchanges import Exchange, endless, exchange, play
from tests.support.surfaces import DOORS, Door, by_name, fresh_prompt

JSON = {"content-type": "application/json"}
LONG = {"content-length": "60000000"}


@pytest.fixture
def make_key(database: Database) -> Callable[[str | None], str]:
    """Makes keys: of a tenant, or of an operator."""

    def make(tenant_id: str | None) -> str:
        with database.transaction() as session:
            return api_keys.create(session, tenant_id=tenant_id, name="")[1]

    return make


@pytest.fixture
def key(make_key: Callable[[str | None], str], tenant_id: str) -> str:
    """The key of a tenant."""
    return make_key(tenant_id)


@pytest.fixture
def client(make_api: MakeApi) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(make_api(), base_url="http://bottega.test") as opened:
        yield opened


def as_answer(seen: Exchange) -> httpx.Response:
    """An exchange as a client sees it."""
    return httpx.Response(seen.status, headers=seen.headers, content=seen.body)


def send(client: TestClient, door: Door, headers: dict[str, str]) -> httpx.Response:
    """Submit a job by a request that does not stay open: its prompt is refused."""
    return client.post(door.submit, json=door.body({"prompt": 7}), headers=headers)


def test_the_key_is_read_from_every_header_that_clients_use(client: TestClient, key: str) -> None:
    headers = [
        {"Authorization": f"{scheme} {key}"}
        for scheme in ("Bearer", "Key", "Token", "bearer", "KEY ", "token\t")
    ]
    headers += [{"x-key": key}, {"X-API-Key": f" {key} "}]
    headers += [{"x-key": key, "Authorization": f"Key {key}", "X-API-Key": key}]
    for door in DOORS:
        for header in headers:
            answer = send(client, door, header)
            assert answer.status_code in {400, 422}, (str(door), header, answer.text)
            door.check_error(answer)


@pytest.mark.parametrize(**by_name())
def test_a_call_without_a_usable_key_is_refused_in_the_form_of_its_api(
    client: TestClient,
    make_key: Callable[[str | None], str],
    key: str,
    database: Database,
    door: Door,
) -> None:
    suspended = jobs.add_tenant(database)
    suspended_key = make_key(suspended)
    jobs.sql(database, "UPDATE tenants SET suspended_at = now() WHERE id = :id", id=suspended)
    refused = {
        "none": ({}, door.bad_key),
        "unknown": (door.key(key[:-1] + ("0" if key[-1] != "0" else "1")), door.bad_key),
        "two": ({**door.key(key), "x-key": suspended_key}, door.bad_key),
        "basic": ({"Authorization": f"Basic {key}"}, door.bad_key),
        "of an operator": (door.key(make_key(None)), 403),
        "suspended": (door.key(suspended_key), 403),
    }
    for which, (headers, status) in refused.items():
        answer = send(client, door, headers)
        assert answer.status_code == status, (which, answer.text)
        door.check_error(answer)
        assert key not in answer.text


@pytest.mark.parametrize(**by_name())
def test_whatever_is_no_call_is_refused_in_the_form_of_its_api(
    client: TestClient, key: str, door: Door
) -> None:
    calls = [
        ("GET", f"{door.prefix}/no/such/call"),
        ("POST", f"{door.prefix}/no/such/call"),
        ("PATCH", door.submit),
        ("DELETE", door.submit),
        ("GET", door.prefix + "/%00"),
        ("GET", door.prefix + "/%0A"),
    ]
    for method, path in calls:
        answer = client.request(method, path, headers=door.key(key))
        assert answer.status_code in {400, 404, 405, 422}, (path, answer.text)
        door.check_error(answer)


@pytest.mark.parametrize(**by_name())
def test_bytes_that_are_no_json_are_refused_in_the_form_of_its_api(
    client: TestClient, key: str, door: Door
) -> None:
    for body in (b"", b"{", b"\xff\xfe", b'{"a": "\xed\xa0\x80"}', b"[]", b"7", b"null"):
        answer = client.post(door.submit, content=body, headers=JSON | door.key(key))
        assert answer.status_code in {400, 415, 422}, (body, answer.text)
        door.check_error(answer)
    for body in ("9" * 5_000, "[" * 31 + "]" * 31, "1e999", "NaN"):
        answer = client.post(door.submit, content=f'{{"a": {body}}}', headers=JSON | door.key(key))
        assert answer.status_code in {400, 422}, (body[:9], answer.text)
        door.check_error(answer)


@pytest.mark.parametrize(**by_name())
def test_a_body_is_limited_before_it_is_received_and_while_it_is(
    make_api: MakeApi, key: str, door: Door
) -> None:
    app = make_api()

    async def scene() -> None:
        keyless = await exchange(app, door.submit, JSON | LONG, endless())
        assert (keyless.status, keyless.received) == (door.bad_key, 0)
        door.check_error(as_answer(keyless))
        headers = JSON | {name.lower(): value for name, value in door.key(key).items()}
        entries = await exchange(app, door.submit, headers | LONG, endless(b"[[]," * 20_000))
        assert entries.status in {400, 422}
        assert entries.received <= 200_000
        door.check_error(as_answer(entries))
        text = iter([b'{"model": "', *[b"x" * 60_000] * 100])
        large = await exchange(app, door.submit, headers | LONG, text)
        assert large.status == 413
        assert large.received < 1_200_000
        door.check_error(as_answer(large))
        encoded = headers | LONG | {"content-encoding": "gzip"}
        door.check_error(as_answer(await exchange(app, door.submit, encoded, endless())))

    play(app, scene)


@pytest.mark.parametrize(
    "path", ["/openai/v1/images/edits", "/openai/v1/files", "/replicate/v1/files", "/v1/files"]
)
def test_a_form_of_separators_is_refused_before_it_is_parsed(
    make_api: MakeApi, key: str, path: str
) -> None:
    app = make_api()
    form = {"content-type": "application/x-www-form-urlencoded", "x-key": key}

    async def scene() -> None:
        separators = iter([b"&" * 60_000] * 150)
        seen = await exchange(app, path, {**form, "content-length": "9000000"}, separators)
        assert seen.status == 413
        assert seen.received <= 120_000

    play(app, scene)


def test_json_that_does_not_say_so_has_the_same_limits(client: TestClient, key: str) -> None:
    [door] = [each for each in DOORS if each.prefix == "/hf"]
    many = b'{"inputs": [' + b"[]," * 20_000 + b"[]]}"
    deep = b'{"inputs": ' + b"[" * 40 + b"]" * 40 + b"}"
    large = b'{"inputs": "' + b"x" * 1_200_000 + b'"}'
    for body, status in ((many, 422), (deep, 422), (large, 413)):
        for kind in ("application/octet-stream", "text/plain"):
            headers = {**door.key(key), "content-type": kind}
            answer = client.post(door.submit, content=body, headers=headers)
            assert answer.status_code == status, answer.text
            door.check_error(answer)


@pytest.mark.parametrize(**by_name())
def test_a_picture_in_bare_base64_has_the_limit_of_pictures(
    make_api: MakeApi, key: str, door: Door
) -> None:
    app = make_api(BOTTEGA_MAX_PICTURE_BYTES="3000000")
    headers = JSON | LONG | {name.lower(): value for name, value in door.key(key).items()}

    async def scene() -> None:
        picture = iter([b'{"image": "iVBORw0KGgo', *[b"A" * 60_000] * 100])
        seen = await exchange(app, door.submit, headers, picture)
        assert seen.status == 413
        assert 4_500_000 < seen.received < 4_700_000
        door.check_error(as_answer(seen))

    play(app, scene)


@pytest.mark.parametrize(**by_name())
def test_a_host_that_is_not_ours_is_refused_in_the_form_of_its_api(
    make_api: MakeApi, key: str, door: Door
) -> None:
    with TestClient(make_api(BOTTEGA_PUBLIC_URL="https://pictures.example.org")) as client:
        headers = {**door.key(key), "Host": "evil.example"}
        answer = client.post(door.submit, json={}, headers=headers)
        assert answer.status_code == 421
        door.check_error(answer)


@pytest.mark.parametrize(**by_name())
def test_the_limit_of_a_key_holds_at_every_door(
    client: TestClient, make_key: Callable[[str | None], str], database: Database, door: Door
) -> None:
    limited = make_key(jobs.add_tenant(database, requests_per_minute=2))
    own = client.get("/v1/account", headers=door.key(limited))
    assert own.status_code == 200
    first = send(client, door, door.key(limited))
    assert first.status_code in {400, 422}
    assert "ratelimit" in {name.lower() for name in first.headers}
    refused = send(client, door, door.key(limited))
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    door.check_error(refused)


@pytest.mark.parametrize(**by_name())
def test_wrong_keys_and_open_calls_are_counted_by_address(
    make_api: MakeApi, key: str, door: Door
) -> None:
    limits = {"BOTTEGA_ANONYMOUS_CALLS_PER_MINUTE": "2", "BOTTEGA_WRONG_KEYS_PER_MINUTE": "2"}
    with TestClient(make_api(**limits)) as client:
        wrong = door.key(key[:-7] + "aaaaaaa")
        answers = [send(client, door, wrong) for _ in range(3)]
        assert [each.status_code for each in answers] == [door.bad_key, door.bad_key, 429]
        for each in answers:
            door.check_error(each)
        documents = [client.get(f"{door.prefix}/openapi.json") for _ in range(3)]
        assert [each.status_code for each in documents] == [200, 200, 429]
        door.check_error(documents[-1])


@pytest.mark.parametrize(**by_name())
def test_a_refused_submission_names_the_field_and_keeps_the_words_of_its_client_out(
    client: TestClient, key: str, door: Door
) -> None:
    prompt = fresh_prompt()
    body = door.body({"prompt": prompt * 200})
    answer = client.post(door.submit, json=body, headers=door.key(key))
    assert answer.status_code in {400, 422}
    door.check_error(answer)
    assert prompt not in answer.text
    assert any(word in json.dumps(answer.json()) for word in ("prompt", "inputs"))
