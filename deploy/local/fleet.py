"""One pinned worker process per device, as a TOML file lists them.

    [[workers]]
    device = "cuda:0"
    variants = ["flux.1-schnell"]

    [[workers]]
    device = "cuda:1"
    variants = ["florence-2-large-ft", "florence-2-base"]

`DATABASE_URL`, `REDIS_URL` and the store's settings come from the environment.
"""

import os
import tomllib
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError, field_validator

from deploy.local.processes import WorkerProgram, worker_program
from deploy.local.stop_times import STORING_SECONDS, grace_seconds
from workers import catalog

_GRACE = "BOTTEGA_GRACE_SECONDS"


class FleetFileError(Exception):
    """The fleet file cannot be used; the message says where and why."""


class FleetWorker(BaseModel, extra="forbid"):
    """One worker: a device, the variants that it serves, and the port for Prometheus."""

    device: str = Field(pattern=r"^(cpu|cuda:\d+)$")
    variants: list[str] = Field(min_length=1)
    metrics_port: int | None = Field(default=None, gt=0, lt=65_536)

    @field_validator("variants")
    @classmethod
    def _are_known(cls, variants: list[str]) -> list[str]:
        try:
            return [catalog.find(variant).id for variant in variants]
        except catalog.UnknownVariantError as error:
            raise ValueError(str(error)) from error


class Fleet(BaseModel, extra="forbid"):
    """The workers of one machine."""

    workers: list[FleetWorker] = Field(min_length=1)

    @field_validator("workers")
    @classmethod
    def _have_own_devices(cls, workers: list[FleetWorker]) -> list[FleetWorker]:
        counts = Counter(worker.device for worker in workers if worker.device != "cpu")
        doubled = [device for device, count in counts.items() if count > 1]
        if doubled:
            raise ValueError(f"{', '.join(doubled)}: use one worker per device")
        return workers


def read_fleet(path: Path) -> Fleet:
    """Read a fleet file.

    Raises:
        FleetFileError: it is missing, is not TOML, or does not describe a fleet.
    """
    try:
        return Fleet.model_validate(tomllib.loads(path.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FleetFileError(f"{path}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise FleetFileError(f"{path}: {faults}") from error


def programs(fleet: Fleet) -> list[WorkerProgram]:
    """The processes that a supervisor starts for the workers."""
    return [
        worker_program(
            f"worker-{n}-{worker.device.replace(':', '')}",
            worker.device,
            worker.variants,
            _settings_of(worker),
        )
        for n, worker in enumerate(fleet.workers)
    ]


def _settings_of(worker: FleetWorker) -> dict[str, str]:
    """Time for the longest job, unless the environment sets it, and the worker's own port."""
    settings = {}
    if _GRACE not in os.environ:
        settings[_GRACE] = str(grace_seconds(worker.variants))
    if worker.metrics_port is not None:
        settings["BOTTEGA_METRICS_PORT"] = str(worker.metrics_port)
    return settings


def fleet_stop_seconds(fleet: Fleet) -> float:
    """Seconds after SIGTERM that the slowest worker may take to finish its jobs."""
    graces = [
        float(os.environ.get(_GRACE, grace_seconds(worker.variants))) for worker in fleet.workers
    ]
    return max(graces) + STORING_SECONDS
