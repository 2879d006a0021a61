"""What the API reads from the environment."""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """How the HTTP service behaves.

    Attributes:
        public_url: what clients reach it by, e.g. "https://bottega.example.org"; without it, the
            host that each request names.
        url_secret: signs artifact URLs; the same for every API process.
        artifact_url_seconds: how long a minted URL works; a GET on the job mints a fresh one.
        variants: ids that are offered; empty offers the whole catalogue.
        max_body_bytes: the largest request body.
        max_picture_bytes: the largest picture.
        max_picture_pixels: most pixels of a picture.
        max_lora_bytes: the largest LoRA that a job may bring.
        max_wait_seconds: the longest `wait`.
        playground_key: a tenant's key, with which browsers on this very machine are signed in at
            the playground without being asked; none by default.
        metrics_networks: whoever may read /metrics without the operator's key.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_")

    public_url: str = ""
    url_secret: SecretStr = Field(min_length=16)
    artifact_url_seconds: PositiveInt = 3600
    variants: tuple[str, ...] = ()
    max_body_bytes: PositiveInt = 64_000_000
    max_picture_bytes: PositiveInt = 20_000_000
    max_picture_pixels: PositiveInt = 20_000_000
    max_lora_bytes: PositiveInt = 256 * 2**20
    max_wait_seconds: PositiveFloat = 60
    playground_key: SecretStr = SecretStr("")
    metrics_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
