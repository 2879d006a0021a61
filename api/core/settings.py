"""The API's settings, read from the environment."""

import json
import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from db.core.secret_strength import require_strong

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


class ApiSettings(BaseSettings):
    """Settings of the HTTP service.

    Attributes:
        public_url: the URL by which clients reach it, e.g. "https://bottega.example.org"; when
            empty, the host that each request names.
        hosts: further hosts by which clients may reach it, beside that of the public URL and this
            machine's own; a request that names another one is refused.
        url_secret: the key that signs artifact URLs; the same for every API process. One that can
            be guessed is refused.
        artifact_url_seconds: lifetime of an artifact's URL; a GET on the job makes a fresh one.
        variants: ids of the offered models; empty offers the whole catalogue.
        max_body_bytes: the largest request body.
        max_json_bytes: the most JSON of a request, without the pictures in it (data URIs).
        max_held_body_bytes: request bodies that one process holds in memory at one moment, of
            which one key may hold half. A picture in JSON takes about three times its size while
            it is parsed.
        wrong_keys_per_minute: wrong API keys of one address that are answered with 401; further
            ones are answered with 429.
        anonymous_calls_per_minute: calls without a key (models, health, documentation) of one
            address; /livez is not limited.
        max_picture_bytes: the largest picture.
        max_picture_pixels: the most pixels of a picture.
        max_decoding_pixels: the most pixels that are decoded at one moment, of which one tenant
            has at most half; in memory, each takes 4 bytes. A picture beyond it waits up to 5
            seconds. A pixel counts 3 times in a progressive JPEG and 4 times in a WebP.
        max_lora_bytes: the largest LoRA that a job may name by URL; it passes through the folder
            for temporary files (`TMPDIR`), four at one moment.
        vendor_daily_limit_micros: the most that hosted models may cost the operator at their vendor
            in a day (UTC), in micro-USD: 100 USD by default; 0 for no limit.
        result_keep_seconds: the couriers' setting of the same name: the longest `keep_seconds` of a
            job whose tier has no time of its own.
        max_wait_seconds: the longest `wait` of a long poll.
        sync_seconds: the longest time that a synchronous call of a compatible API waits for its
            job; a local job is canceled then.
        max_streams_per_key: the most event streams that one key may have open in a process, those
            of its browser sessions among them.
        max_long_polls_per_key: the most long polls that one key may have open in a process.
        slow_reader_seconds: the longest time that a client of an event stream may not read before
            the stream is ended.
        trusted_proxies: networks of the proxies before it, whose `X-Forwarded-For` and
            `X-Forwarded-Proto` are believed, e.g. `["10.0.0.0/8"]`. Of any other peer they are
            ignored; none by default.
        cors_origins: the origins whose pages may call the service from a browser (CORS), e.g.
            "https://app.example.org", several with commas between them; "*" for all, none by
            default. The pages of the service itself are open to no other origin, and signed links
            to files always to all.
    """

    model_config = SettingsConfigDict(
        env_prefix="BOTTEGA_", allow_inf_nan=False, hide_input_in_errors=True
    )

    public_url: str = ""
    hosts: tuple[str, ...] = ()
    url_secret: SecretStr
    artifact_url_seconds: PositiveInt = 3600
    variants: tuple[str, ...] = ()
    max_body_bytes: PositiveInt = 64_000_000
    max_json_bytes: PositiveInt = 1_000_000
    max_held_body_bytes: PositiveInt = 200_000_000
    wrong_keys_per_minute: PositiveInt = 60
    anonymous_calls_per_minute: PositiveInt = 600
    max_picture_bytes: PositiveInt = 20_000_000
    max_picture_pixels: PositiveInt = 20_000_000
    max_decoding_pixels: PositiveInt = 60_000_000
    max_lora_bytes: PositiveInt = 2 * 2**30
    vendor_daily_limit_micros: NonNegativeInt = 100_000_000
    result_keep_seconds: PositiveFloat = 30 * 24 * 3600
    max_wait_seconds: PositiveFloat = 60
    sync_seconds: PositiveFloat = 900
    max_streams_per_key: PositiveInt = 50
    max_long_polls_per_key: PositiveInt = 50
    slow_reader_seconds: PositiveFloat = 30
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("url_secret")
    @classmethod
    def _check_url_secret(cls, secret: SecretStr) -> SecretStr:
        require_strong("BOTTEGA_URL_SECRET", secret.get_secret_value())
        return secret

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _read_cors_origins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parts = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        except ValueError:
            parts = [value]
        return tuple(str(part).strip() for part in parts if part)

    @field_validator("cors_origins")
    @classmethod
    def _check_cors_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin if origin == "*" else _origin(origin) for origin in origins)


def _origin(text: str) -> str:
    """An origin as browsers spell it: in lower case, without the port that its scheme has anyway.

    Raises:
        ValueError: it is none.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if not (parts.scheme and parts.scheme != "file" and _HOST.fullmatch(host) and is_bare):
        message = (
            f"BOTTEGA_CORS_ORIGINS: {text!r} is no origin; write a scheme and a host, without a "
            "path, such as https://app.example.org, or * for all"
        )
        raise ValueError(message)
    named = f"[{host}]" if ":" in host else host
    is_usual = port is None or port == _PORTS.get(parts.scheme)
    return f"{parts.scheme}://{named}" + ("" if is_usual else f":{port}")
