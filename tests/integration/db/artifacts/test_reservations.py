"""File ids that are given out before their pictures come."""

import pytest

from db.artifacts import reservations, uploads
from db.artifacts.reservations import ReservationUsedError
from db.artifacts.uploads import NewUpload
from db.core.session import Database
from db.storage.keys import input_key
from db.tenants import api_keys
from tests.support.jobs import counts, sql


def add_file(database: Database, tenant_id: str, sha256: str) -> str:
    """Add an uploaded picture; return its id."""
    picture = NewUpload(input_key(tenant_id, sha256), "image/png", 4, 3, 200, sha256)
    with database.transaction() as session:
        return uploads.add(session, tenant_id, picture).id


@pytest.fixture
def key_id(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[0].id


def reserved(database: Database, tenant_id: str, key_id: str) -> str:
    """Reserve a file id."""
    with database.transaction() as session:
        return reservations.reserve(session, tenant_id=tenant_id, api_key_id=key_id)


def fulfil(database: Database, reserved_id: str, file_id: str) -> None:
    with database.transaction() as session:
        reservations.fulfil(session, reserved_id, file_id)


def test_a_reserved_id_becomes_a_name_of_the_file(
    database: Database, tenant_id: str, key_id: str
) -> None:
    file_id = add_file(database, tenant_id, "ab" * 32)
    name = reserved(database, tenant_id, key_id)
    with database.transaction() as session:
        assert uploads.find(session, tenant_id=tenant_id, file_id=name) is None
    fulfil(database, name, file_id)
    fulfil(database, name, file_id)
    with database.transaction() as session:
        found = uploads.find(session, tenant_id=tenant_id, file_id=name)
        assert found is not None
        assert found.id == file_id
        assert uploads.find(session, tenant_id="ten_other", file_id=name) is None
    other = add_file(database, tenant_id, "cd" * 32)
    with pytest.raises(ReservationUsedError):
        fulfil(database, name, other)


def test_a_file_keeps_its_newest_names(
    database: Database, tenant_id: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reservations, "_MAX_NAMES", 2)
    file_id = add_file(database, tenant_id, "ab" * 32)
    names = sorted(reserved(database, tenant_id, key_id) for _ in range(4))
    for name in names:
        fulfil(database, name, file_id)
    kept = sql(database, "SELECT id FROM file_reservations ORDER BY id")
    assert [row[0] for row in kept] == names[-2:]


def test_a_reservation_whose_time_has_passed_opens_nothing(
    database: Database, tenant_id: str, key_id: str
) -> None:
    name = reserved(database, tenant_id, key_id)
    with database.transaction() as session:
        found = reservations.find_open(session, name)
        assert found is not None
        assert (found.tenant_id, found.api_key_id) == (tenant_id, key_id)
    sql(database, "UPDATE file_reservations SET created_at = now() - interval '61 minutes'")
    with database.transaction() as session:
        assert reservations.find_open(session, name) is None
    reserved(database, tenant_id, key_id)
    assert counts(database, "file_reservations") == [1]
