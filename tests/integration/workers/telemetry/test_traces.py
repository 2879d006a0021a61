"""One trace of a job: from the sender's span over each attempt's stages to the webhook."""

import asyncio
from collections.abc import Mapping, Sequence

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from api.app import create_app
from db.core.session import Database
from db.jobs import traces
from db.tenants import api_keys
from tests.support.adapters import paint, raising
from tests.support.apis import MakeApi
from tests.support.jobs import counts, sql, state
from tests.support.receivers import receiving
from tests.support.spans import capture_spans, parent_of, traceparent_of
from tests.support.station import Station
from tests.support.webhooks import deliver_due, webhook_dispatcher

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "zq-a-prompt"


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture(autouse=True)
def environment(make_api: MakeApi) -> None:
    """Set the variables that `submitted` makes its process with."""
    make_api(
        BOTTEGA_OUTBOUND_ALLOW='["127.0.0.0/8"]',
        BOTTEGA_OUTBOUND_HTTP="true",
        BOTTEGA_OUTBOUND_PORTS="[]",
    )


def submitted(key: str, hook: str | None, headers: Mapping[str, str]) -> str:
    """Submit to an API process in this interpreter; the job's id."""
    body = {"model": "flux.1-demo", "input": {"prompt": SECRET}}
    sent = body | ({"webhook": {"url": hook}} if hook else {})

    async def post() -> str:
        app = create_app()
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://bottega.test") as client,
        ):
            own = {"Authorization": f"Bearer {key}", **headers}
            answer = await client.post("/v1/jobs", json=sent, headers=own)
            assert answer.status_code == 202, answer.text
            job_id: str = answer.json()["id"]
            return job_id

    return asyncio.run(post())


def named(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    """The spans of a name, in the order in which they ended."""
    return [span for span in spans if span.name == name]


def test_a_job_is_one_trace_from_its_request_to_its_webhook(
    station: Station, database: Database, key: str
) -> None:
    with receiving() as receiver:
        with capture_spans() as kept:
            job_id = submitted(key, receiver.url, {"traceparent": SENDER})
            (request,) = kept.get_finished_spans()
        with capture_spans() as kept:
            station.run_batch(raising(RuntimeError(SECRET)))
            sql(database, "UPDATE jobs SET available_at = now()")
            station.run_batch(paint)
            assert deliver_due(webhook_dispatcher(database)) == 1
            spans = kept.get_finished_spans()
    assert state(database, job_id) == "succeeded"
    assert (request.name, parent_of(request)) == ("POST /v1/jobs", SENDER)
    own = traceparent_of(request)
    for name in ("queued", "attempt", "deliver"):
        assert {parent_of(span) for span in named(spans, name)} == {own}, name
    failed, painted = named(spans, "attempt")
    assert (failed.status.is_ok, failed.status.description) == (False, "internal_error")
    assert painted.status.is_unset
    stages = {
        traceparent_of(attempt): [
            span.name for span in spans if parent_of(span) == traceparent_of(attempt)
        ]
        for attempt in (failed, painted)
    }
    assert list(stages.values()) == [["fetch", "run"], ["fetch", "run", "store", "complete"]]
    assert len(named(spans, "deliver")) == 1
    assert all(SECRET not in span.to_json() for span in (request, *spans))


def test_the_trace_goes_with_a_job_that_takes_no_webhook(
    station: Station, database: Database, key: str
) -> None:
    with capture_spans() as kept:
        job_id = submitted(key, None, {})
        (request,) = kept.get_finished_spans()
    with database.transaction(durable=False) as session:
        assert traces.of_jobs(session, [job_id]) == {job_id: traceparent_of(request)}
    station.run_batch(paint)
    assert state(database, job_id) == "succeeded"


def test_without_a_collector_a_senders_trace_is_not_kept(database: Database, key: str) -> None:
    submitted(key, None, {"traceparent": SENDER})
    assert counts(database, "jobs", "job_traces") == [1, 0]
