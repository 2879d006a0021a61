"""One stack for all acceptance tests but the destructive ones, and a tenant for each test."""

from collections.abc import Iterator

import pytest

from db.tenants import api_keys
from tests.acceptance.stack import Client, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that runs; stopped at the end, it exits with 0 and leaves nothing behind."""
    running = Stack(tmp_path_factory.mktemp("stack") / "data")
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
    """A key that looks at the dashboard and changes nothing."""
    with stack.database.transaction() as session:
        role = api_keys.OperatorRole.VIEWER
        return api_keys.create(session, tenant_id=None, name="viewer", role=role)[1]


@pytest.fixture(scope="module")
def books(stack: Stack) -> Iterator[None]:
    """Whatever a module's tests did, the books agree afterwards."""
    yield
    assert stack.violations() == []
