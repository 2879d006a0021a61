"""Settings of the processes that run models, and of those that notify them."""

import os
from pathlib import Path

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.connection import parse_url

from db.core.secret_strength import require_filled_in

_WEIGHTS_PREFIX = "BOTTEGA_WEIGHTS_"


class MemorySettings(BaseSettings):
    """The memory that models may take, for commands that plan without Redis.

    Attributes:
        device_memory_bytes: device memory that models may take together; 0 is all that is free
            when the worker starts. On the CPU it stands for a card of that size.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", hide_input_in_errors=True)

    device_memory_bytes: NonNegativeInt = 0


class WorkerSettings(MemorySettings):
    """Settings of Redis, workers and couriers.

    Attributes:
        redis_url: the Redis for tickets and events (`REDIS_URL`).
        redis_timeout_seconds: longest wait for a response of a hung Redis.
        lease_seconds: time after which a silent worker loses its jobs.
        heartbeat_seconds: interval at which leases are renewed and progress is written.
        hang_seconds: time that a job may exceed its deadline on the device before the process is
            ended.
        load_stall_seconds: time that the load of a model may go without any progress, neither in
            bytes nor in memory, before the process is ended; 0 is no limit.
        grace_seconds: time for running jobs after SIGTERM, before they are returned to the queue.
        patience_seconds: time for retries against an unavailable store or database, before the
            attempt fails.
        input_seconds: time for fetching and decoding the input pictures of a job, before it fails.
        max_decoding_pixels: the most pixels that are decoded at one moment, of which one tenant
            has at most half; in memory, each takes 4 bytes.
        turn_seconds: time that one ticket is handled with batch after batch, before the worker's
            other queues are served.
        concurrency: jobs in flight: one on the device, one fetching, one storing. If it is not
            set, a worker of hosted models claims as many as they allow.
        result_keep_seconds: retention of artifacts, and of inputs after their last use; inputs
            are kept for a day at least.
        job_keep_seconds: retention of the rows of a finished job, after its results are deleted.
        canceled_keep_seconds: retention of the rows of a canceled or expired job; what was
            charged for it stays.
        canceled_keep_count: number of canceled and expired jobs whose rows a tenant keeps; older
            ones are deleted earlier, an hour after they ended.
        retention_seconds: interval at which expired results and old rows are deleted.
        sweep_seconds: interval at which the sweeper looks for lost jobs.
        webhook_timeout_seconds: longest time that a receiver of webhooks may take.
        webhook_concurrency: webhooks in flight from one courier.
        metrics_port: port on which a worker or a courier serves Prometheus metrics; 0 for none.
        metrics_host: address on which it serves them.
        alive_file: liveness file, touched regularly by a working worker or courier, for the
            supervisor that restarts hung processes; None for none.
        stay_seconds: time that a model in use stays loaded before another one replaces it.
        idle_seconds: time without a job after which a model gives its memory back, where its row
            does not say it; 0 is never.
        torch_threads: CPU threads of one model call; 0 is torch's default.
        cache_dir: folder of compiled kernels; None is torch's own.
    """

    model_config = SettingsConfigDict(
        env_prefix="BOTTEGA_",
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    redis_timeout_seconds: PositiveFloat = 2
    lease_seconds: PositiveFloat = 30
    heartbeat_seconds: PositiveFloat = 0.25
    hang_seconds: PositiveFloat = 30
    load_stall_seconds: NonNegativeFloat = 1800
    grace_seconds: PositiveFloat = 120
    patience_seconds: PositiveFloat = 30
    input_seconds: PositiveFloat = 60
    max_decoding_pixels: PositiveInt = 60_000_000
    turn_seconds: PositiveFloat = 1
    concurrency: PositiveInt = 3
    result_keep_seconds: PositiveFloat = 30 * 24 * 3600
    job_keep_seconds: PositiveFloat = 365 * 24 * 3600
    canceled_keep_seconds: PositiveFloat = 7 * 24 * 3600
    canceled_keep_count: PositiveInt = 10_000
    retention_seconds: PositiveFloat = 60
    sweep_seconds: PositiveFloat = 2
    webhook_timeout_seconds: PositiveFloat = 15
    webhook_concurrency: PositiveInt = 32
    metrics_port: NonNegativeInt = 0
    metrics_host: str = "127.0.0.1"
    alive_file: Path | None = None
    stay_seconds: NonNegativeFloat = 60
    idle_seconds: NonNegativeFloat = 0
    torch_threads: NonNegativeInt = 0
    cache_dir: Path | None = None

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr) -> SecretStr:
        try:
            parts = parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]
        except ValueError as error:
            # Not the parser's own text, which may quote a password.
            raise ValueError("is no URL of a Redis server: redis://HOST:PORT") from error
        require_filled_in("the password in REDIS_URL", parts.get("password") or "")
        return url


def weights_overrides() -> dict[str, str]:
    """Local folders of weights from the environment, by variable: `BOTTEGA_WEIGHTS_FLUX_1_DEV`."""
    return {name: value for name, value in os.environ.items() if name.startswith(_WEIGHTS_PREFIX)}
