"""Databases of earlier releases: they can be migrated, serve on, and bear that release's workers.

migrations/README.md says how the files that these tests read are made.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from fastapi.testclient import TestClient
from pydantic import SecretStr

from db.core import migrate
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.local import LocalStore
from tests.support.adapters import ScriptedAdapter
from tests.support.apis import MakeApi
from tests.support.databases import DatabaseMaker
from tests.support.jobs import assert_everything_holds, sql, state
from tests.support.kept_dump import (
    HOSTED,
    PAINTER,
    PAUSED,
    SEER,
    WORKER,
    Facts,
    kept_dumps,
    restore,
    revision_of,
)
from tests.support.old_worker import OldWorker
from tests.support.receivers import receiving
from tests.support.station import Station, picture
from tests.support.webhooks import deliver_due, secret_of, webhook_dispatcher
from workers import catalog
from workers.adapters.protocol import Output, Report, ShouldStop, Work
from workers.courier.sweeper import Sweeper
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.settings import WorkerSettings

VARIANTS = (PAINTER, PAUSED, SEER, HOSTED)
JOBS = "/v1/jobs"
REMAINING = """
    SELECT (SELECT sum(bytes) FROM files)
         + (SELECT sum(bytes) FROM artifacts WHERE removed_at IS NULL)"""
SUSPECTS = ("suspect", "running without a worker", "running without a worker, paid by balance")


def analyse(batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
    """A behaviour of a model that answers with JSON."""
    return [Output(data={"objects": []}) for _ in batch]


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database whose sessions end with the block."""
    database = Database(DatabaseSettings(url=SecretStr(url), pool_size=2))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(scope="module", params=kept_dumps(), ids=lambda path: path.stem)
def dump(request: pytest.FixtureRequest) -> Path:
    """The file of an earlier release's database."""
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def facts(dump: Path) -> Facts:
    return Facts.of(dump)


@pytest.fixture(scope="module")
def restored(database_maker: DatabaseMaker, dump: Path) -> str:
    """The name of a database as its release left it, to be copied."""
    name = dump.stem.replace("-", "_")
    restore(dump, database_maker.add_template(name))
    return name


@pytest.fixture(scope="module")
def upgraded(database_maker: DatabaseMaker, dump: Path) -> str:
    """The name of the same database with every later migration, to be copied."""
    name = dump.stem.replace("-", "_") + "_upgraded"
    url = database_maker.add_template(name)
    restore(dump, url)
    migrate.upgrade(url)
    return name


@pytest.fixture
def database_url(database_maker: DatabaseMaker, upgraded: str) -> Iterator[str]:
    with database_maker.copy_of(upgraded) as url:
        yield url


@pytest.fixture
def api(make_api: MakeApi) -> Iterator[TestClient]:
    """Today's API process on the upgraded database."""
    with TestClient(make_api(), base_url="http://bottega.test") as client:
        yield client


@pytest.fixture
def worker(
    database: Database,
    store: LocalStore,
    worker_settings: WorkerSettings,
    publisher: Publisher,
    facts: Facts,
) -> Station:
    """Today's worker, which serves every queue of the dump; the store holds the inputs."""
    station = Station(database, store, worker_settings, publisher, worker_id="wrk_new")
    analyst = ScriptedAdapter([analyse] * len(facts.jobs))
    served = {
        name: ServedModel(catalog.find(name), analyst if name == SEER else station.adapter)
        for name in VARIANTS
    }
    station.model_cache = ModelCache.loaded(served)
    for key in facts.inputs:
        store.put(key, picture(), "image/png")
    return station


@pytest.fixture
def sweeper(database: Database, queue_notifier: QueueNotifier, publisher: Publisher) -> Sweeper:
    return Sweeper(database, queue_notifier, publisher)


@dataclass(frozen=True)
class Caller:
    """The owner of an API key, who calls today's API."""

    api: TestClient
    key: str

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that a page answers."""
        response = self.api.get(path, params=query, headers=self._headers)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, json: Any = None, **headers: str) -> Any:
        """The response to a POST."""
        return self.api.post(path, json=json, headers={**self._headers, **headers})

    def submit(self, **changes: Any) -> str:
        """Submit a job; its id."""
        body = {"model": PAINTER, "input": {"prompt": "a blue square", "seed": 3}, **changes}
        response = self.post(JOBS, body)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def cancel(self, job_id: str) -> str:
        """Cancel a job; its state."""
        return str(self.post(f"{JOBS}/{job_id}/cancel").json()["state"])

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def run_all(worker: Station) -> None:
    """Run batches until no queue has a claimable job."""
    while sum(worker.run_batch(variant=variant) for variant in VARIANTS):
        pass


def states(database: Database) -> Mapping[str, str]:
    """The state of each job by its id."""
    return dict(sql(database, "SELECT id, state FROM jobs"))


def test_a_dump_has_rows_in_every_table(database_maker: DatabaseMaker, restored: str) -> None:
    with database_maker.copy_of(restored) as url, opened(url) as database:
        tables = sql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        empty = [name for (name,) in tables if not sql(database, f"SELECT 1 FROM {name} LIMIT 1")]  # noqa: S608
    assert empty == []


def test_later_migrations_keep_the_books(
    database_maker: DatabaseMaker, restored: str, facts: Facts
) -> None:
    with database_maker.copy_of(restored) as url:
        with opened(url) as database:
            assert revision_of(database) == facts.revision
            before = states(database)
        migrate.upgrade(url)
        command.check(migrate.migration_config(url))
        with opened(url) as database:
            assert_everything_holds(database)
            assert states(database) == before
            assert sql(database, REMAINING) == sql(
                database, "SELECT sum(stored_bytes) FROM tenants"
            )


def test_a_tenant_reads_its_old_rows(api: TestClient, facts: Facts) -> None:
    client = Caller(api, facts.keys["standard"])
    listed = client.get(JOBS, limit=100)["jobs"]
    assert facts.jobs["succeeded"] in {job["id"] for job in listed}
    for job in listed:
        assert client.get(f"{JOBS}/{job['id']}")["state"] == job["state"]
    succeeded = client.get(f"{JOBS}/{facts.jobs['succeeded']}")
    assert [image["seed"] for image in succeeded["output"]["images"]] == [2**64 - 1] * 2
    analysed = client.get(f"{JOBS}/{facts.jobs['analysed']}")["output"]
    assert [file["kind"] for file in analysed["artifacts"]] == ["mask", "overlay", "coco"]
    failed = client.get(f"{JOBS}/{facts.jobs['failed']}")
    assert failed["error"]["code"] == "invalid_input"
    account = client.get("/v1/account")
    assert (account["tier"], account["name"]) == ("standard", "standard")
    assert account["in_flight"] == sum(job["state"] in {"queued", "running"} for job in listed)
    usage = client.get("/v1/usage", **{"from": "2020-01-01T00:00:00Z"})
    settled = {job["id"] for job in listed if job["state"] == "succeeded"}
    assert {event["job_id"] for event in usage["events"]} == settled
    sent = client.get("/v1/webhooks/deliveries")["deliveries"]
    assert {delivery["state"] for delivery in sent} == {"pending", "delivered", "disabled"}


def test_the_balance_is_what_was_paid_less_what_was_charged(api: TestClient, facts: Facts) -> None:
    account = Caller(api, facts.keys["paying"]).get("/v1/account")
    assert (account["balance_micros"], account["held_micros"]) == (899_000, 3_000)


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        ("revoked", JOBS, 401),
        ("suspended", JOBS, 403),
        ("former operator", "/v1/admin/overview", 401),
        ("standard", "/v1/admin/overview", 403),
    ],
)
def test_a_key_that_was_refused_is_refused(
    api: TestClient, facts: Facts, key: str, path: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {facts.keys[key]}"}
    assert api.get(path, headers=headers).status_code == status


def test_operators_read_their_old_rows(api: TestClient, facts: Facts) -> None:
    viewer = Caller(api, facts.keys["viewer"])
    for page in ("overview", "jobs", "workers", "queues", "tenants", "tiers", "audit", "operators"):
        viewer.get(f"/v1/admin/{page}")
    assert viewer.post(f"/v1/admin/queues/{PAUSED}/resume").status_code == 403
    cookie = {"Cookie": f"bottega_session={facts.session}"}
    assert api.get("/dashboard/", headers=cookie, follow_redirects=False).status_code == 200


def test_a_repeated_submission_returns_its_old_job(api: TestClient, facts: Facts) -> None:
    client = Caller(api, facts.keys["standard"])
    response = client.post(JOBS, facts.submission, **{"Idempotency-Key": facts.idempotency_key})
    assert response.status_code == 202, response.text
    assert response.headers["Idempotency-Replayed"] == "true"
    assert response.json()["id"] == facts.jobs["idempotent"]


def test_old_jobs_and_new_ones_run_to_their_end(
    api: TestClient, worker: Station, sweeper: Sweeper, database: Database, facts: Facts
) -> None:
    swept = sweeper.sweep()
    assert [state(database, facts.jobs[name]) for name in SUSPECTS] == ["queued"] * len(SUSPECTS)
    assert state(database, facts.jobs["queued, past its expiry"]) == "expired"
    assert swept.expired == 1
    client, operator = Caller(api, facts.keys["standard"]), Caller(api, facts.keys["operator"])
    leased = facts.jobs["running"], facts.jobs["running, paid by balance"]
    assert client.cancel(leased[0]) == "canceled"
    assert operator.post(f"/v1/admin/jobs/{leased[1]}/cancel").status_code == 200
    assert operator.post(f"/v1/admin/queues/{PAUSED}/resume").status_code == 200
    new = [client.submit(), Caller(api, facts.keys["paying"]).submit()]
    waiting = [job_id for job_id, now in states(database).items() if now == "queued"]
    run_all(worker)
    assert {state(database, job_id) for job_id in (*waiting, *new)} == {"succeeded"}
    assert sql(database, "SELECT DISTINCT in_flight, balance_held_micros FROM tenants") == [(0, 0)]
    assert client.get(f"{JOBS}/{new[0]}")["output"]["images"][0]["seed"] == 7
    assert_everything_holds(database)


def test_old_webhooks_are_delivered_under_their_old_secret(
    worker: Station, database: Database, facts: Facts
) -> None:
    run_all(worker)
    with receiving() as receiver:
        sql(database, "UPDATE deliveries SET url = :url", url=receiver.url)
        dispatcher = webhook_dispatcher(database)
        while deliver_due(dispatcher):
            pass
    secret = secret_of(database, facts.tenants["standard"])
    told = {request.verified(secret)["data"]["id"] for request in receiver.requests}
    names = ("announced in vain", "canceled while queued", "queued, with a webhook")
    assert told == {facts.jobs[name] for name in names}


def test_an_old_worker_runs_beside_today_s_processes(
    api: TestClient,
    worker: Station,
    database: Database,
    database_url: str,
    dump: Path,
    facts: Facts,
) -> None:
    """Every statement that a worker of the release sends works on the upgraded database."""
    client, operator = Caller(api, facts.keys["standard"]), Caller(api, facts.keys["operator"])
    statements = dump.with_name(dump.name.replace("database", "worker-statements"))
    with OldWorker(database_url, statements, WORKER) as old:
        for reported in ("starting", "busy", "failed", "ready"):
            assert not old.heartbeat(reported)
        finish_leased(old, database, facts)
        new = [client.submit(webhook={"url": f"https://receiver.example/{n}"}) for n in (1, 2)]
        claimed = []
        while batch := old.claim(PAINTER):
            claimed += batch
        assert set(new) <= {job["id"] for job in claimed}
        assert old.claim(PAUSED) == []
        finish_claimed(old, client, claimed)
        assert operator.post(f"/v1/admin/workers/{WORKER}/drain").status_code == 200
        assert old.heartbeat("ready")
        old.leave()
        assert old.unsent == set()
    new.append(client.submit())
    run_all(worker)
    assert {state(database, job_id) for job_id in new} == {"succeeded"}
    queued = [job_id for job_id, now in states(database).items() if now == "queued"]
    assert set(queued) == {facts.jobs["queued, paused"], facts.jobs["queued, past its expiry"]}
    assert_everything_holds(database)


def finish_leased(old: OldWorker, database: Database, facts: Facts) -> None:
    """End the jobs that the old worker ran before the upgrade."""
    names = ("running, paid by balance", "running")
    paid, free = ({"id": facts.jobs[name], "attempt": 1} for name in names)
    assert all(old.renew(job) for job in (paid, free))
    assert old.note(free, "task-18")
    assert old.complete(free, "results/old/0.png")
    assert old.was_completed(free)
    assert old.fail(paid)
    assert not old.complete(paid, "results/old/1.png")
    assert [state(database, facts.jobs[name]) for name in names] == ["failed", "succeeded"]


def finish_claimed(old: OldWorker, client: Caller, claimed: list[dict[str, Any]]) -> None:
    """End what the old worker claimed in every way; the tenant cancels one of the jobs."""
    own = [job for job in claimed if job["tenant_id"] == claimed[0]["tenant_id"]]
    plain = [job for job in own if job["webhook"] is None and job["covered_by"] == "allowance"]
    canceled, failed, retried, handed_back, *_ = plain
    assert client.cancel(canceled["id"]) == "canceled"
    assert not old.renew(canceled)
    assert not old.complete(canceled, "results/old/canceled.png")
    assert old.fail(failed)
    assert old.retry(retried)
    old.hand_back(handed_back)
    ended = {job["id"] for job in (canceled, failed, retried, handed_back)}
    for job in claimed:
        if job["id"] not in ended:
            assert old.complete(job, f"results/old/{job['id']}.png")
