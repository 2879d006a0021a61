"""Where the service may send requests on a user's word."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.networks import IPvAnyNetwork
from pydantic_settings import BaseSettings, SettingsConfigDict


class OutboundSettings(BaseSettings):
    """What the operator allows beyond, and refuses within, the public internet.

    Attributes:
        allow: networks that are reached although they are not public, as
            `BOTTEGA_OUTBOUND_ALLOW='["10.1.2.0/24"]'`. Any user's URL then reaches them.
        deny: networks that are never reached, allowed or not: an operator's own public addresses,
            say, or a NAT64 prefix of its own.
        allow_http: plain http is taken too (`BOTTEGA_OUTBOUND_HTTP`).
        ports: those that a URL may name; a scheme's own port needs no mention. Empty: any.
        ca_file: certificates in PEM, trusted beside the system's.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_OUTBOUND_", populate_by_name=True)

    allow: tuple[IPvAnyNetwork, ...] = ()
    deny: tuple[IPvAnyNetwork, ...] = ()
    allow_http: bool = Field(default=False, validation_alias="BOTTEGA_OUTBOUND_HTTP")
    ports: tuple[Annotated[int, Field(gt=0, lt=65_536)], ...] = (8443,)
    ca_file: Path | None = None
