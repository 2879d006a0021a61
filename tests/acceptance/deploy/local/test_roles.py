"""The processes of a local stack: the roles that they run as, and the secrets that they see."""

import json
import stat
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from db.core.privileges import APP_ROLE
from db.core.settings import MIGRATION_URL_VARIABLE
from deploy.local.private_folder import ENTRIES
from tests.acceptance.stack import Client, Stack, run_bottega

pytestmark = pytest.mark.usefixtures("books")

SECRETS_OF = {
    "api": {"DATABASE_URL", "REDIS_URL", "BOTTEGA_URL_SECRET"},
    "worker": {"DATABASE_URL", "REDIS_URL"},
    "courier": {"DATABASE_URL", "REDIS_URL", "BOTTEGA_URL_SECRET"},
}
EVERY_SECRET = {*SECRETS_OF["api"], MIGRATION_URL_VARIABLE}


def environments(stack: Stack) -> dict[str, dict[str, str]]:
    """The environments of the service's own processes."""
    pids = stack.children()
    return {name: psutil.Process(pids[name]).environ() for name in SECRETS_OF}


def test_a_process_sees_the_secrets_that_it_needs_and_no_others(stack: Stack) -> None:
    settings = json.loads((stack.data_dir / "settings.json").read_text())
    others = [settings[MIGRATION_URL_VARIABLE], stack.owner_url, stack.facts["operator_key"]]
    for name, environment in environments(stack).items():
        assert EVERY_SECRET & environment.keys() == SECRETS_OF[name]
        assert make_url(environment["DATABASE_URL"]).username == APP_ROLE
        for secret in others:
            assert (make_url(secret).password if "://" in secret else secret) not in str(
                environment
            )
        if name == "worker":
            assert settings["BOTTEGA_URL_SECRET"] not in str(environment)


def test_the_service_works_with_its_role_and_rewrites_nothing(stack: Stack, tenant: Client) -> None:
    painted = tenant.await_end(tenant.paint())
    assert painted["state"] == "succeeded"
    looked = tenant.await_end(tenant.look(painted["output"]["images"][0]["url"]))
    assert looked["state"] == "succeeded"
    with stack.paused("flux.1-demo"):
        assert tenant.cancel(tenant.paint())["state"] == "canceled"
    done = run_bottega(
        *("--stack", str(stack.data_dir), "tenants", "credit", tenant.tenant_id),
        *("1000", "--reference", f"roles:{tenant.tenant_id}"),
    )
    assert done.returncode == 0, done.stderr
    assert tenant.account()["balance_micros"] == 1000
    for name in SECRETS_OF:
        assert "ProgrammingError" not in stack.log(name), "a privilege is missing"
    with (
        psycopg.connect(stack.facts["database_url"].replace("+psycopg", "")) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute("UPDATE ledger_entries SET amount_micros = 0")


def test_redis_refused_nothing_that_the_processes_need(stack: Stack, tenant: Client) -> None:
    job = tenant.submit("flux.1-demo", {"prompt": "a red circle", "previews": True})
    tenant.await_end(job)
    with tenant.follow(job) as events:
        assert [event.type for event in events][-1] == "done"
    with stack.redis_as_admin() as redis:
        refused = {
            (entry["username"], entry["reason"], entry["object"], entry["context"])
            for entry in redis.acl_log(128)
        }
    # The client's library introduces itself, and does without where it may not; the doctor, which
    # other tests of this stack call, tries what must be refused.
    tried = {"client", "acl", "config"}
    assert {row for row in refused if row[2].partition("|")[0] not in tried} == set()


def test_nothing_below_the_data_folder_is_for_others(stack: Stack, tenant: Client) -> None:
    picture = tenant.await_end(tenant.paint())["output"]["images"][0]["url"]
    tenant.http.post("/v1/files", files={"file": ("a.png", httpx.get(picture).content)})
    files = [stack.data_dir, *stack.data_dir.rglob("*")]
    names = {path.relative_to(stack.data_dir).parts[0] for path in files[1:]}
    assert names >= {"keys.json", "logs", "postgres", "redis", "settings.json", "store"}
    assert names <= ENTRIES, "a name that an upgrade would not close"
    open_to_others = [str(path) for path in files if _modes_of_others(path)]
    assert open_to_others == []
    ready = stack.data_dir.with_name(f"{stack.data_dir.name}.ready.json")
    assert ready.stat().st_mode & 0o777 == 0o600


def _modes_of_others(path: Path) -> int:
    try:
        status = path.lstat()
    except FileNotFoundError:  # a server's own temporary file
        return 0
    return 0 if stat.S_ISLNK(status.st_mode) else status.st_mode & 0o077
