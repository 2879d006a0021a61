"""Export and deletion of tenants by command: as over HTTP, with the same files and reports."""

import io
import zipfile
from pathlib import Path

import pytest

from api.accounts.export import TenantExport
from db.core.session import Database
from db.storage.local import LocalStore
from tests.support.commands import Commands
from tests.support.jobs import add_tenant, counts, sql
from tests.support.station import Station


@pytest.fixture
def bottega(bottega: Commands, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("BOTTEGA_STORE_DIR", str(store._root))
    return bottega


def opened(data: bytes) -> dict[str, bytes]:
    """The files of an archive that every export of the same moment has."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist()) - {"manifest.json", "audit.jsonl"}
        return {name: archive.read(name) for name in names}


def test_the_command_writes_the_whole_export_for_its_user_alone(
    station: Station, tenant_id: str, tmp_path: Path, bottega: Commands
) -> None:
    station.submit(tenant_id)
    station.run_batch()
    path = tmp_path / "export.zip"
    bottega.run("tenants", "export", tenant_id, "--out", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    expected = b"".join(TenantExport(station, tenant_id).pieces())
    assert opened(path.read_bytes()) == opened(expected)
    assert any(name.startswith("results/") for name in opened(expected))
    assert bottega.rows("audit")[0]["action"] == "tenant.export"
    bottega.run("tenants", "export", "ten_none", "--out", str(tmp_path / "none.zip"), code=1)
    assert [each.name for each in tmp_path.iterdir() if "none" in each.name] == []


def test_a_tenant_is_deleted_after_its_id_was_typed(
    station: Station, database: Database, tenant_id: str, bottega: Commands
) -> None:
    other = add_tenant(database, credit_micros=5)
    station.submit(tenant_id)
    station.run_batch()
    bottega.run("tenants", "delete", tenant_id, answer=f"{other}\n", code=1)
    assert counts(database, "jobs") == [1]
    bottega.run("tenants", "delete", tenant_id, answer=f"{tenant_id}\n")
    assert counts(database, "jobs", "artifacts") == [0, 0]
    assert station.stored_keys() == []
    assert "balance of 5" in bottega.run("tenants", "delete", other, "--yes", code=1)
    [again] = bottega.rows("tenants", "delete", tenant_id, "--yes")
    assert (again["complete"], again["jobs"], again["usage_events_kept"]) == (True, 0, 1)
    assert [row["tenant"] for row in bottega.rows("tenants", "list")] == [other]
    [deleted] = bottega.rows("tenants", "list", "--deleted")
    assert (deleted["tenant"], bool(deleted["deleted_at"])) == (tenant_id, True)
    bottega.run("tenants", "delete", "ten_none", "--yes", code=1)


def test_a_deletion_that_a_backup_has_undone_is_repeated(
    station: Station,
    database: Database,
    owner_database: Database,
    tenant_id: str,
    bottega: Commands,
) -> None:
    bottega.run("tenants", "delete", tenant_id, "--yes")
    restored = "SET name = 'someone', deleted_at = NULL, erased_at = NULL, suspended_at = NULL"
    sql(owner_database, f"UPDATE tenants {restored}")
    station.submit(tenant_id)
    [row] = bottega.rows("tenants", "delete", tenant_id, "--yes")
    assert (row["jobs"], counts(database, "jobs")) == (1, [0])
