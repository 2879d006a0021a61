"""The API's settings, read from the environment."""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Settings of the HTTP service.

    Attributes:
        public_url: the URL by which clients reach it, e.g. "https://bottega.example.org"; when
            empty, the host that each request names.
        hosts: further hosts by which clients may reach it, beside that of the public URL and this
            machine's own; a request that names another one is refused.
        url_secret: the key that signs artifact URLs; the same for every API process.
        artifact_url_seconds: lifetime of an artifact's URL; a GET on the job makes a fresh one.
        variants: ids of the offered models; empty offers the whole catalogue.
        max_body_bytes: the largest request body.
        max_picture_bytes: the largest picture.
        max_picture_pixels: the most pixels of a picture.
        max_lora_bytes: the largest LoRA that a job may name by URL.
        max_wait_seconds: the longest `wait` of a long poll.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", allow_inf_nan=False)

    public_url: str = ""
    hosts: tuple[str, ...] = ()
    url_secret: SecretStr = Field(min_length=16)
    artifact_url_seconds: PositiveInt = 3600
    variants: tuple[str, ...] = ()
    max_body_bytes: PositiveInt = 64_000_000
    max_picture_bytes: PositiveInt = 20_000_000
    max_picture_pixels: PositiveInt = 20_000_000
    max_lora_bytes: PositiveInt = 256 * 2**20
    max_wait_seconds: PositiveFloat = 60
