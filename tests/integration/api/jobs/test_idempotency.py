"""Submissions under an idempotency key: repeated or concurrent ones make one job."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.jobs.fingerprint import former_fingerprint
from api.schemas.jobs import Submission
from db.core.session import Database
from db.jobs import idempotency
from db.jobs.idempotency import KeyedSubmission, KeyReusedError
from db.jobs.submit import submit_job
from db.storage.local import LocalStore
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.station import picture
from tests.support.waiting import at_once, await_true
from workers.courier.sweeper import Sweeper

Json = dict[str, Any]

PAINT: Json = {"model": "flux.1-demo", "input": {"prompt": "a red circle", "steps": 2}}
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    """A client of an API process, without a key."""
    with TestClient(make_api()) as client:
        yield client


Send = Callable[..., httpx.Response]


@pytest.fixture
def sender(app: TestClient, database: Database) -> Callable[..., Send]:
    """Makes tenants; each is a function that submits a body under a key."""

    def make(**tier: Any) -> Send:
        tenant_id = jobs.add_tenant(database, **tier)
        with database.transaction() as session:
            _, key = api_keys.create(session, tenant_id=tenant_id, name="")

        def send(body: Json | str = PAINT, under: str = "k", **more: Any) -> httpx.Response:
            headers = {
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Idempotency-Key": under,
                **more.pop("headers", {}),
            }
            content = body if isinstance(body, str) else json.dumps(body)
            return app.post("/v1/jobs", content=content, headers=headers, **more)

        return send

    return make


@pytest.fixture
def send(sender: Callable[..., Send]) -> Send:
    return sender()


def accepted(answer: httpx.Response, *, replayed: bool) -> str:
    """The id of the job in a response."""
    assert answer.status_code == 202, answer.text
    assert answer.headers.get("idempotency-replayed") == ("true" if replayed else None)
    job_id: str = answer.json()["id"]
    assert answer.headers["location"].endswith(f"/v1/jobs/{job_id}")
    return job_id


def refused(answer: httpx.Response, status: int, code: str) -> Json:
    """The problem document of a response."""
    assert answer.status_code == status, answer.text
    problem: Json = answer.json()
    assert problem["code"] == code
    assert "idempotency-replayed" not in answer.headers
    return problem


def tickets(app: TestClient) -> int:
    """The number of tickets in the queue of the image model."""
    return int(app.app.state.services.queue_notifier.waiting_tickets("flux.1-demo"))  # type: ignore[attr-defined]


def test_the_same_again_is_answered_with_the_first_job(
    app: TestClient, send: Send, database: Database
) -> None:
    before = tickets(app)
    first = accepted(send(), replayed=False)
    assert accepted(send(), replayed=True) == first
    assert accepted(send(), replayed=True) == first
    assert tickets(app) == before + 1
    assert jobs.counts(database, "jobs", "holds", "idempotency_keys") == [1, 1, 1]


def test_a_replay_shows_the_job_as_it_is_now(send: Send, database: Database) -> None:
    first = accepted(send(), replayed=False)
    jobs.cancel(database, first)
    again = send(headers={"Prefer": "wait=5"})
    assert accepted(again, replayed=True) == first
    assert again.json()["state"] == "canceled"


def test_how_the_same_is_spelt_does_not_matter(send: Send) -> None:
    first = accepted(send(), replayed=False)
    spelt_out = {
        "metadata": {},
        "expires_in_seconds": 86400.0,
        "priority": "normal",
        "webhook": None,
        "input": {"steps": 2, "prompt": "a red circle"},
        "model": "flux.1-demo",
    }
    assert accepted(send(json.dumps(spelt_out, indent=3)), replayed=True) == first


@pytest.mark.parametrize(
    "other",
    [
        {"model": "flux.1-schnell"},
        {"input": {"prompt": "a red circle."}},
        {"input": {"prompt": "a red circle", "steps": 2, "seed": 1}},
        {"priority": "high"},
        {"metadata": {"order": "17"}},
        {"expires_in_seconds": 60},
        {"webhook": {"url": "https://receiver.example/hook"}},
    ],
)
def test_another_submission_under_the_key_is_refused(
    send: Send, database: Database, other: Json
) -> None:
    accepted(send(), replayed=False)
    problem = refused(send({**PAINT, **other}), 422, "idempotency_key_reused")
    assert "red circle" not in str(problem)
    assert jobs.counts(database, "jobs", "holds", "idempotency_keys") == [1, 1, 1]


def test_a_key_of_an_earlier_version_is_known(send: Send, database: Database) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "a red circle", "guidance": 0.0}}
    first = accepted(send(body), replayed=False)
    former = former_fingerprint(Submission.model_validate(body))
    with database.transaction() as session:
        session.execute(text("UPDATE idempotency_keys SET fingerprint = :own"), {"own": former})
    assert accepted(send(body), replayed=True) == first
    refused(send(PAINT), 422, "idempotency_key_reused")


def test_webhooks_that_differ_are_other_submissions(send: Send) -> None:
    url = "https://receiver.example/hook"
    first = accepted(send({**PAINT, "webhook": {"url": url}}), replayed=False)
    assert accepted(send({**PAINT, "webhook": {"url": url}}), replayed=True) == first
    for webhook in ({"url": f"{url}?a"}, {"url": url, "events": ["job.failed"]}):
        refused(send({**PAINT, "webhook": webhook}), 422, "idempotency_key_reused")


def test_a_key_is_its_tenants_own(sender: Callable[..., Send], database: Database) -> None:
    one, other = sender(), sender()
    assert accepted(one(), replayed=False) != accepted(other(), replayed=False)
    refused(other({**PAINT, "metadata": {"order": "17"}}), 422, "idempotency_key_reused")
    assert jobs.counts(database, "jobs", "idempotency_keys") == [2, 2]


def test_each_key_makes_a_job(send: Send) -> None:
    keys = ["k", "K", '"k"', "k" * 255, "!~"]
    made = [accepted(send(under=key), replayed=False) for key in keys]
    assert len(set(made)) == len(keys)
    assert [accepted(send(under=key), replayed=True) for key in keys] == made


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, b"\xc3\xa9", b"a\tb"])
def test_a_key_is_1_to_255_visible_characters(send: Send, database: Database, key: Any) -> None:
    problem = refused(send(under=key), 422, "invalid_input")
    assert problem["errors"][0]["loc"] == ["header", "Idempotency-Key"]
    assert jobs.counts(database, "jobs", "idempotency_keys") == [0, 0]


def test_a_quote_takes_no_notice_of_the_key(send: Send, database: Database) -> None:
    assert send(params={"dry_run": "true"}).status_code == 200
    assert jobs.counts(database, "idempotency_keys") == [0]
    accepted(send({**PAINT, "priority": "low"}), replayed=False)
    assert send(params={"dry_run": "true"}).status_code == 200


def test_a_replay_stores_no_picture(send: Send, store: LocalStore) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    look = {"model": "florence-2-demo", "input": {"image": uri, "task": "<OD>"}}
    first = accepted(send(look), replayed=False)
    [stored] = store.list("inputs/")
    store.delete(stored.key)
    assert accepted(send(look), replayed=True) == first
    assert list(store.list("inputs/")) == []
    look["input"]["image"] = f"data:image/png;base64,{base64.b64encode(picture((9, 9))).decode()}"
    refused(send(look), 422, "idempotency_key_reused")
    assert list(store.list("inputs/")) == []


def test_a_refused_submission_does_not_use_its_key_up(
    sender: Callable[..., Send], database: Database, owner_database: Database
) -> None:
    send = sender(images_per_month=0)
    refused(send(), 402, "insufficient_credit")
    refused(send({**PAINT, "input": {"prompt": 1}}), 422, "invalid_input")
    assert jobs.counts(database, "jobs", "idempotency_keys") == [0, 0]
    jobs.sql(database, "UPDATE tiers SET images_per_month = 1 WHERE name LIKE 'tier-%'")
    jobs.sql(owner_database, "DELETE FROM allowances")
    first = accepted(send({**PAINT, "metadata": {"try": "2"}}), replayed=False)
    assert accepted(send({**PAINT, "metadata": {"try": "2"}}), replayed=True) == first


def test_what_is_sent_again_needs_neither_credit_nor_room(sender: Callable[..., Send]) -> None:
    send = sender(images_per_month=1, max_in_flight=1)
    first = accepted(send(), replayed=False)
    assert accepted(send(), replayed=True) == first


def test_deeper_than_any_input_it_is_refused(send: Send, database: Database) -> None:
    deep = "[" * 900 + "]" * 900
    body = json.dumps({**PAINT, "input": {"prompt": "DEEP"}}).replace('"DEEP"', deep)
    refused(send(body), 422, "invalid_input")
    surrogate = json.dumps({**PAINT, "input": {"prompt": "\ud800", "more": float("nan")}})
    refused(send(surrogate), 422, "invalid_input")
    assert jobs.counts(database, "idempotency_keys") == [0]


def raced(database: Database, calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """The responses to calls whose transactions are all open at the same time."""
    held, release = threading.Event(), threading.Event()

    def hold_tenants() -> None:
        with database.transaction() as session:
            session.execute(text("SELECT id FROM tenants FOR NO KEY UPDATE"))
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold_tenants)
    holder.start()
    held.wait(30)
    letting_go = threading.Thread(target=lambda: _when_all_wait(database, len(calls), release))
    letting_go.start()
    answers = at_once(calls)
    holder.join()
    letting_go.join()
    return answers


def _when_all_wait(database: Database, count: int, release: threading.Event) -> None:
    try:
        assert await_true(lambda: jobs.sql(database, WAITING) == [(count,)], 4)
    finally:
        release.set()


def test_sixteen_at_once_make_one_job(
    app: TestClient, sender: Callable[..., Send], database: Database
) -> None:
    send = sender(images_per_month=1, max_in_flight=1)
    before = tickets(app)
    answers = raced(database, [send] * 16)
    replayed = ["idempotency-replayed" in answer.headers for answer in answers]
    assert sorted(replayed) == [False] + [True] * 15
    made = {accepted(a, replayed=again) for a, again in zip(answers, replayed, strict=True)}
    assert len(made) == 1
    assert tickets(app) == before + 1
    assert jobs.counts(database, "jobs", "holds", "idempotency_keys") == [1, 1, 1]


def test_of_two_submissions_at_once_under_one_key_one_is_refused(
    send: Send, database: Database
) -> None:
    other = {**PAINT, "metadata": {"order": "17"}}
    answers = raced(database, [send, lambda: send(other)])
    assert sorted(answer.status_code for answer in answers) == [202, 422]
    [loser] = [answer for answer in answers if answer.status_code == 422]
    refused(loser, 422, "idempotency_key_reused")
    assert jobs.counts(database, "jobs", "holds", "idempotency_keys") == [1, 1, 1]


def test_whoever_waited_for_a_submission_that_is_refused_tries_itself(
    sender: Callable[..., Send], database: Database
) -> None:
    send = sender(images_per_month=0)
    for answer in raced(database, [send] * 4):
        refused(answer, 402, "insufficient_credit")
    assert jobs.counts(database, "jobs", "holds", "idempotency_keys") == [0, 0, 0]


def test_a_key_is_remembered_for_a_day_and_then_free(send: Send, database: Database) -> None:
    first = accepted(send(), replayed=False)
    [[expires_at]] = jobs.sql(database, "SELECT expires_at FROM idempotency_keys")
    assert (expires_at - datetime.now(UTC)).total_seconds() == pytest.approx(86_400, abs=60)
    let_expire(database)
    second = accepted(send({**PAINT, "priority": "low"}), replayed=False)
    assert second != first
    assert accepted(send({**PAINT, "priority": "low"}), replayed=True) == second


def let_expire(database: Database) -> None:
    """Make every key a day and a second older."""
    jobs.sql(
        database, "UPDATE idempotency_keys SET expires_at = expires_at - interval '86401 seconds'"
    )


def test_expired_keys_are_removed_so_many_at_a_time(send: Send, database: Database) -> None:
    for key in "abc":
        accepted(send(under=key), replayed=False)
    let_expire(database)
    accepted(send(under="fresh"), replayed=False)

    def forgotten() -> int:
        with database.transaction(durable=False) as session:
            return idempotency.delete_expired(session, 2)

    assert [forgotten() for _ in range(3)] == [2, 1, 0]
    assert jobs.sql(database, "SELECT key FROM idempotency_keys") == [("fresh",)]


def test_maintenance_removes_expired_keys(app: TestClient, send: Send, database: Database) -> None:
    accepted(send(under="old"), replayed=False)
    let_expire(database)
    accepted(send(under="fresh"), replayed=False)
    services = app.app.state.services  # type: ignore[attr-defined]
    Sweeper(database, services.queue_notifier, services.publisher).sweep()
    assert jobs.sql(database, "SELECT key FROM idempotency_keys") == [("fresh",)]


def test_a_key_goes_with_its_job(database: Database) -> None:
    tenant_id = jobs.add_tenant(database)
    new = jobs.new_job(tenant_id)
    keyed = KeyedSubmission(tenant_id, "k", b"what")
    with database.transaction() as session:
        assert idempotency.claim(session, keyed, new.id) is None
        submit_job(session, new)
    with database.transaction() as session:
        found = idempotency.find(session, keyed)
        assert found is not None
        assert found.id == new.id
        with pytest.raises(KeyReusedError):
            idempotency.find(session, KeyedSubmission(tenant_id, "k", b"else"))
    with database.transaction() as session:
        session.execute(text("DELETE FROM holds"))
        session.execute(text("DELETE FROM jobs"))
        session.execute(text("UPDATE tenants SET in_flight = 0"))
        session.execute(text("UPDATE allowances SET held = 0"))
    assert jobs.counts(database, "idempotency_keys") == [0]
