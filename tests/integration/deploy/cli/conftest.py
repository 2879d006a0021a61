"""The environment of the operator's commands: the test's own database and Redis."""

import pytest

from tests.support.commands import Commands
from workers.settings import WorkerSettings


@pytest.fixture
def bottega(
    database_url: str, own_redis_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """The `bottega` command on the test's own servers."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", own_redis_settings.redis_url.get_secret_value())
    return Commands()
