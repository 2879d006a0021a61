"""What the processes that run models, and those that ring for them, read from the environment."""

import os
from pathlib import Path

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_WEIGHTS_PREFIX = "BOTTEGA_WEIGHTS_"


class WorkerSettings(BaseSettings):
    """Redis, and how a worker behaves.

    Attributes:
        redis_url: where tickets and events go (`REDIS_URL`).
        redis_timeout_seconds: longest wait for an answer of a hung Redis.
        lease_seconds: how long a silent worker keeps its jobs.
        heartbeat_seconds: how often leases are renewed and progress is written.
        hang_seconds: how long past its deadline a job may be on the device before the process is
            ended.
        grace_seconds: how long jobs in hand may take after SIGTERM, before they are handed back.
        patience_seconds: how long a store or a database that is away is asked again, before the
            attempt is given up.
        turn_seconds: how long one ticket is answered with batch after batch, before the worker's
            other queues have their turn.
        concurrency: jobs in flight: one on the device, one fetching, one storing. Unless it is
            set, a worker of hosted models takes as many as they allow.
        result_keep_seconds: how long artifacts are kept, and inputs after their last use, these
            for a day at least.
        job_keep_seconds: how long the rows of a job that is over are kept, its results being gone.
        retention_seconds: how often expired results and old rows are removed.
        sweep_seconds: how often maintenance looks for what was lost.
        webhook_timeout_seconds: longest time that a receiver of webhooks may take.
        webhook_concurrency: webhooks in flight from one courier.
        metrics_port: where a worker or a courier answers Prometheus; 0 does not.
        metrics_host: the address that it answers there on.
        alive_file: touched while a worker or a courier does its rounds, for whoever restarts what
            stands still; None touches nothing.
        device_memory_bytes: device memory that models may take together; 0 is nine tenths of a
            GPU's, and no limit on the CPU.
        stay_seconds: how long a model that is in use stays before another takes its place.
        torch_threads: CPU threads of one model call; 0 leaves it to torch.
        cache_dir: where compiled kernels are kept; None is torch's own folder.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", populate_by_name=True)

    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    redis_timeout_seconds: PositiveFloat = 2
    lease_seconds: PositiveFloat = 30
    heartbeat_seconds: PositiveFloat = 1
    hang_seconds: PositiveFloat = 30
    grace_seconds: PositiveFloat = 120
    patience_seconds: PositiveFloat = 30
    turn_seconds: PositiveFloat = 1
    concurrency: PositiveInt = 3
    result_keep_seconds: PositiveFloat = 30 * 24 * 3600
    job_keep_seconds: PositiveFloat = 365 * 24 * 3600
    retention_seconds: PositiveFloat = 60
    sweep_seconds: PositiveFloat = 2
    webhook_timeout_seconds: PositiveFloat = 15
    webhook_concurrency: PositiveInt = 32
    metrics_port: NonNegativeInt = 0
    metrics_host: str = "127.0.0.1"
    alive_file: Path | None = None
    device_memory_bytes: NonNegativeInt = 0
    stay_seconds: NonNegativeFloat = 60
    torch_threads: NonNegativeInt = 0
    cache_dir: Path | None = None


def weights_overrides() -> dict[str, str]:
    """The local folders that the environment names, by variable: `BOTTEGA_WEIGHTS_FLUX_1_DEV`."""
    return {name: value for name, value in os.environ.items() if name.startswith(_WEIGHTS_PREFIX)}
