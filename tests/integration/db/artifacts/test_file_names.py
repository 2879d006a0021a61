"""Names of pictures: their limits, their ends, and ids that come before their pictures."""

import pytest

from db.artifacts import file_names, uploads
from db.artifacts.file_names import NamedFile, NameTakenError, NewName, TooManyNamesError
from db.artifacts.uploads import NewUpload
from db.core.session import Database
from db.storage.keys import input_key
from db.tenants import api_keys
from db.values.surfaces import SurfaceName
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
        return file_names.reserve(
            session, tenant_id=tenant_id, api_key_id=key_id, new=NewName(SurfaceName.FAL)
        )


def fulfil(database: Database, reserved_id: str, file_id: str) -> None:
    with database.transaction() as session:
        file_names.fulfil(session, reserved_id, file_id)


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
    with pytest.raises(NameTakenError):
        fulfil(database, name, other)


def named(database: Database, file_id: str, surface: SurfaceName) -> NamedFile:
    """Give a file another name."""
    with database.transaction() as session:
        file = uploads.find_any(session, file_id)
        assert file is not None
        return file_names.add(session, file, NewName(surface, "a.png", about={"a": 1}))


def test_at_the_limit_names_that_would_expire_go_first(
    database: Database, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_names, "MAX_NAMES", 3)
    file_id = add_file(database, tenant_id, "ab" * 32)
    lasting = [named(database, file_id, SurfaceName.OPENAI).id]
    passing = [named(database, file_id, SurfaceName.REPLICATE).id for _ in range(3)]
    kept = sql(database, "SELECT id FROM file_names ORDER BY id")
    assert [row[0] for row in kept] == [*lasting, *passing[1:]]
    lasting += [named(database, file_id, SurfaceName.OPENAI).id for _ in range(2)]
    with pytest.raises(TooManyNamesError):
        named(database, file_id, SurfaceName.OPENAI)
    with database.transaction() as session:
        listed = file_names.list_names(session, tenant_id, SurfaceName.OPENAI, limit=9)
        assert [each.id for each in listed] == lasting[::-1]


def test_a_name_that_has_expired_names_nothing(database: Database, tenant_id: str) -> None:
    file_id = add_file(database, tenant_id, "ab" * 32)
    first = named(database, file_id, SurfaceName.REPLICATE)
    assert first.expires_at is not None
    assert first.expires_at > first.created_at
    assert named(database, file_id, SurfaceName.OPENAI).expires_at is None
    sql(database, "UPDATE file_names SET expires_at = now() WHERE expires_at IS NOT NULL")
    with database.transaction() as session:
        assert file_names.find(session, tenant_id=tenant_id, name_id=first.id) is None
        assert uploads.find_any(session, first.id) is None
        assert not file_names.list_names(session, tenant_id, SurfaceName.REPLICATE, limit=9)
    named(database, file_id, SurfaceName.OPENAI)
    assert counts(database, "file_names") == [2]


def test_a_reservation_whose_time_has_passed_opens_nothing(
    database: Database, tenant_id: str, key_id: str
) -> None:
    name = reserved(database, tenant_id, key_id)
    with database.transaction() as session:
        found = file_names.find_open(session, name)
        assert found is not None
        assert (found.tenant_id, found.api_key_id) == (tenant_id, key_id)
    sql(database, "UPDATE file_names SET created_at = now() - interval '61 minutes'")
    with database.transaction() as session:
        assert file_names.find_open(session, name) is None
    reserved(database, tenant_id, key_id)
    assert counts(database, "file_names") == [1]
