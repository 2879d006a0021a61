"""One API process in this interpreter: its settings, and its behaviour without its servers."""

import asyncio
import base64
import hashlib
import io
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from api.resources.event_hub import EventHub
from db.core.session import Database
from db.jobs.types import NewArtifact
from db.storage.local import LocalStore
from db.tenants import api_keys
from deploy.local.servers.process import Child
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.garbage import MALFORMED_JSON, MALFORMED_MESSAGES
from workers.messaging.events import CHANNEL, Publisher, stream_key
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

OUTSIDE = ("203.0.113.9", 40_000)
"""A client's address that no setting allows."""

SUBMISSION = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}


@dataclass
class Process:
    """The application of one test, with clients for it."""

    app: Any

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.app.router.lifespan_context(self.app):
            yield

    def client(
        self, key: str | None = None, address: tuple[str, int] = OUTSIDE
    ) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, client=address),
            base_url="http://bottega.test",
            headers=headers,
        )

    @property
    def hub(self) -> EventHub:
        """The event hub of the running process."""
        hub: EventHub = self.app.state.services.hub
        return hub

    async def watched(self, waiters: int) -> None:
        """Return when this many requests wait for jobs."""
        async with asyncio.timeout(30):
            while len(self.hub.waiters) < waiters:  # noqa: ASYNC110 - a look
                await asyncio.sleep(0.01)


MakeProcess = Callable[..., Process]


@pytest.fixture
def make_process(make_api: MakeApi) -> MakeProcess:
    """Makes API processes with the test's own database and object store."""

    def make(**settings: str) -> Process:
        return Process(make_api(**settings))

    return make


@pytest.fixture
def tenant_id(database: Database) -> str:
    return jobs.add_tenant(database)


def key_of(database: Database, tenant_id: str | None) -> str:
    """A fresh key of a tenant, or of the operator."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    return key_of(database, tenant_id)


def run(process: Process, scene: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine while the process runs."""

    async def play() -> None:
        async with process.running():
            await scene()

    asyncio.run(play())


def test_metrics_are_for_operators_and_viewers_from_any_address(
    make_process: MakeProcess, database: Database, key: str
) -> None:
    operator = key_of(database, None)
    with database.transaction() as session:
        role = api_keys.OperatorRole.VIEWER
        _, viewer = api_keys.create(session, tenant_id=None, name="", role=role)
    process = make_process()

    async def status(client: httpx.AsyncClient) -> int:
        async with client:
            answer = await client.get("/metrics")
        assert (answer.status_code == 200) == ("bottega_queue_depth" in answer.text)
        return answer.status_code

    async def scene() -> None:
        assert await status(process.client()) == 403
        assert await status(process.client(key)) == 403
        assert await status(process.client("nonsense")) == 401
        assert await status(process.client(operator)) == 200
        assert await status(process.client(viewer)) == 200
        assert await status(process.client(address=("127.0.0.1", 1))) == 403
        assert await status(process.client(address=("::1", 1))) == 403
        assert await status(process.client(address=("testclient", 1))) == 403

    run(process, scene)


def test_only_the_chosen_variants_are_offered(make_process: MakeProcess, key: str) -> None:
    process = make_process(BOTTEGA_VARIANTS='["florence-2-demo"]')

    async def scene() -> None:
        async with process.client(key) as client:
            models = (await client.get("/v1/models")).json()["models"]
            assert [model["id"] for model in models] == ["florence-2-demo"]
            assert (await client.get("/v1/models/flux.1-demo")).status_code == 404
            refused = await client.post("/v1/jobs", json=SUBMISSION)
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["type"] == "unknown_model"

    run(process, scene)


def test_the_whole_catalogue_is_offered_without_a_choice(make_process: MakeProcess) -> None:
    process = make_process()

    async def scene() -> None:
        async with process.client() as client:
            models = (await client.get("/v1/models")).json()["models"]
        assert {"flux.1-schnell", "flux.1-dev", "florence-2-large-ft"} <= {m["id"] for m in models}
        for model in models:
            Draft202012Validator.check_schema(model["input_schema"])
            assert (model["ready_workers"], model["expected_wait_seconds"]) == (0, None)

    run(process, scene)


def test_urls_begin_as_clients_know_the_service(
    make_process: MakeProcess, database: Database, key: str
) -> None:
    process = make_process(
        BOTTEGA_PUBLIC_URL="https://pictures.example.org/bottega/",
        BOTTEGA_HOSTS='["bottega.test"]',
    )

    async def scene() -> None:
        async with process.client(key) as client:
            answers = [await client.post("/v1/jobs", json=SUBMISSION) for _ in range(2)]
            own = answers[0].json()["urls"]["self"]
            assert own.startswith("https://pictures.example.org/bottega/v1/jobs/job_")
            assert answers[0].headers["location"] == own
            listed = await client.get("/v1/jobs?limit=1")
            assert listed.links["next"]["url"].startswith("https://pictures.example.org/bottega/v1")

    run(process, scene)
    jobs.assert_everything_holds(database)


def test_every_process_with_the_secret_serves_every_artifact(
    make_process: MakeProcess, database: Database, tenant_id: str, key: str, store: LocalStore
) -> None:
    data = picture()
    held = jobs.running(database, tenant_id)
    stored = NewArtifact("results/x", "image/png", len(data), sha(data), 64, 64, 7)
    store.put(stored.key, data, stored.media_type)
    assert jobs.complete(database, held, stored)
    process = make_process()
    other = make_process()
    stranger = make_process(BOTTEGA_URL_SECRET=secrets.token_urlsafe(32))

    async def scene() -> None:
        async with process.client(key) as client:
            job = (await client.get(f"/v1/jobs/{held.job_id}")).json()
        url = job["output"]["images"][0]["url"]
        async with other.running(), other.client() as client:
            assert (await client.get(url)).content == data
        async with stranger.running(), stranger.client() as client:
            assert (await client.get(url)).status_code == 404

    run(process, scene)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_limits_on_pictures_and_bodies_are_settings(make_process: MakeProcess, key: str) -> None:
    process = make_process(
        BOTTEGA_MAX_PICTURE_PIXELS="4000",
        BOTTEGA_MAX_PICTURE_BYTES="100000",
        BOTTEGA_MAX_BODY_BYTES="200000",
    )

    async def scene() -> None:
        async with process.client(key) as client:
            small = await client.post("/v1/files", files={"file": ("a", picture())})
            assert "4000 in all" in small.json()["detail"]
            heavy = await client.post("/v1/files", files={"file": ("a", bytes(100_001))})
            assert "has 100001 bytes; 100000 is the limit" in heavy.json()["detail"]
            huge = await client.post("/v1/files", files={"file": ("a", bytes(200_001))})
            assert huge.status_code == 413

    run(process, scene)


def test_waiting_holds_no_thread_and_no_connection(
    make_process: MakeProcess, database: Database, tenant_id: str, key: str
) -> None:
    waiters = 200
    process = make_process(
        BOTTEGA_DATABASE_POOL_SIZE="2", BOTTEGA_MAX_LONG_POLLS_PER_KEY=str(waiters)
    )
    job_id = jobs.submit(database, tenant_id)

    async def scene() -> None:
        async with process.client(key) as client:
            client.timeout = httpx.Timeout(60)
            url = f"/v1/jobs/{job_id}"
            waiting = [asyncio.create_task(client.get(f"{url}?wait=30")) for _ in range(waiters)]
            await process.watched(waiters)
            began = time.monotonic()
            assert (await client.get(url)).json()["state"] == "queued"
            assert time.monotonic() - began < 2
            assert (await client.post(f"{url}/cancel")).json()["state"] == "canceled"
            answers = await asyncio.gather(*waiting)
            assert {answer.json()["state"] for answer in answers} == {"canceled"}
            assert process.hub.waiters == []

    run(process, scene)


def test_a_stream_survives_whatever_is_published(
    make_process: MakeProcess,
    database: Database,
    tenant_id: str,
    key: str,
    worker_settings: WorkerSettings,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = make_process()
    job_id = jobs.submit(database, tenant_id)

    async def scene() -> None:
        replayed = asyncio.Event()
        replay = process.hub.replay

        async def replay_and_tell(*of: Any, **how: Any) -> Any:
            events = await replay(*of, **how)
            replayed.set()
            return events

        monkeypatch.setattr(process.hub, "replay", replay_and_tell)
        async with process.client(key) as client:
            client.timeout = httpx.Timeout(60)
            stream = asyncio.create_task(client.get(f"/v1/jobs/{job_id}/events"))
            await replayed.wait()
            await asyncio.to_thread(publish_garbage)
            publisher.publish(job_id, "progress", {"step": 1, "steps": 4, "fraction": 0.25})
            publisher.publish_done(job_id, "succeeded")  # which it is not: the row is the truth
            await asyncio.to_thread(jobs.cancel, database, job_id)
            publisher.publish_done(job_id, "canceled")
            text = (await stream).text
        assert [line for line in text.splitlines() if line.startswith("event: ")] == [
            "event: state",
            "event: progress",
            "event: done",
        ]
        assert text.count('"state":"canceled"') == 1
        assert "secret" not in text

    def publish_garbage() -> None:
        with redis_client(worker_settings) as redis:
            for message in MALFORMED_MESSAGES:
                redis.publish(CHANNEL, message.replace(b"job_1", job_id.encode()))
            for data in MALFORMED_JSON:
                redis.xadd(stream_key(job_id), {"type": "state", "data": data or b"secret"})

    run(process, scene)


def test_without_redis_jobs_are_taken_and_their_ends_are_told(
    make_process: MakeProcess,
    database: Database,
    key: str,
    own_redis: Child,
    own_redis_settings: WorkerSettings,
) -> None:
    process = make_process(REDIS_URL=own_redis_settings.redis_url.get_secret_value())
    own_redis.kill()

    async def scene() -> None:
        async with process.client(key) as client:
            client.timeout = httpx.Timeout(60)
            began = time.monotonic()
            submitted = await client.post("/v1/jobs", json=SUBMISSION)
            assert submitted.status_code == 202
            assert time.monotonic() - began < 5
            ready = await client.get("/readyz")
            assert ready.status_code == 200
            assert ready.json()["checks"] == {"database": "ok", "redis": "away"}
            url = f"/v1/jobs/{submitted.json()['id']}"
            poll = asyncio.create_task(client.get(f"{url}?wait=30"))
            stream = asyncio.create_task(client.get(f"{url}/events"))
            await process.watched(2)
            [claimed] = jobs.claim(database)
            assert jobs.fail(database, jobs.fence_of(claimed))
            ended_at = time.monotonic()
            assert (await poll).json()["state"] == "failed"
            assert "event: done" in (await stream).text
            assert time.monotonic() - ended_at < 10

    run(process, scene)


def test_without_its_database_it_says_when_to_try_again(
    make_process: MakeProcess, key: str
) -> None:
    process = make_process(DATABASE_URL="postgresql://nobody:secret@127.0.0.1:9/nowhere")

    async def scene() -> None:
        async with process.client(key) as client:
            for answer in (
                await client.post("/v1/jobs", json=SUBMISSION),
                await client.get("/v1/account"),
                await client.get("/v1/models"),
            ):
                assert answer.status_code == 503
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) > 0
                assert "secret" not in answer.text
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["database"] == "away"
            assert (await client.get("/livez")).status_code == 200

    run(process, scene)


def test_a_store_that_does_not_answer_takes_no_submission(
    make_process: MakeProcess,
    database: Database,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A picture that cannot be stored makes no job and no hold."""
    process = make_process(
        S3_ENDPOINT_URL="http://127.0.0.1:9",
        S3_BUCKET="pictures",
        S3_ACCESS_KEY_ID="a",
        S3_SECRET_ACCESS_KEY="b",
    )
    monkeypatch.delenv("BOTTEGA_STORE_DIR")
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    body = {"model": "florence-2-demo", "input": {"image": image, "task": "<OD>"}}

    async def scene() -> None:
        async with process.client(key) as client:
            answer = await client.post("/v1/jobs", json=body)
            assert answer.status_code == 503, answer.text
            assert (await client.get("/v1/jobs")).json()["jobs"] == []

    run(process, scene)
    assert jobs.counts(database, "jobs", "holds") == [0, 0]
