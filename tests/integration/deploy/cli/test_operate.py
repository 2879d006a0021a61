"""The operators' commands, on a real database: the same changes as over HTTP, in the same log."""

import getpass
import json
from typing import Any

import pytest
from click.testing import CliRunner

from db.core.session import Database
from deploy.cli.main import main
from tests.support import jobs


@pytest.fixture(autouse=True)
def named(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands speak to the test's own database."""
    monkeypatch.setenv("DATABASE_URL", database_url)


def run(*words: str, code: int = 0) -> str:
    """What a command prints; it must end with `code`."""
    done = CliRunner().invoke(main, words)
    assert done.exit_code == code, done.output
    return done.output


def rows(*words: str) -> list[dict[str, Any]]:
    """The rows that a command prints as JSON."""
    found: list[dict[str, Any]] = json.loads(run(*words, "--json"))
    return found


def test_jobs_are_found_canceled_and_done_again(database: Database, tenant_id: str) -> None:
    held = jobs.running(database, tenant_id)
    assert jobs.fail(database, held)
    own = jobs.submit_many(database, tenant_id, 3)
    assert [row["id"] for row in rows("jobs", "list", "--state", "failed")] == [held.job_id]
    run("jobs", "cancel", own[0])
    run("jobs", "cancel", own[0], code=1)
    run("jobs", "cancel", code=2)
    assert CliRunner().invoke(main, ["jobs", "cancel", "--state", "queued"], input="n\n").exit_code
    assert jobs.found(database, own[1]).state == "queued"
    assert "2 of 2" in run("jobs", "cancel", "--state", "queued", "--yes")
    run("jobs", "retry", held.job_id)
    run("jobs", "retry", held.job_id, code=1)
    log = rows("audit")
    assert [row["action"] for row in log] == ["job.retry", *["job.cancel"] * 3]
    assert {row["actor"] for row in log} == {f"cli:{getpass.getuser()}"}


def test_money_tiers_queues_and_keys_are_changed_and_written_down(
    tenant_id: str,
) -> None:
    pay = ("credit", tenant_id, "500", "--reference", "a", "--reason", "test")
    run(*pay)
    run(*pay, code=1)
    run("credit", tenant_id, "-501", "--reference", "b", "--reason", "test", code=1)
    run("credit", tenant_id, "-500", "--reference", "b", "--reason", "test")
    run("tiers", "set", "free", "--max-in-flight", "7")
    run("tiers", "set", "free", code=2)
    run("tiers", "set", "none", "--weight", "2", code=1)
    assert {row["name"]: row for row in rows("tiers", "list")}["free"]["max_in_flight"] == 7
    run("queues", "pause", jobs.VARIANT)
    run("queues", "pause", "none", code=1)
    assert rows("queues", "list")[0]["state"] == "paused"
    run("workers", "drain", "none", code=1)
    [first] = rows("operators", "create", "ann")
    run("operators", "revoke", first["key_id"], code=1)
    run("tenants", "suspend", tenant_id)
    run("tenants", "tier", tenant_id, "free")
    assert [row["action"] for row in rows("audit")[::-1]] == [
        *("tenant.credit", "tenant.credit", "tier.set", "queue.pause", "operator.create"),
        *("tenant.suspend", "tenant.tier"),
    ]
