"""A process that hangs in the middle of a transaction loses its locks after a time limit."""

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs.finish import cancel_job
from tests.support.jobs import cancel, state, submit


def test_locks_of_a_process_that_stands_still_are_taken_from_it(
    database: Database, database_url: str, tenant_id: str
) -> None:
    settings = DatabaseSettings(url=SecretStr(database_url), idle_timeout_seconds=2)
    asleep = Database(settings)
    job_id = submit(database, tenant_id)

    def cancel_and_stand_still() -> None:
        with asleep.transaction() as session:
            assert cancel_job(session, tenant_id=None, job_id=job_id)
            assert cancel(database, job_id), "the other is let in"

    with pytest.raises(OperationalError):
        cancel_and_stand_still()
    assert state(database, job_id) == "canceled"
    with asleep.transaction() as session:
        assert cancel_job(session, tenant_id=None, job_id=job_id) is None
    asleep.close()
