"""The upstream that hosted models are forwarded to, and the operator's key there."""

from pydantic import Field, PositiveFloat, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.core.plain_words import message_of
from workers.outbound import BadUrlError
from workers.outbound.urls import parse


class HostedSetupError(Exception):
    """The settings of the upstream are missing or wrong; the message says what to set."""


class HostedSettings(BaseSettings):
    """The upstream, which speaks the vendor's API.

    Attributes:
        url: its address up to the path of the API, without `/v1`. Any address is allowed, also in
            a private network.
        key: the operator's key.
        patience_seconds: how long requests to an unavailable or busy upstream are retried before
            the attempt fails.
    """

    model_config = SettingsConfigDict(
        env_prefix="BOTTEGA_RELAY_", hide_input_in_errors=True, allow_inf_nan=False
    )

    url: str
    key: SecretStr = Field(min_length=1)
    patience_seconds: PositiveFloat = 60

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        try:
            parse(url, allow_http=True)
        except BadUrlError as error:
            raise ValueError(str(error)) from None
        return url.rstrip("/")

    @field_validator("key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        plain = key.get_secret_value()
        if not (plain.isascii() and plain.isprintable()):
            raise ValueError("holds characters that no header takes")
        return key


def read_hosted_settings() -> HostedSettings:
    """Read the settings from the environment.

    Raises:
        HostedSetupError: they are missing or wrong.
    """
    try:
        return HostedSettings()
    except ValidationError as error:
        faults = "; ".join(
            f"BOTTEGA_RELAY_{str(e['loc'][0]).upper()}: {message_of(e)}" for e in error.errors()
        )
        raise HostedSetupError(
            "a hosted model needs BOTTEGA_RELAY_URL, the address of an upstream that speaks the "
            f"vendor's API, and BOTTEGA_RELAY_KEY, your key there ({faults})"
        ) from None
