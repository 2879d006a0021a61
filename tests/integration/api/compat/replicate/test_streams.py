"""Streams of predictions: by a URL that needs no key, in events that no client trips over."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest
from fastapi.testclient import TestClient

from api.compat.replicate.signed_urls import SignedUrls, StreamClaim
from db.core.session import Database
from db.tenants import api_keys
from tests.integration.api.compat.replicate.conftest import Client
from tests.support.adapters import raising
from tests.support.apis import MakeApi
from tests.support.station import Station
from workers.adapters.protocol import AdapterError


class StreamEvent(NamedTuple):
    type: str
    id: str
    data: str


def events_of(answer: httpx.Response) -> list[StreamEvent]:
    """The events; each one must have a type and an id."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = []
    for block in answer.text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":"]
        if lines:
            data = "\n".join(text for name, text in lines if name == "data")
            [kind] = [text for name, text in lines if name == "event"]
            [event_id] = [text for name, text in lines if name == "id"]
            events.append(StreamEvent(kind, event_id, data))
    assert {event.type for event in events} <= {"output", "logs", "error", "done"}
    return events


def stream(client: Client, url: str) -> list[StreamEvent]:
    return events_of(client.http.get(url, headers={"Accept": "text/event-stream"}))


def test_a_stream_tells_the_log_and_the_output(client: Client, station: Station) -> None:
    made = client.predict(num_outputs=1)
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(stream, client, made["urls"]["stream"])
        assert station.run_batch() == 1
        events = streamed.result(timeout=30)
    done = client.get(f"predictions/{made['id']}")
    logs = "\n".join(event.data for event in events if event.type == "logs")
    assert logs == done["logs"]
    outputs = [event.data for event in events if event.type == "output"]
    assert [url.rpartition("/")[2] for url in outputs] == ["0.webp"]
    assert client.http.get(outputs[0]).status_code == 200
    assert events[-1].type == "done"
    assert json.loads(events[-1].data) == {}
    # Once it is over, the same again.
    assert [event.type for event in stream(client, made["urls"]["stream"])][-2:] == [
        "output",
        "done",
    ]


def test_a_canceled_prediction_is_done_with_a_reason(client: Client) -> None:
    made = client.predict()
    client.call("POST", f"predictions/{made['id']}/cancel")
    [done] = stream(client, made["urls"]["stream"])
    assert json.loads(done.data) == {"reason": "canceled"}


def test_a_failure_is_an_error(client: Client, station: Station) -> None:
    made = client.predict()
    station.run_batch(raising(AdapterError("the model broke")))
    *_, error, done = stream(client, made["urls"]["stream"])
    assert json.loads(error.data) == {"detail": "the model broke"}
    assert json.loads(done.data) == {"reason": "error"}


def test_an_altered_url_opens_nothing(client: Client) -> None:
    url = client.predict()["urls"]["stream"]
    for path in (url[:-2], url.replace("/stream/", "/stream/x"), url[: url.rindex("/")] + "/x"):
        answer = client.http.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_revoked_key_closes_its_streams(client: Client, database: Database) -> None:
    url = client.predict()["urls"]["stream"]
    with database.transaction() as session:
        api_keys.revoke(session, api_keys.identify(session, client.key).key_id)
    answer = client.http.get(url)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthenticated")


def test_a_url_expires(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch, tenant_id: str) -> None:
    claim = StreamClaim("job_1", tenant_id, "key_1")
    with TestClient(make_api(BOTTEGA_ARTIFACT_URL_SECONDS="1")) as http:
        secret = http.app.state.services.settings.url_secret.get_secret_value()  # type: ignore[attr-defined]
        monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 1.0)
        path = SignedUrls(secret).stream_path(claim)
        monkeypatch.undo()
        assert http.get(path).status_code == 404
