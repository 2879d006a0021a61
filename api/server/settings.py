"""Limits of the server's connections, read from the environment."""

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServerSettings(BaseSettings):
    """Settings of the HTTP server of one API process.

    Attributes:
        max_connections: connections at one moment; less where the process may open fewer files.
            Further ones take the place of the longest silent one, or else get 503.
        max_connections_per_address: the same for one client's address (IPv6: its /64), with 429;
            the networks of `BOTTEGA_TRUSTED_PROXIES` are excepted.
        max_header_bytes: the largest header of a request.
        header_seconds: the longest time in which a request's header arrives.
        body_seconds: the time in which a body arrives, besides that for its bytes.
        min_body_bytes_per_second: the least rate of a body.
        keep_alive_seconds: the longest pause between two requests of a connection.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_")

    max_connections: PositiveInt = 4096
    max_connections_per_address: PositiveInt = 1024
    max_header_bytes: PositiveInt = 32_768
    header_seconds: PositiveFloat = 10
    body_seconds: PositiveFloat = 30
    min_body_bytes_per_second: PositiveInt = 10_000
    keep_alive_seconds: PositiveInt = 15
