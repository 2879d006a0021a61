"""The operator's commands, on a running stack's database."""

import json
import re
import time
from typing import Any

import pytest

from tests.acceptance.stack import Client, Stack, run_bottega

pytestmark = pytest.mark.usefixtures("books")


def bottega(stack: Stack, *arguments: str, status: int = 0) -> str:
    """The output of a command; its exit status must be the expected one."""
    done = run_bottega("--stack", str(stack.data_dir), *arguments)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout if status == 0 else done.stderr


def as_json(stack: Stack, *arguments: str) -> Any:
    return json.loads(bottega(stack, *arguments, "--json"))


def test_a_tenant_is_added_credited_and_listed(stack: Stack) -> None:
    (made,) = as_json(stack, "tenants", "create", "Casa Verde", "--tier", "free")
    assert made["tier"] == "free"
    client = stack.client(made["api_key"])
    assert client.account()["name"] == "Casa Verde"
    bottega(stack, "tenants", "credit", made["tenant"], "2500", "--reference", "invoice 1")
    assert client.account()["balance_micros"] == 2500
    again = ("tenants", "credit", made["tenant"], "2500", "--reference", "invoice 1")
    assert "invoice 1" in bottega(stack, *again, status=1)
    assert client.account()["balance_micros"] == 2500
    listed = {row["tenant"]: row for row in as_json(stack, "tenants", "list")}
    assert listed[made["tenant"]]["balance_micros"] == 2500


def test_a_key_is_made_listed_and_revoked(stack: Stack, tenant: Client) -> None:
    (made,) = as_json(stack, "keys", "create", "--tenant", tenant.tenant_id, "--name", "second")
    client = stack.client(made["api_key"])
    assert client.account()["tenant"] == tenant.tenant_id
    rows = {
        row["key_id"]: row for row in as_json(stack, "keys", "list", "--tenant", tenant.tenant_id)
    }
    assert rows[made["key_id"]]["name"] == "second"
    assert not rows[made["key_id"]]["revoked_at"]
    assert made["api_key"] not in json.dumps(rows)
    assert made["key_id"] in bottega(stack, "keys", "revoke", made["key_id"])
    assert client.http.get("/v1/account").status_code == 401
    assert tenant.http.get("/v1/account").status_code == 200
    assert made["key_id"] in bottega(stack, "keys", "revoke", made["key_id"], status=1)


def finished_jobs(stack: Stack, variant: str, outcome: str) -> float:
    """The jobs that all processes of the stack have counted, as Prometheus sums them up."""
    pattern = (
        rf'^bottega_jobs_finished_total{{(.*outcome="{outcome}".*variant="{variant}".*)}} (.+)$'
    )
    found = [re.findall(pattern, text, re.MULTILINE) for text in stack.metrics().values()]
    return sum(float(value) for samples in found for _, value in samples)


def test_a_job_that_a_command_cancels_is_published_at_once_and_counted_once(
    stack: Stack, tenant: Client
) -> None:
    with stack.paused("flux.1-demo"):
        one, *others = (tenant.paint() for _ in range(3))
        before = finished_jobs(stack, "flux.1-demo", "canceled")
        with tenant.follow(one) as events:
            assert next(events).data["state"] == "queued"
            bottega(stack, "jobs", "cancel", one["id"])
            ended = time.monotonic()
            *_, last = events  # reads until the stream ends
        assert time.monotonic() - ended < 1
        assert (last.type, last.data["state"]) == ("done", "canceled")
        assert finished_jobs(stack, "flux.1-demo", "canceled") == before + 1
        bottega(stack, "jobs", "cancel", "--tenant", tenant.tenant_id, "--yes")
        assert {tenant.job(job["id"])["state"] for job in others} == {"canceled"}
        assert finished_jobs(stack, "flux.1-demo", "canceled") == before + 3
        assert finished_jobs(stack, "flux.1-demo", "canceled") == before + 3


def test_an_operators_key_reads_the_metrics_and_is_no_tenants(stack: Stack) -> None:
    (made,) = as_json(stack, "keys", "create", "--operator")
    client = stack.client(made["api_key"])
    assert client.http.get("/metrics").status_code == 200
    assert client.http.get("/v1/account").status_code == 403


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("tenants", "create", "x", "--tier", "gold"), 1, "gold"),
        (("tenants", "credit", "ten_nobody", "5", "--reference", "r"), 1, "ten_nobody"),
        (("keys", "create", "--tenant", "ten_nobody"), 1, "ten_nobody"),
        (("keys", "revoke", "key_nobody"), 1, "key_nobody"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    stack: Stack, arguments: tuple[str, ...], status: int, says: str
) -> None:
    assert says in bottega(stack, *arguments, status=status)


def test_the_doctor_finds_a_healthy_stack(stack: Stack, tenant: Client) -> None:
    tenant.await_end(tenant.paint())
    done = run_bottega("--stack", str(stack.data_dir), "doctor", "--json")
    checks = {row["check"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0, checks
    assert {row["ok"] for row in checks.values()} == {"ok"}
    assert "every invariant holds" in checks["invariants"]["detail"]
    assert not checks["artifacts"]["detail"].startswith("0 ")


def test_the_doctor_says_what_is_wrong_and_goes_on(stack: Stack) -> None:
    settings = json.loads((stack.data_dir / "settings.json").read_text())
    broken = {**settings, "REDIS_URL": "redis://127.0.0.1:9/0"}
    done = run_bottega("doctor", "--variant", "flux.9", environment=broken)
    assert done.returncode == 1
    assert "Redis does not answer" in done.stdout
    assert "flux.9" in done.stdout
    assert "every invariant holds" in done.stdout


def test_migrating_again_changes_nothing(stack: Stack) -> None:
    assert "up to date" in bottega(stack, "migrate")


def test_a_database_that_is_not_there_is_a_sentence() -> None:
    url = "postgresql://nobody:nothing@127.0.0.1:9/nowhere"
    done = run_bottega("tenants", "list", environment={"DATABASE_URL": url})
    assert done.returncode == 1
    assert "the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing" not in done.stderr
