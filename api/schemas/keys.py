"""The JSON of API keys, without their secrets."""

from datetime import datetime

from pydantic import BaseModel, Field

from db.operators.keys import prefix
from db.tables import ApiKey

KEY = {
    "id": "key_01jd8w7n4tq0c3v5x9y2z6k8m1",
    "prefix": "bt_01jd8w7n4tq0c3v5x9y2z6k8m1",
    "name": "first",
    "created_at": "2026-11-23T12:00:00Z",
    "expires_at": None,
    "last_used_at": "2026-11-23T12:05:00Z",
    "revoked_at": None,
}


class KeyView(BaseModel):
    """A key without its secret; `prefix` is its first part."""

    id: str
    prefix: str
    name: str
    created_at: datetime
    expires_at: datetime | None = Field(description="From then on it is refused; null means never")
    last_used_at: datetime | None = Field(description="Accurate to some minutes")
    revoked_at: datetime | None


class KeyList(BaseModel):
    """A tenant's keys, oldest first."""

    keys: list[KeyView]


def key_view(row: ApiKey) -> KeyView:
    """A key as lists show it."""
    return KeyView(
        id=row.id,
        prefix=prefix(row.id),
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
