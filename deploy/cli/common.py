"""The parts that the operator's commands share: the actor, a transaction, options, tables."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.orm import Session

from api.core.domain_errors import NotFoundError
from db.core.base import Base
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.operators.audit import Actor
from db.tenants import api_keys, tenants
from db.values.blank import is_blank
from deploy.process.actor import command_actor

_NAME_LENGTH = 100

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class Duration(click.ParamType[timedelta]):
    """A time such as 90d: a whole number of seconds, minutes, hours, days or weeks.

    Args:
        shortest: the shortest one, in seconds.
        longest: the longest one, in seconds.
    """

    name = "duration"

    def __init__(self, shortest: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The form of a value, for the help."""
        del param, ctx
        return "90d|12h|…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The duration that a text names."""
        parts = re.fullmatch(r"([0-9]{1,12})([smhdw])", str(value).strip())
        if parts is None:
            self.fail(f"{value!r} is no time: use 90d, 12h, 30m, 600s or 2w.", param, ctx)
        seconds = int(parts[1]) * _UNITS[parts[2]]
        if not self._shortest <= seconds <= self._longest:
            self.fail(
                f"{value} is out of range: use {self._shortest}s to {self._longest // 86_400}d.",
                param,
                ctx,
            )
        return timedelta(seconds=seconds)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
"""For commands that print rows."""

expires_in_option = click.option(
    "--expires-in",
    type=Duration(api_keys.MIN_LIFETIME_SECONDS, api_keys.MAX_LIFETIME_SECONDS),
    help="Refuse the key after this time; by default it has no end.",
)
"""For commands that make a key."""

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Print at most this many rows.",
)
"""For commands that list rows of a table that grows."""


def check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Callback of a parameter that names something, with the limits of the HTTP API."""
    if is_blank(value):
        raise click.BadParameter("use at least one character that can be seen")
    return check_label(_context, _parameter, value)


def check_label(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Callback of a parameter that names something and may be empty."""
    if len(value) > _NAME_LENGTH:
        raise click.BadParameter(f"use at most {_NAME_LENGTH} characters")
    if "\0" in value or not _is_unicode(value):
        raise click.BadParameter("use Unicode text without NUL characters")
    return "" if is_blank(value) else value


def _is_unicode(text: str) -> bool:
    # Bytes of the command line that are no UTF-8 arrive as halves of surrogate pairs.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class DatabaseServices:
    """The services of commands that need the database alone."""

    database: Database


@contextmanager
def open_database() -> Iterator[DatabaseServices]:
    """The database that the environment names."""
    database = Database(DatabaseSettings(pool_size=1))
    try:
        yield DatabaseServices(database)
    finally:
        database.close()


@contextmanager
def transaction() -> Iterator[Session]:
    """A durable transaction on the database that the environment names."""
    with open_database() as services, services.database.transaction() as session:
        yield session


def actor() -> Actor:
    """The user who runs the command, as the audit log names them: `cli:USER`."""
    return command_actor()


def require_tenant(session: Session, tenant_id: str) -> None:
    """End the command with a sentence when there is no such tenant."""
    if tenants.account(session, tenant_id) is None:
        raise click.ClickException(f"there is no tenant {tenant_id}")


@contextmanager
def errors_about(target: str, *explained: type[Exception]) -> Iterator[None]:
    """End the command with a sentence that names the target, when a use case refuses it.

    Args:
        target: the id that the user typed.
        explained: errors beside `NotFoundError` whose text is a sentence for the user.
    """
    expected: tuple[type[Exception], ...] = (NotFoundError, *explained)
    try:
        yield
    except expected as error:
        raise click.ClickException(f"{target}: {error}") from error


def seconds_of(duration: timedelta | None) -> float | None:
    """The seconds of an option that may be left out."""
    return None if duration is None else duration.total_seconds()


def row_values(row: Base, names: Sequence[str]) -> dict[str, Any]:
    """Columns of a row by name; an absent value is empty text."""
    values = {name: getattr(row, name) for name in names}
    return {name: "" if value is None else value for name, value in values.items()}


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        click.echo("none")
        return
    table = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
