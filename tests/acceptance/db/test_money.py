"""Holds, charges and releases, as a tenant sees them."""

import csv
import hashlib
import io
from datetime import UTC, datetime

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from db.billing import ledger
from db.storage.keys import input_key
from db.tables import Hold, Job, LedgerEntry, Tenant, Tier, UsageEvent
from tests.acceptance.stack import Client, Json, Stack

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(scope="module", autouse=True)
def _tiny_tier(stack: Stack) -> None:
    """A tier whose limits a test can reach."""
    with stack.as_owner() as session:
        session.add(
            Tier(
                name="tiny",
                weight=1.0,
                max_in_flight=2,
                max_priority="normal",
                images_per_month=1,
                analyses_per_month=2,
            )
        )


@pytest.fixture
def small(stack: Stack) -> Client:
    return stack.tenant("tiny")


def next_month() -> datetime:
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def test_a_quote_costs_nothing_and_makes_nothing(tenant: Client) -> None:
    before = tenant.account()
    body = {"model": "flux.1-demo", "input": {"prompt": "a", "num_images": 2}}
    answer = tenant.http.post("/v1/jobs", params={"dry_run": True}, json=body)
    assert answer.status_code == 200
    quote = answer.json()
    assert quote["price"] == {
        "amount_micros": 2000,
        "currency": "USD",
        "covered_by": "allowance",
    }
    assert (quote["units"], quote["unit_kind"]) == (2, "images")
    assert quote["device_seconds"] > 0
    assert quote["expected_wait_seconds"] is not None
    assert tenant.account() == before
    assert tenant.http.get("/v1/jobs").json()["jobs"] == []


def test_a_quote_refuses_what_a_submission_would(tenant: Client) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "a", "width": 17}}
    assert tenant.http.post("/v1/jobs", params={"dry_run": True}, json=body).status_code == 422


def test_a_spent_allowance_is_402_with_the_time_of_its_reset(small: Client) -> None:
    small.await_end(small.paint())
    before = small.account()
    assert before["allowances"]["images"]["left"] == 0
    body = {"model": "flux.1-demo", "input": {"prompt": "a"}}
    quote = small.http.post("/v1/jobs", params={"dry_run": True}, json=body).json()
    assert quote["price"]["covered_by"] is None
    answer = small.http.post("/v1/jobs", json=body)
    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["code"] == "insufficient_credit"
    assert datetime.fromisoformat(told["allowance_resets_at"]) == next_month()
    assert datetime.fromisoformat(before["allowances_reset_at"]) == next_month()
    assert told["allowance_resets_at"] in told["detail"]
    assert told["kind"] == "images"
    assert told["price_micros"] == 1000
    assert small.account() == before
    assert len(small.http.get("/v1/jobs").json()["jobs"]) == 1


def test_a_job_is_covered_wholly_or_not_at_all(small: Client) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "a", "num_images": 2}}
    assert small.http.post("/v1/jobs", json=body).status_code == 402
    assert small.account()["allowances"]["images"]["left"] == 1


def test_the_balance_pays_when_the_allowance_is_spent(stack: Stack, small: Client) -> None:
    with stack.database.transaction() as session:
        ledger.credit(session, small.tenant_id, 1500, reference=f"test:{small.tenant_id}")
    first, second = small.await_end(small.paint()), small.await_end(small.paint())
    assert [job["price"]["covered_by"] for job in (first, second)] == ["allowance", "balance"]
    account = small.account()
    assert (account["balance_micros"], account["held_micros"]) == (500, 0)
    refused = small.http.post("/v1/jobs", json={"model": "flux.1-demo", "input": {"prompt": "a"}})
    assert refused.status_code == 402


def test_too_many_jobs_in_flight_are_429(stack: Stack, small: Client) -> None:
    with stack.paused("florence-2-demo"):
        file = small.http.post("/v1/files", files={"file": ("a.png", _picture())}).json()
        jobs = [small.look(file["id"]) for _ in range(2)]
        before = small.account()
        body = {"model": "flux.1-demo", "input": {"prompt": "a"}}
        answer = small.http.post("/v1/jobs", json=body)
        assert answer.status_code == 429
        assert answer.json()["code"] == "too_many_in_flight"
        assert int(answer.headers["retry-after"]) > 0
        assert small.account() == before
        small.cancel(jobs[0])
        accepted = small.http.post("/v1/jobs", json=body)
        assert accepted.status_code == 202
        small.cancel(jobs[1])
    small.await_end(accepted.json())


def test_a_suspended_tenant_submits_and_reads_nothing(stack: Stack, tenant: Client) -> None:
    with stack.database.transaction() as session:
        session.execute(
            update(Tenant).where(Tenant.id == tenant.tenant_id).values(suspended_at=func.now())
        )
    answer = tenant.http.post("/v1/jobs", json={"model": "flux.1-demo", "input": {"prompt": "a"}})
    assert answer.status_code == 403
    assert answer.json()["code"] == "suspended"
    assert tenant.http.get("/v1/account").status_code == 403
    with stack.database.transaction() as session:
        own = select(func.count()).select_from(Job).where(Job.tenant_id == tenant.tenant_id)
        assert session.scalar(own) == 0


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    return buffer.getvalue()


def test_a_failed_job_gives_its_hold_back_and_says_why(stack: Stack, tenant: Client) -> None:
    data = _picture()
    before = tenant.account()
    with stack.paused("florence-2-demo"):
        file = tenant.http.post("/v1/files", files={"file": ("a.png", data)}).json()
        job = tenant.look(file["id"])
        assert tenant.account()["allowances"]["analyses"]["held"] == 1
        stack.store.delete(input_key(tenant.tenant_id, hashlib.sha256(data).hexdigest()))
    ended = tenant.await_end(job)
    assert ended["state"] == "failed"
    assert ended["output"] is None
    assert ended["error"]["code"] == "input_unreachable"
    assert ended["error"]["retryable"] is False
    assert ended["error"]["message"]
    assert tenant.account() == before | {"stored_bytes": file["bytes"]}
    assert tenant.http.get("/v1/usage").json()["events"] == []
    with tenant.follow(job) as stream:
        assert list(stream)[-1].data["error"]["code"] == "input_unreachable"


class TestUsage:
    """Usage agrees with the jobs, the account and the books."""

    @pytest.fixture
    def jobs(self, stack: Stack) -> tuple[Client, list[Json]]:
        user = stack.tenant("tiny")
        with stack.database.transaction() as session:
            ledger.credit(session, user.tenant_id, 10_000, reference=f"test:{user.tenant_id}")
        painted = [user.await_end(user.paint()) for _ in range(2)]
        url = painted[0]["output"]["images"][0]["url"]
        return user, [*painted, user.await_end(user.look(url))]

    def test_usage_is_one_event_for_each_job_and_sums_to_the_account(
        self, jobs: tuple[Client, list[Json]], stack: Stack
    ) -> None:
        user, done = jobs
        usage = user.http.get("/v1/usage", params={"group_by": "model,day"}).json()
        assert [event["job_id"] for event in usage["events"]] == [job["id"] for job in done]
        for event, job in zip(usage["events"], done, strict=True):
            assert event["model"] == job["model"]
            assert event["covered_by"] == job["price"]["covered_by"]
            charged = event["covered_by"] == "balance"
            assert event["amount_micros"] == (job["price"]["amount_micros"] if charged else 0)
        today = done[0]["finished_at"][:10]
        sums = {row["model"]: row for row in usage["sums"]}
        assert sums.keys() == {"flux.1-demo", "florence-2-demo"}
        assert {row["day"] for row in usage["sums"]} <= {today, done[-1]["finished_at"][:10]}
        assert (sums["flux.1-demo"]["jobs"], sums["flux.1-demo"]["amount_micros"]) == (2, 1000)
        account = user.account()
        assert account["balance_micros"] == 10_000 - 1000
        assert account["allowances"]["images"]["used"] == 1
        assert account["allowances"]["analyses"]["used"] == 1
        with stack.database.transaction() as session:
            for table, count in ((UsageEvent, 3), (Hold, 3), (LedgerEntry, 2)):
                rows = select(func.count()).where(table.tenant_id == user.tenant_id)
                assert session.scalar(rows) == count

    def test_usage_as_csv_says_the_same(self, jobs: tuple[Client, list[Json]]) -> None:
        user, _ = jobs
        answer = user.http.get("/v1/usage", params={"format": "csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        events = user.http.get("/v1/usage").json()["events"]
        assert rows == [{name: str(value) for name, value in row.items()} for row in events]

    def test_usage_is_of_the_period_that_is_asked_for(
        self, jobs: tuple[Client, list[Json]]
    ) -> None:
        user, done = jobs
        second = user.http.get("/v1/usage").json()["events"][1]["occurred_at"]
        later = user.http.get("/v1/usage", params={"from": second}).json()
        assert [event["job_id"] for event in later["events"]] == [job["id"] for job in done[1:]]
        earlier = user.http.get("/v1/usage", params={"to": second}).json()
        assert [event["job_id"] for event in earlier["events"]] == [done[0]["id"]]
        none = user.http.get("/v1/usage", params={"from": "2020-01-01", "to": "2020-02-01"}).json()
        assert (none["events"], none["sums"]) == ([], [])
