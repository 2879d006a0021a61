"""Each command that changes something for tenants or operators enters it in the audit log."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import safetensors.numpy
from numpy import zeros

from db import worker_registry
from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from db.worker_registry import WorkerReport
from deploy.cli.main import main
from tests.support import jobs
from tests.support.commands import Commands, subcommands

CHANGES: list[tuple[str, str, str]] = [
    ("jobs cancel", "{job} --yes", "job.cancel"),
    ("jobs retry", "{failed} --yes", "job.retry"),
    ("queues pause", jobs.VARIANT, "queue.pause"),
    ("queues resume", jobs.VARIANT, "queue.resume"),
    ("workers drain", "wrk_1", "worker.drain"),
    ("workers undrain", "wrk_1", "worker.undrain"),
    ("tenants create", "new", "key.create"),
    ("tenants credit", "{tenant} 5 --reference a", "tenant.credit"),
    ("tenants suspend", "{tenant}", "tenant.suspend"),
    ("tenants resume", "{tenant}", "tenant.resume"),
    ("tenants tier", "{tenant} standard", "tenant.tier"),
    ("credit", "{tenant} -5 --reference b --reason test", "tenant.credit"),
    ("keys create", "--tenant {tenant}", "key.create"),
    ("keys revoke", "{key}", "key.revoke"),
    ("tiers set", "free --weight 2", "tier.set"),
    ("operators create", "eve", "operator.create"),
    ("tenants export", "{tenant} --out {folder}/export.zip", "tenant.export"),
    ("tenants delete", "{tenant} --yes", "tenant.delete"),
    ("operators revoke", "{operator}", "operator.revoke"),
    ("loras add", "watercolour {file}", "lora.add"),
    ("loras remove", "watercolour", "lora.remove"),
]
READS = {f"{name} list" for name in ("jobs", "queues", "workers", "tenants", "keys", "tiers")} | {
    *("operators list", "loras list", "audit", "doctor"),
    *("catalog list", "catalog show", "catalog check", "catalog plan"),
}
PROCESSES = {
    *("up", "api", "worker", "fleet", "courier", "demo", "migrate", "sign-in-link"),
    *(
        "catalog calibrate",
        "catalog test",
        "bench",
        "bench florence",
        "bench flux",
        "bench reports",
        "bench waiters",
    ),
    "bench surfaces",
    *("weights list", "weights fetch", "weights verify", "weights remove"),
}
"""They start processes, prepare servers, measure, or change files of one machine; what they serve
enters its own changes.

The link of a local stack is in the log, too: tests/acceptance/api/web/test_playground_access.py.
"""


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    """Every command that can be run, by its words."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path.strip()
    for name, each in subcommands(command).items():
        yield from leaves(each, f"{path} {name}")


def test_every_command_is_known_to_change_something_or_not() -> None:
    assert set(leaves(main)) == {name for name, _, _ in CHANGES} | READS | PROCESSES


@pytest.fixture
def values(database: Database, store: LocalStore, tmp_path: Path) -> dict[str, str]:
    """Something of each kind that a command changes."""
    tenant_id = jobs.add_tenant(database)
    failed = jobs.running(database, tenant_id)
    assert jobs.fail(database, failed)
    file = tmp_path / "lora.safetensors"
    safetensors.numpy.save_file({"x.lora_A.weight": zeros((1, 4), "float32")}, file)
    with database.transaction() as session:
        worker_registry.report(
            session, WorkerReport("wrk_1", "here", 1, "cpu", [jobs.VARIANT], "ready")
        )
        for name in ("ann", "bob"):
            operator, _ = api_keys.create(session, tenant_id=None, name=name)
        key, _ = api_keys.create(session, tenant_id=tenant_id, name="theirs")
        return {
            "tenant": tenant_id,
            "job": jobs.submit(database, tenant_id),
            "failed": failed.job_id,
            "key": key.id,
            "operator": operator.id,
            "file": str(file),
            "folder": str(tmp_path),
            "store": str(store._root),
        }


def test_every_command_that_changes_something_is_in_the_log(
    bottega: Commands, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_STORE_DIR", values["store"])
    before = 0
    for name, arguments, action in CHANGES:
        bottega.run(*name.split(), *arguments.format_map(values).split())
        log = bottega.rows("audit", "--limit", "1000")
        assert len(log) > before, name
        assert (log[0]["action"], log[0]["actor"]) == (action, f"cli:{getpass.getuser()}"), name
        before = len(log)
