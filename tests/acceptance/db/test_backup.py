"""Backup and restore as in the guide: a dump, restored elsewhere, is the service of that time."""

import json
from pathlib import Path

import psycopg
from pydantic import SecretStr
from sqlalchemy import func, make_url, select

from db.core.invariants import violations
from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import MIGRATION_URL_VARIABLE, DatabaseSettings
from db.tables import Artifact, Job
from deploy.local.servers.postgres import ROLES_FILE
from deploy.local.servers.postgres_binaries import postgres_programs
from tests.acceptance.stack import ROOT, Client, Stack
from tests.support.databases import DatabaseMaker
from tests.support.guides import Reader, steps_of


def test_a_dump_holds_every_job_and_books_that_agree(
    stack: Stack, tenant: Client, tmp_path: Path
) -> None:
    dump, restore = (
        step.command
        for step in steps_of(ROOT / "deploy" / "README.md")
        if step.command.startswith(("pg_dump ", "pg_restore "))
    )
    painted = tenant.await_end(tenant.paint())
    operator = Reader(tmp_path, {}, {})
    operator.type(f"export PATH={postgres_programs(None)}:$PATH")
    maker = DatabaseMaker(stack.owner_url)
    with maker.empty() as url:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(ROLES_FILE.read_bytes())
        _point(operator, "DATABASE_URL", stack.facts["database_url"])
        operator.type(dump)
        lost = tenant.await_end(tenant.paint())
        owner_url, app_url = (_elsewhere(role, url) for role in _role_urls(stack))
        _point(operator, MIGRATION_URL_VARIABLE, owner_url)
        operator.type(restore)
        upgrade(owner_url)
        database = Database(DatabaseSettings(url=SecretStr(app_url), pool_size=1))
        with database.transaction() as session:
            assert violations(session) == []
        with database.transaction() as session:
            assert session.get_one(Job, painted["id"]).state == "succeeded"
            assert session.get(Job, lost["id"]) is None
            of_job = select(func.count()).where(Artifact.job_id == painted["id"])
            assert session.scalar(of_job) == 1
        database.close()
    maker.close()


def _role_urls(stack: Stack) -> tuple[str, str]:
    """The URLs of the stack's database with the owner's role and with the service's."""
    settings = json.loads((stack.data_dir / "settings.json").read_text())
    return settings[MIGRATION_URL_VARIABLE], settings["DATABASE_URL"]


def _elsewhere(role_url: str, url: str) -> str:
    """The URL of a database with the role of another URL."""
    name = make_url(url).database
    return make_url(role_url).set(database=name).render_as_string(hide_password=False)


def _point(operator: Reader, variable: str, url: str) -> None:
    operator.type(f"export {variable}='{url.replace('+psycopg', '')}'")
