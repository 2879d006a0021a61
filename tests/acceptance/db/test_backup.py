"""Backup and restore as in the guide: a dump, restored elsewhere, is the service of that time."""

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, select

from db.core.invariants import violations
from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.tables import Artifact, Job
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
    maker = DatabaseMaker(stack.facts["database_url"])
    with maker.empty() as url:
        _point(operator, stack.facts["database_url"])
        operator.type(dump)
        lost = tenant.await_end(tenant.paint())
        _point(operator, url)
        operator.type(restore)
        upgrade(url)
        database = Database(DatabaseSettings(url=SecretStr(url), pool_size=1))
        with database.transaction() as session:
            assert violations(session) == []
        with database.transaction() as session:
            assert session.get_one(Job, painted["id"]).state == "succeeded"
            assert session.get(Job, lost["id"]) is None
            of_job = select(func.count()).where(Artifact.job_id == painted["id"])
            assert session.scalar(of_job) == 1
        database.close()
    maker.close()


def _point(operator: Reader, url: str) -> None:
    operator.type(f"export DATABASE_URL='{url.replace('+psycopg', '')}'")
