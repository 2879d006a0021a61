"""One-time links that sign a browser in at the local stack's playground, without a key."""

import json
from pathlib import Path

from pydantic import SecretStr

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.operators.actions import create_sign_in_link
from deploy.local.credentials import KEYS_FILE, SETTINGS_FILE, Credentials, read_credentials
from deploy.local.servers.secret_file import write_private
from deploy.process.actor import command_actor

LINK_SECONDS = 15 * 60
"""The lifetime of a link; it works once."""

_ADDRESS_FILE = "address"


class NoStackError(Exception):
    """No stack was started in this data folder."""


def write_address(data_dir: Path, url: str) -> None:
    """Note where the stack of a data folder answers, for commands in other terminals."""
    write_private(data_dir / _ADDRESS_FILE, url)


def sign_in_link(database: Database, credentials: Credentials, url: str) -> str:
    """A link for the stack's own tenant."""
    with database.transaction() as session:
        token = create_sign_in_link(
            session, command_actor(), credentials.api_key_id, seconds=LINK_SECONDS
        )
    return f"{url}/playground/sign-in?link={token}"


def sign_in_link_of(data_dir: Path) -> str:
    """A link for the stack that runs in a data folder.

    Raises:
        NoStackError: no stack was started in it.
    """
    credentials = read_credentials(data_dir / KEYS_FILE)
    try:
        url = (data_dir / _ADDRESS_FILE).read_text()
        settings = json.loads((data_dir / SETTINGS_FILE).read_text())
    except OSError:
        credentials = None
    if credentials is None:
        raise NoStackError(f"no stack was started in {data_dir}: run `bottega up` first")
    database_url = SecretStr(settings["DATABASE_URL"])
    database = Database(DatabaseSettings(url=database_url, pool_size=1))
    try:
        return sign_in_link(database, credentials, url)
    finally:
        database.close()
