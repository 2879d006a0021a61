"""One stack for all acceptance tests but the destructive ones, and a tenant for each test."""

from collections.abc import Iterator

import pytest

from db.tenants import api_keys
from tests.acceptance.stack import Client, Stack

CORS_ORIGIN = "http://localhost:5173"
"""The origin of other pages that may call the stack."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack; at the end it must exit with 0 and leave no process."""
    settings = {"BOTTEGA_CORS_ORIGINS": CORS_ORIGIN}
    running = Stack(tmp_path_factory.mktemp("stack") / "data", settings, tls=True)
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.abandon()


@pytest.fixture
def tenant(stack: Stack) -> Client:
    """A tenant of the test's own, in the standard tier."""
    return stack.tenant()


@pytest.fixture
def viewer_key(stack: Stack) -> str:
    """A key of an operator who may view the dashboard and change nothing."""
    with stack.database.transaction() as session:
        role = api_keys.OperatorRole.VIEWER
        return api_keys.create(session, tenant_id=None, name="viewer", role=role)[1]


@pytest.fixture(scope="module")
def books(stack: Stack) -> Iterator[None]:
    """Assert after a module's tests that the books agree."""
    yield
    assert stack.violations() == []
