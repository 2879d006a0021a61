"""Hosted models through a whole stack: forwarded, stored, charged once, refused, many at once."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image
from sqlalchemy import text

from db.billing import ledger
from deploy.local.credentials import SETTINGS_FILE
from deploy.process.exit_status import EXIT_CONFIGURATION
from tests.acceptance.stack import Client, Json, Stack, eventually, run_bottega
from tests.servers.vendor import KEY, Plan, Vendor, running_vendor, status
from tests.support.stack_faults import assert_paid_once, await_restart, books_of, strike

PAINTER = "flux.2-pro"
EDITOR = "flux.1-kontext-max"
JUDGED = "flux.2-max"
MEGABYTE = 10**6
CREDIT = 100_000_000

FILTERS = f"""
[filters.words]
kind = "words"
file = "words.txt"

[[rules]]
variants = ["{JUDGED}"]
filters = ["words"]
"""


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with running_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Stack]:
    """A stack that forwards to the vendor, and filters one model's prompts itself."""
    folder = tmp_path_factory.mktemp("hosted")
    (folder / "words.txt").write_text("unspeakable\n")
    (folder / "filters.toml").write_text(FILTERS)
    settings = {
        "BOTTEGA_RELAY_URL": vendor.url,
        "BOTTEGA_RELAY_KEY": KEY,
        "BOTTEGA_CONTENT_FILTERS": str(folder / "filters.toml"),
        "BOTTEGA_LEASE_SECONDS": "3",
        "BOTTEGA_SWEEP_SECONDS": "0.5",
    }
    running = Stack(folder / "data", settings, variants=(PAINTER, EDITOR, JUDGED))
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.abandon()


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A new tenant with credit; the books must agree afterwards."""
    client = stack.tenant()
    with stack.database.transaction() as session:
        ledger.credit(session, client.tenant_id, CREDIT, reference=client.tenant_id)
    yield client
    assert stack.violations() == []


def ask(client: Client, prompt: str, model: str = PAINTER, **given: object) -> Json:
    """Submit a small picture."""
    size = {} if model == EDITOR else {"width": 64, "height": 64}
    return client.submit(model, {"prompt": prompt, **size, **given})


def tasks_of(vendor: Vendor, prompt: str) -> int:
    """The number of the vendor's tasks for a prompt."""
    return sum(task.body["prompt"] == prompt for task in vendor.submitted)


def assert_failed(stack: Stack, job: Json, code: str, *, attempts: int = 1) -> None:
    """Assert that a job failed, and that nothing is charged, held or stored."""
    assert (job["state"], job["error"]["code"]) == ("failed", code)
    books = books_of(stack, job)
    assert (len(books.outcomes), books.holds) == (attempts, ["released"])
    assert (books.used, books.keys, books.stored) == ([], [], [])


def test_a_picture_is_forwarded_stored_and_charged_once(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    job = client.await_end(ask(client, "a red circle", seed=2**63, output_format="webp"))
    assert job["state"] == "succeeded", job
    assert job["progress"] == {"step": 100, "steps": 100, "fraction": 1.0}
    assert job["price"]["amount_micros"] == 30_000
    [image] = job["output"]["images"]
    assert (image["seed"], image["media_type"]) == (2**63, "image/webp")
    fetched = Image.open(io.BytesIO(httpx.get(image["url"]).raise_for_status().content))
    assert fetched.size == (64, 64)
    assert_paid_once(books_of(stack, job), attempt=1)
    assert tasks_of(vendor, "a red circle") == 1


def test_a_picture_is_edited(client: Client, vendor: Vendor) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 48), "blue").save(buffer, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    job = client.await_end(ask(client, "make it red", EDITOR, images=[uri]))
    assert job["state"] == "succeeded", job
    assert job["price"]["amount_micros"] == 80_000
    [image] = job["output"]["images"]
    assert (image["width"], image["height"], image["media_type"]) == (80, 48, "image/png")
    assert list(vendor.submitted[-1].pictures) == ["input_image"]


@pytest.mark.parametrize(
    ("state", "code"),
    [("Request Moderated", "request_moderated"), ("Content Moderated", "content_moderated")],
)
def test_what_the_vendor_refuses_costs_nothing_and_is_not_tried_again(
    stack: Stack, client: Client, vendor: Vendor, state: str, code: str
) -> None:
    vendor.plans[code] = Plan(status=state, details={"Moderation Reasons": ["Violence"]})
    job = client.await_end(ask(client, f"something {code}"))
    assert_failed(stack, job, code)
    assert job["error"]["message"].endswith("Violence")
    assert job["error"]["retryable"] is False


def test_what_the_operators_list_names_never_leaves_the_house(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    job = client.await_end(ask(client, "an UNSPEAKABLE thing", JUDGED))
    assert_failed(stack, job, "request_moderated")
    assert "unspeakable" not in str(job["error"])
    assert tasks_of(vendor, "an UNSPEAKABLE thing") == 0
    assert client.await_end(ask(client, "a nice thing", JUDGED))["state"] == "succeeded"
    assert client.await_end(ask(client, "an unspeakable thing", PAINTER))["state"] == "succeeded"
    for log in ("worker", "api"):
        assert "unspeakable" not in stack.log(log).lower()
        assert KEY not in stack.log(log)


def test_twenty_jobs_are_in_flight_at_once_on_one_worker(client: Client, vendor: Vendor) -> None:
    together = threading.Event()
    vendor.plans["one of many"] = Plan(until=together)
    vendor.most_at_once = 0
    jobs = [ask(client, f"one of many: {n}", seed=n) for n in range(20)]
    eventually(lambda: vendor.most_at_once == 20)
    together.set()
    ended = [client.await_end(job) for job in jobs]
    assert {job["state"] for job in ended} == {"succeeded"}
    assert {job["output"]["images"][0]["seed"] for job in ended} == set(range(20))


def test_a_canceled_job_is_charged_once_if_the_vendor_delivers(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    held = threading.Event()
    vendor.plans["too late"] = Plan(until=held)
    job = ask(client, "too late")
    eventually(lambda: tasks_of(vendor, "too late") == 1)
    for _ in range(3):
        answer = client.cancel(job)
        assert (answer["state"], answer["charge"]) == ("running", None)
        assert answer["cancel_requested_at"]
    held.set()
    ended = client.await_end(job)
    assert (ended["state"], ended["charge"]["amount_micros"]) == ("succeeded", 30_000)
    assert_paid_once(books_of(stack, job), attempt=1)
    assert client.account()["balance_micros"] == CREDIT - 30_000
    assert tasks_of(vendor, "too late") == 1


def test_a_canceled_job_that_the_vendor_fails_is_canceled_and_free(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    held = threading.Event()
    vendor.plans["in vain"] = Plan(status="Error", until=held)
    job = ask(client, "in vain")
    eventually(lambda: tasks_of(vendor, "in vain") == 1)
    client.cancel(job)
    held.set()
    ended = client.await_end(job)
    assert (ended["state"], ended["error"]) == ("canceled", None)
    assert ended["charge"] == {"amount_micros": 0, "units": 0, "ran": 0}
    assert (books_of(stack, job).holds, books_of(stack, job).used) == (["released"], [])
    assert tasks_of(vendor, "in vain") == 1, "nothing is submitted after a cancellation"


def test_a_queued_job_is_canceled_at_once_and_never_submitted(
    client: Client, vendor: Vendor
) -> None:
    held = threading.Event()
    vendor.plans["as many as may"] = Plan(until=held)
    running = [ask(client, f"as many as may: {n}", EDITOR) for n in range(6)]
    eventually(lambda: sum("as many" in task.body["prompt"] for task in vendor.submitted) == 6)
    waiting = ask(client, "one too many", EDITOR)
    client.cancel(waiting)
    held.set()
    assert client.await_end(waiting)["state"] == "canceled"
    assert {client.await_end(job)["state"] for job in running} == {"succeeded"}
    assert tasks_of(vendor, "one too many") == 0


def test_a_client_that_hangs_up_cancels_and_asks_again_makes_one_task_and_one_charge(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    held = threading.Event()
    vendor.plans["impatient"] = Plan(until=held)
    submission = {"model": PAINTER, "input": {"prompt": "impatient", "width": 64, "height": 64}}
    headers = {"Idempotency-Key": "impatient-1", "Prefer": "wait=60"}
    for _ in range(3):  # as the OpenAI client does: a short time limit, then again
        with pytest.raises(httpx.ReadTimeout):
            client.http.post("/v1/jobs", json=submission, headers=headers, timeout=1)
    eventually(lambda: tasks_of(vendor, "impatient") == 1)
    again = client.http.post(
        "/v1/jobs", json=submission, headers={"Idempotency-Key": "impatient-1"}
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    job = again.json()
    client.cancel(job)
    held.set()
    assert client.await_end(job)["state"] == "succeeded"
    assert_paid_once(books_of(stack, job), attempt=1)
    assert tasks_of(vendor, "impatient") == 1


def test_tier_frees_allowance_pays_no_hosted_picture(stack: Stack, vendor: Vendor) -> None:
    poor = stack.tenant()
    answer = poor.http.post("/v1/jobs", json={"model": JUDGED, "input": {"prompt": "for free"}})
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credit")
    assert "does not cover this model" in answer.json()["detail"]
    assert tasks_of(vendor, "for free") == 0


def test_an_upstream_that_fails_for_a_while_delays_the_job(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    vendor.fail_next("submit", status(503), status(429, Retry_After="1"))
    job = client.await_end(ask(client, "through bad weather"))
    assert job["state"] == "succeeded", job
    assert_paid_once(books_of(stack, job), attempt=1)


def test_a_task_outlives_the_worker_that_submitted_it(
    stack: Stack, client: Client, vendor: Vendor
) -> None:
    held = threading.Event()
    vendor.plans["outlives"] = Plan(until=held)
    job = ask(client, "outlives")
    eventually(lambda: tasks_of(vendor, "outlives") == 1)
    noted = "SELECT count(*) FROM attempt_notes WHERE job_id = :id"
    eventually(lambda: _count(stack, noted, job) == 1)
    await_restart(stack, "worker", strike(stack, "worker"))
    held.set()
    ended = client.await_end(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    assert tasks_of(vendor, "outlives") == 1, "paid for once upstream"
    assert_paid_once(books_of(stack, job), attempt=2)


def _count(stack: Stack, query: str, job: Json) -> int:
    with stack.database.transaction() as session:
        return int(session.scalar(text(query), {"id": job["id"]}) or 0)


def test_the_models_are_listed_as_ready_and_the_worker_is_small(stack: Stack) -> None:
    def ready() -> bool:
        models = httpx.get(f"{stack.url}/v1/models").json()["models"]
        workers = {model["id"]: model["ready_workers"] for model in models}
        return workers == {PAINTER: 1, EDITOR: 1, JUDGED: 1}

    eventually(ready)
    process = psutil.Process(stack.children()["worker"])
    assert "torch" not in Path(f"/proc/{process.pid}/maps").read_text()
    assert process.memory_info().rss < 250 * MEGABYTE


def test_a_worker_without_a_key_says_what_to_set_and_ends(stack: Stack) -> None:
    settings = json.loads((stack.data_dir / SETTINGS_FILE).read_text())
    own = {"REDIS_URL": stack.redis_admin_url, "BOTTEGA_RELAY_URL": "https://upstream.example"}
    done = run_bottega("worker", "--variant", PAINTER, environment=settings | own)
    assert done.returncode == EXIT_CONFIGURATION
    assert "BOTTEGA_RELAY_KEY" in done.stderr
    assert "Traceback" not in done.stderr
