"""Settings of the database, read from the environment."""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """The PostgreSQL server, the pool of connections, and timeouts.

    Attributes:
        url: SQLAlchemy or libpq URL of the database (`DATABASE_URL`).
        pool_size: connections kept per engine in one process.
        pool_timeout_seconds: longest wait for a free connection.
        connect_timeout_seconds: longest wait for a new connection.
        statement_timeout_seconds: the server ends a longer statement.
        lock_timeout_seconds: the server ends a longer wait for a lock.
        idle_timeout_seconds: the server ends a transaction that is idle for longer: a process that
            hangs must not keep its locks.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_DATABASE_", populate_by_name=True)

    url: SecretStr = Field(validation_alias="DATABASE_URL")
    pool_size: PositiveInt = 10
    pool_timeout_seconds: PositiveFloat = 5
    connect_timeout_seconds: PositiveInt = 3
    statement_timeout_seconds: PositiveFloat = 15
    lock_timeout_seconds: PositiveFloat = 5
    idle_timeout_seconds: PositiveFloat = 10
