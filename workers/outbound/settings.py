"""Settings of outgoing requests to URLs that users name."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.networks import IPvAnyNetwork
from pydantic_settings import BaseSettings, SettingsConfigDict


class OutboundSettings(BaseSettings):
    """The operator's additions to the public internet, and exclusions from it.

    Attributes:
        allow: networks that are allowed although they are not public, as
            `BOTTEGA_OUTBOUND_ALLOW='["10.1.2.0/24"]'`. Any user's URL then reaches them.
        deny: networks that are never allowed: for example an operator's own public addresses, or
            a NAT64 prefix of its own. Overrides `allow`.
        allow_http: accepts plain http as well (`BOTTEGA_OUTBOUND_HTTP`).
        ports: allowed ports in a URL, beside the scheme's own. Empty: any.
        ca_file: certificates in PEM, trusted in addition to the system's.
    """

    model_config = SettingsConfigDict(
        env_prefix="BOTTEGA_OUTBOUND_", populate_by_name=True, allow_inf_nan=False
    )

    allow: tuple[IPvAnyNetwork, ...] = ()
    deny: tuple[IPvAnyNetwork, ...] = ()
    allow_http: bool = Field(default=False, validation_alias="BOTTEGA_OUTBOUND_HTTP")
    ports: tuple[Annotated[int, Field(gt=0, lt=65_536)], ...] = (8443,)
    ca_file: Path | None = None
