"""The base of every table: metadata with stable constraint names, column types, identifiers."""

import secrets
import time
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_ID_DIGITS = 26
_LAST_MILLISECOND = 2**50 - 1


class Base(DeclarativeBase):
    """Declarative base; constraint names are fixed so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


def new_id(prefix: str) -> str:
    """A fresh identifier such as `job_01jd…`: milliseconds, then 80 random bits, in base 32.

    Ids of one prefix sort by the time of their creation (to the millisecond), as ULIDs do.
    """
    milliseconds = time.time_ns() // 1_000_000
    return _format_id(prefix, milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))


def first_id(prefix: str, unix_seconds: float) -> str:
    """The smallest id of a prefix at that time: every id made then or later sorts after it."""
    milliseconds = min(max(0, int(unix_seconds * 1000)), _LAST_MILLISECOND)
    return _format_id(prefix, milliseconds << _RANDOM_BITS)


def _format_id(prefix: str, number: int) -> str:
    digits = [_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_ID_DIGITS))]
    return f"{prefix}_{''.join(digits)}"
