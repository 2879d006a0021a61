"""The API's settings, read from the environment."""

from pydantic import PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.core.secret_strength import require_strong


class ApiSettings(BaseSettings):
    """Settings of the HTTP service.

    Attributes:
        public_url: the URL by which clients reach it, e.g. "https://bottega.example.org"; when
            empty, the host that each request names.
        url_secret: the key that signs artifact URLs; the same for every API process. One that can
            be guessed is refused.
        artifact_url_seconds: lifetime of an artifact's URL; a GET on the job makes a fresh one.
        variants: ids of the offered models; empty offers the whole catalogue.
        max_body_bytes: the largest request body.
        max_picture_bytes: the largest picture.
        max_picture_pixels: the most pixels of a picture.
        max_lora_bytes: the largest LoRA that a job may name by URL.
        max_wait_seconds: the longest `wait` of a long poll.
        playground_key: a tenant's key; browsers on the same machine are signed in at the
            playground with it, without a form. None by default.
        metrics_networks: networks whose clients may read /metrics without the operator's key.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", hide_input_in_errors=True)

    public_url: str = ""
    url_secret: SecretStr
    artifact_url_seconds: PositiveInt = 3600
    variants: tuple[str, ...] = ()
    max_body_bytes: PositiveInt = 64_000_000
    max_picture_bytes: PositiveInt = 20_000_000
    max_picture_pixels: PositiveInt = 20_000_000
    max_lora_bytes: PositiveInt = 256 * 2**20
    max_wait_seconds: PositiveFloat = 60
    playground_key: SecretStr = SecretStr("")
    metrics_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")

    @field_validator("url_secret")
    @classmethod
    def _check_url_secret(cls, secret: SecretStr) -> SecretStr:
        require_strong("BOTTEGA_URL_SECRET", secret.get_secret_value())
        return secret
