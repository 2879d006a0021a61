"""Calls of a tenant against others, and against what lies behind the service."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.integration.api.compat.test_refused_keys import CALLS, URI, Call
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.outbound import listening
from tests.support.surfaces import fresh_prompt

MakeClient = Callable[[], TestClient]
PUBLIC_NAMES = {
    "BOTTEGA_OUTBOUND_HTTP": "true",
    "BOTTEGA_OUTBOUND_PORTS": "[]",
    "BOTTEGA_ANONYMOUS_CALLS_PER_MINUTE": "1000",
}


@pytest.fixture
def make_client(make_api: MakeApi, database: Database) -> Iterator[MakeClient]:
    """Makes clients of tenants of their own, at one process."""
    with TestClient(make_api(**PUBLIC_NAMES)) as opened:

        def make() -> TestClient:
            with database.transaction() as session:
                key = api_keys.create(session, tenant_id=jobs.add_tenant(database), name="")[1]
            return TestClient(opened.app, headers={"x-key": key})

        yield make


def _submitted(client: TestClient) -> str:
    path = "/replicate/v1/models/bottega/flux.1-demo/predictions"
    answer = client.post(path, json={"input": {"prompt": fresh_prompt()}})
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def test_no_call_shows_or_ends_a_job_of_another_tenant(
    make_client: MakeClient, database: Database
) -> None:
    owner, stranger = make_client(), make_client()
    job_id = _submitted(owner)
    of_fal = f"/fal/queue/bottega/flux.1-demo/requests/{job_id}"
    calls = [
        ("GET", f"/replicate/v1/predictions/{job_id}"),
        ("POST", f"/replicate/v1/predictions/{job_id}/cancel"),
        ("GET", of_fal),
        ("GET", f"{of_fal}/status"),
        ("GET", f"{of_fal}/status/stream"),
        ("PUT", f"{of_fal}/cancel"),
        ("GET", f"/bfl/v1/get_result?id={job_id}"),
        ("DELETE", f"/v1/jobs/{job_id}"),
    ]
    for method, path in calls:
        answer = stranger.request(method, path)
        assert answer.status_code == 404, (path, answer.text)
    assert stranger.get("/replicate/v1/predictions").json()["results"] == []
    assert jobs.found(database, job_id).state == "queued"


def _named(call: Call, url: str) -> Call:
    """A call with a URL in place of its picture's bytes."""

    def of(value: object) -> object:
        if isinstance(value, dict):
            return {name: of(each) for name, each in value.items()}
        if isinstance(value, list):
            return [of(each) for each in value]
        return url if value == URI else value

    return Call(call.path, of(call.json))  # type: ignore[arg-type]


def _webhooks(url: str) -> list[Call]:
    model = "bottega/flux.1-demo"
    prompt = {"prompt": fresh_prompt()}
    return [
        Call(f"/replicate/v1/models/{model}/predictions", {"input": prompt, "webhook": url}),
        Call(f"/fal/queue/{model}?fal_webhook={url}", prompt),
        Call("/bfl/v1/flux.1-demo", {**prompt, "webhook_url": url}),
    ]


def test_no_api_fetches_from_behind_the_service(make_client: MakeClient) -> None:
    client = make_client()
    with listening() as behind:
        hosts = ("127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "localhost")
        urls = [f"http://{host}:{behind.port}/a.png" for host in hosts]
        urls.append(f"http://127.0.0.1:{behind.port}/files/file_{'0' * 26}")
        urls.append(f"http://u:p@127.0.0.1:{behind.port}/a.png")
        for which, call in CALLS.items():
            if call().json is None:
                continue
            for url in urls:
                answer = _named(call(), url).send(client)
                assert 400 <= answer.status_code < 500, (which, url, answer.text)
                assert "Traceback" not in answer.text
        assert not behind.took_a_connection()


def test_a_webhook_to_an_address_behind_the_service_is_refused(
    make_client: MakeClient,
) -> None:
    client = make_client()
    for url in ("http://169.254.169.254/", "http://127.0.0.1/", "http://[::1]/", "file:///etc/x"):
        for call in _webhooks(url):
            answer: httpx.Response = call.send(client)
            assert answer.status_code == 422, (call.path, url, answer.text)
