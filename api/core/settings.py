"""The API's settings, read from the environment."""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Settings of the HTTP service.

    Attributes:
        public_url: the URL by which clients reach it, e.g. "https://bottega.example.org"; when
            empty, the host that each request names.
        url_secret: the key that signs artifact URLs; the same for every API process.
        artifact_url_seconds: lifetime of an artifact's URL; a GET on the job makes a fresh one.
        variants: ids of the offered models; empty offers the whole catalogue.
        max_body_bytes: the largest request body.
        max_picture_bytes: the largest picture.
        max_picture_pixels: the most pixels of a picture.
        max_lora_bytes: the largest LoRA that a job may name by URL.
        max_wait_seconds: the longest `wait` of a long poll.
        max_streams_per_key: the most event streams that one key may have open in a process, those
            of its browser sessions among them.
        max_long_polls_per_key: the most long polls that one key may have open in a process.
        slow_reader_seconds: the longest time that a client of an event stream may not read before
            the stream is ended.
        playground_key: a tenant's key; browsers on the same machine are signed in at the
            playground with it, without a form. None by default.
        metrics_networks: networks whose clients may read /metrics without the operator's key.
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
    max_streams_per_key: PositiveInt = 50
    max_long_polls_per_key: PositiveInt = 50
    slow_reader_seconds: PositiveFloat = 30
    playground_key: SecretStr = SecretStr("")
    metrics_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
