"""Commands about keys: their ends, their last uses, and the doctor's word on them."""

from datetime import datetime, timedelta

from db.core.session import Database
from deploy.cli import doctor
from tests.support.commands import Commands
from tests.support.jobs import sql


def lifetime(row: dict[str, str]) -> timedelta:
    """The time between the making of a listed key and its end."""
    created, end = (datetime.fromisoformat(row[name]) for name in ("created_at", "expires_at"))
    return end - created


def test_keys_are_made_with_an_end_and_found_when_unused(
    bottega: Commands, database: Database, tenant_id: str
) -> None:
    make = ("keys", "create", "--tenant", tenant_id)
    [short] = bottega.rows(*make, "--expires-in", "90d")
    [endless] = bottega.rows(*make)
    for wrong in ("90", "1y", "0d", "59s", "4000d", "-1d", ""):
        assert "Error" in bottega.run(*make, f"--expires-in={wrong}", code=2), wrong
    rows = {row["key_id"]: row for row in bottega.rows("keys", "list")}
    assert lifetime(rows[short["key_id"]]) == timedelta(days=90)
    assert rows[endless["key_id"]]["expires_at"] == rows[endless["key_id"]]["last_used_at"] == ""
    assert bottega.rows("keys", "list", "--unused-for", "90d") == []
    sql(
        database,
        "UPDATE api_keys SET created_at = now() - interval '91 d' WHERE id = :id",
        id=endless["key_id"],
    )
    [unused] = bottega.rows("keys", "list", "--unused-for", "90d")
    assert unused["key_id"] == endless["key_id"]
    bottega.rows("operators", "create", "ann", "--expires-in", "12h")
    [ann] = bottega.rows("operators", "list")
    assert lifetime(ann) == timedelta(hours=12)


def test_the_doctor_tells_when_the_last_operators_key_expires(
    bottega: Commands, database: Database
) -> None:
    def verdict() -> doctor.CheckResult:
        environment = doctor.Environment(database, None, None)  # type: ignore[arg-type]
        return doctor._run("keys", lambda: doctor._keys(environment))

    assert (verdict().ok, verdict().detail) == (True, "none expires within a week")
    bottega.run("operators", "create", "ann", "--expires-in", "6d")
    found = verdict()
    assert found.ok is False
    assert "bottega operators create" in found.detail
    bottega.run("operators", "create", "bo", "--expires-in", "90d")
    assert (verdict().ok, "1 of operators" in verdict().detail) == (True, True)
