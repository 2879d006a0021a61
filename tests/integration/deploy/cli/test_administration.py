"""The operator's commands, on a real database: the changes and the audit log of the HTTP API."""

import getpass

import pytest

from tests.support import jobs
from tests.support.commands import Commands
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings


def test_money_tiers_queues_and_keys_are_changed_and_written_down(
    bottega: Commands, tenant_id: str
) -> None:
    pay = ("credit", tenant_id, "500", "--reference", "a", "--reason", "test")
    bottega.run(*pay)
    bottega.run(*pay, code=1)
    bottega.run("credit", tenant_id, "-501", "--reference", "b", "--reason", "test", code=1)
    bottega.run("credit", tenant_id, "-500", "--reference", "b", "--reason", "test")
    bottega.run("tiers", "set", "free", "--max-in-flight", "7")
    bottega.run("tiers", "set", "free", code=2)
    bottega.run("tiers", "set", "none", "--weight", "2", code=1)
    tiers = {row["name"]: row for row in bottega.rows("tiers", "list")}
    assert tiers["free"]["max_in_flight"] == 7
    for given, limit in (("5000", 5_000), ("0", "")):
        bottega.run("tiers", "set", "free", "--max-stored-bytes", given)
        tiers = {row["name"]: row for row in bottega.rows("tiers", "list")}
        assert tiers["free"]["max_stored_bytes"] == limit
    bottega.run("queues", "pause", jobs.VARIANT)
    bottega.run("queues", "pause", "none", code=1)
    assert bottega.rows("queues", "list")[0]["state"] == "paused"
    assert "none: there is no such worker" in bottega.run("workers", "drain", "none", code=1)
    [first] = bottega.rows("operators", "create", "ann")
    bottega.run("operators", "revoke", first["key_id"], code=1)
    bottega.run("tenants", "suspend", tenant_id)
    assert "already" in bottega.run("tenants", "suspend", tenant_id)
    assert "ten_none: there is no such" in bottega.run("tenants", "suspend", "ten_none", code=1)
    bottega.run("tenants", "tier", tenant_id, "free")
    log = bottega.rows("audit")
    assert [row["action"] for row in log[::-1]] == [
        *(
            "tenant.credit",
            "tenant.credit",
            "tier.set",
            "tier.set",
            "tier.set",
            "queue.pause",
            "operator.create",
        ),
        *("tenant.suspend", "tenant.tier"),
    ]
    assert {row["actor"] for row in log} == {f"cli:{getpass.getuser()}"}


@pytest.mark.parametrize("weight", ["5e-324", "0", "nan", "inf", "-inf", "1e7"])
def test_a_weight_out_of_range_is_refused_with_the_range(bottega: Commands, weight: str) -> None:
    refusal = bottega.run("tiers", "set", "free", f"--weight={weight}", code=2)
    assert "0.001" in refusal
    assert bottega.rows("audit") == []


def test_a_reference_that_was_used_for_another_amount_is_an_error(
    bottega: Commands, tenant_id: str
) -> None:
    pay = ("--reference", "a", "--reason", "test")
    bottega.run("credit", tenant_id, "500", *pay)
    assert "nothing to do" in bottega.run("credit", tenant_id, "500", *pay, code=1)
    assert "another tenant or amount" in bottega.run("credit", tenant_id, "600", *pay, code=1)
    assert "'a'" in bottega.run("credit", tenant_id, "600", *pay, code=1)


def test_the_workers_of_a_resumed_queue_are_notified(
    bottega: Commands, own_redis_settings: WorkerSettings
) -> None:
    notifier = QueueNotifier(own_redis_settings)
    bottega.run("queues", "pause", jobs.VARIANT)
    assert notifier.waiting_tickets(jobs.VARIANT) == 0
    bottega.run("queues", "resume", jobs.VARIANT)
    assert notifier.waiting_tickets(jobs.VARIANT) == 1
    assert "as it was" in bottega.run("queues", "resume", jobs.VARIANT)
    notifier.close()


def test_a_queue_is_paused_without_redis(
    bottega: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")
    assert bottega.run("queues", "pause", jobs.VARIANT) == f"{jobs.VARIANT} is paused\n"
    assert "REDIS_URL" in bottega.run("queues", "resume", jobs.VARIANT, code=1)
