"""One pinned worker process per device, as a TOML file lists them.

    [[workers]]
    device = "cuda:0"
    variants = ["flux.1-schnell"]

    [[workers]]
    device = "cuda:1"
    variants = ["florence-2-large-ft", "florence-2-base"]

    [[workers]]
    device = "cuda:2"
    variants = ["flux.1-dev"]
    precision = "nf4"     # how its models are served, as the options of `bottega worker`
    offload = "text"
    memory = "10GB"       # the device memory that they may take; all that is free by default

A device is "cpu", "cuda:N" (numbered as `nvidia-smi` does), "cuda:GPU-<uuid>" or "MIG-<uuid>".
`DATABASE_URL`, `REDIS_URL` and the store's settings come from the environment.
"""

import os
import tomllib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PositiveFloat,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.memory_size import parse_memory
from deploy.local.processes import WorkerProgram, worker_program
from deploy.local.stop_times import STORING_SECONDS, grace_seconds
from workers import catalog
from workers.adapters.pinning import AUTO, Device, DeviceError, parse_device
from workers.catalog.operator_file.faults import Fault
from workers.catalog.operator_file.messages import sentence, unknown_key
from workers.catalog.operator_file.positions import Positions
from workers.catalog.serving import Compile, Offload, Precision

SERVING_OPTIONS = ("precision", "offload", "attention", "compile")

_GRACE = "BOTTEGA_GRACE_SECONDS"


class FleetFileError(Exception):
    """The fleet file cannot be used; the message says where and why."""


class _GraceSettings(BaseSettings):
    """The time for the longest job that the environment asks for, of each worker."""

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", allow_inf_nan=False)

    grace_seconds: PositiveFloat | None = None


class FleetWorker(BaseModel, extra="forbid"):
    """One worker: a device, the variants that it serves, and how.

    Attributes:
        device: its device.
        variants: the models that it serves.
        metrics_port: the port for Prometheus.
        precision, offload, attention, compile: how its models are served, before what their rows
            and the environment ask for.
        memory: the device memory that its models may take, in bytes; the file names the unit.
            None for all that is free.
    """

    device: str
    variants: list[str] = Field(min_length=1)
    metrics_port: int | None = Field(default=None, gt=0, lt=65_536)
    precision: Precision | None = None
    offload: Offload | None = None
    attention: str | None = None
    compile: Compile | None = None
    memory: Annotated[int, BeforeValidator(parse_memory)] | None = None

    @property
    def serving(self) -> dict[str, str]:
        """The options of `bottega worker` that say how its models are served, without dashes."""
        values = {name: getattr(self, name) for name in SERVING_OPTIONS}
        return {name: str(value) for name, value in values.items() if value is not None}

    @field_validator("device")
    @classmethod
    def _is_one_device(cls, device: str) -> str:
        if device.strip().lower() == AUTO:
            # Two workers that choose at the same moment would choose the same device.
            raise ValueError("a fleet file names each device: cpu, cuda:N or a UUID, not auto")
        try:
            return str(parse_device(device))
        except DeviceError as error:
            raise ValueError(str(error)) from error

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
        devices = [parse_device(worker.device) for worker in workers if worker.device != "cpu"]
        counts = Counter(map(_spelling, devices))
        doubled = [device for device, count in counts.items() if count > 1]
        if doubled:
            raise ValueError(f"{', '.join(doubled)}: use one worker per device")
        _check_partial_uuids(devices)
        return workers


def _spelling(device: Device) -> str:
    """One spelling for each device: "cuda" is "cuda:0", and a UUID is in small letters."""
    return f"cuda:{device.uuid.lower() if device.uuid else device.index or 0}"


def _check_partial_uuids(devices: Sequence[Device]) -> None:
    """Refuse a UUID that is the beginning of another: both may name the same card.

    A number and a UUID are not compared: only the machine itself knows.
    """
    uuids = sorted(device.uuid.lower() for device in devices if device.uuid)
    for one, other in pairwise(uuids):
        if other.startswith(one):
            raise ValueError(f"{one} and {other} may be one device: write both in full")


def read_fleet(path: Path) -> Fleet:
    """Read a fleet file.

    Raises:
        FleetFileError: it is missing, is not TOML, or does not describe a fleet.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise FleetFileError(f"{path}: {error}") from error
    try:
        return Fleet.model_validate(content)
    except ValidationError as error:
        raise FleetFileError(_faults_text(path, text, error)) from error


def _faults_text(path: Path, text: str, error: ValidationError) -> str:
    """Every fault of a file with its line, as those of a catalogue file."""
    positions, faults = Positions(text), []
    for item in error.errors(include_url=False):
        where = item["loc"]
        known = FleetWorker.model_fields if len(where) > 1 else Fleet.model_fields
        is_unknown = item["type"] == "extra_forbidden"
        message = unknown_key(str(where[-1]), known) if is_unknown else sentence(item)
        faults.append(Fault(where, message, positions.line(where)))
    faults.sort(key=lambda fault: fault.line or 0)
    return "; ".join(f"{path}{_line(fault)}: {fault}" for fault in faults)


def _line(fault: Fault) -> str:
    return "" if fault.line is None else f", line {fault.line}"


def programs(fleet: Fleet) -> list[WorkerProgram]:
    """The processes that a supervisor starts for the workers."""
    return [
        worker_program(
            f"worker-{n}-{worker.device.replace(':', '').replace('/', '-')}",
            worker.device,
            worker.variants,
            _settings_of(worker),
            serving=worker.serving,
        )
        for n, worker in enumerate(fleet.workers)
    ]


def _settings_of(worker: FleetWorker) -> dict[str, str]:
    """Time for the longest job, unless the environment sets it, its memory, and its own port."""
    settings = {}
    if _GRACE not in os.environ:
        settings[_GRACE] = str(grace_seconds(worker.variants))
    if worker.memory is not None:
        settings["BOTTEGA_DEVICE_MEMORY_BYTES"] = str(int(worker.memory))
    if worker.metrics_port is not None:
        settings["BOTTEGA_METRICS_PORT"] = str(worker.metrics_port)
    return settings


def fleet_stop_seconds(fleet: Fleet) -> float:
    """Seconds after SIGTERM that the slowest worker may take to finish its jobs.

    Raises:
        pydantic.ValidationError: the environment names a time that is none.
    """
    asked = _GraceSettings().grace_seconds
    graces = [asked or grace_seconds(worker.variants) for worker in fleet.workers]
    return max(graces) + STORING_SECONDS
