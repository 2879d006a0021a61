"""Settings of the database, read from the environment."""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from db.core.secret_strength import require_filled_in

MIGRATION_URL_VARIABLE = "BOTTEGA_MIGRATION_DATABASE_URL"
"""The variable that only the migration may see."""


class DatabaseSettings(BaseSettings):
    """The PostgreSQL server, the pool of connections, and timeouts.

    Attributes:
        url: SQLAlchemy or libpq URL of the database (`DATABASE_URL`), with the service's role.
        pool_size: connections kept per engine in one process.
        pool_timeout_seconds: longest wait for a free connection.
        connect_timeout_seconds: longest wait for a new connection.
        statement_timeout_seconds: the server ends a longer statement.
        lock_timeout_seconds: the server ends a longer wait for a lock.
        idle_timeout_seconds: the server ends a transaction that is idle for longer: a process that
            hangs must not keep its locks.
    """

    model_config = SettingsConfigDict(
        env_prefix="BOTTEGA_DATABASE_",
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    url: SecretStr = Field(validation_alias="DATABASE_URL")
    pool_size: PositiveInt = 10
    pool_timeout_seconds: PositiveFloat = 5
    connect_timeout_seconds: PositiveInt = 3
    statement_timeout_seconds: PositiveFloat = 15
    lock_timeout_seconds: PositiveFloat = 5
    idle_timeout_seconds: PositiveFloat = 10

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        return _checked(url, "DATABASE_URL")


class MigrationSettings(BaseSettings):
    """The database as the owner of its tables, for migrations alone.

    Attributes:
        database_url: the URL with the owner's role (`BOTTEGA_MIGRATION_DATABASE_URL`); None takes
            `DATABASE_URL`.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_MIGRATION_", hide_input_in_errors=True)

    database_url: SecretStr | None = None

    @field_validator("database_url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        return url and _checked(url, MIGRATION_URL_VARIABLE)


def migration_url() -> str:
    """The database's URL for migrations.

    Raises:
        pydantic.ValidationError: the environment names no database.
    """
    url = MigrationSettings().database_url or DatabaseSettings().url
    return url.get_secret_value()


def _checked(url: SecretStr, variable: str) -> SecretStr:
    try:
        password = make_url(url.get_secret_value()).password
    except (ArgumentError, ValueError) as error:
        # Not the parser's own text, which may quote a password.
        raise ValueError("is no URL of a database: postgresql://USER@HOST/NAME") from error
    require_filled_in(f"the password in {variable}", str(password or ""))
    return url
