"""A real worker process without a model: each job's prompt names a fault of the process.

`python -m tests.support.model_free_worker ID`, configured by the environment. After the fault, a
prompt may name a file, the mark: the fault creates it, and happens only while it does not exist.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.local import LocalStore
from db.storage.settings import StorageSettings
from deploy.process import logging as logs
from tests.support.adapters import paint
from workers import catalog
from workers.adapters.protocol import DeviceLostError, Output, Report, ShouldStop, Stopped, Work
from workers.runtime.model_cache import ServedModel
from workers.runtime.process import WorkerProcess
from workers.settings import WorkerSettings

VARIANT = "flux.1-demo"
DIE = "die"
FREEZE = "freeze"
LOSE_DEVICE = "lose-device"
LINGER = "linger"
DIE_BEFORE_STORING = "die-before-storing"
DIE_AFTER_STORING = "die-after-storing"
FAULTS = {DIE, FREEZE, LOSE_DEVICE, LINGER, DIE_BEFORE_STORING, DIE_AFTER_STORING}


def _send_self(by: signal.Signals) -> None:
    os.kill(os.getpid(), by)


class FaultyProcessStore(LocalStore):
    """A store that kills its process before or after a put, by `fault`."""

    fault = ""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store, and kill the process before or after it, by `fault`."""
        if self.fault == DIE_BEFORE_STORING:
            _send_self(signal.SIGKILL)
        super().put(key, data, media_type)
        if self.fault == DIE_AFTER_STORING:
            _send_self(signal.SIGKILL)


@dataclass
class FaultyProcessAdapter:
    """An `Adapter` that paints, and then does the faults of its batch to its process."""

    store: FaultyProcessStore

    def load(self) -> None:
        """Do nothing: there is no model."""

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Paint, then do the faults."""
        painted = paint(batch, report, should_stop)
        faults = {_fault_of(work) for work in batch}
        if DIE in faults:
            _send_self(signal.SIGKILL)
        if FREEZE in faults:
            _send_self(signal.SIGSTOP)
        if LOSE_DEVICE in faults:
            raise DeviceLostError("the device failed in the middle of the job")
        while LINGER in faults:
            if should_stop():
                raise Stopped("told to")
            time.sleep(0.01)
        self.store.fault = max(faults)
        return painted


def _fault_of(work: Work) -> str:
    """The fault of a prompt; empty when its mark exists: it has happened already."""
    word, _, mark = work.parameters.model_dump()["prompt"].partition(" ")
    if word not in FAULTS:
        return ""
    if mark and Path(mark).exists():
        return ""
    if mark:
        Path(mark).touch()
    return str(word)


def main() -> None:
    """Run the worker until SIGTERM."""
    logs.configure()
    folder = StorageSettings().store_dir
    if folder is None:
        raise SystemExit("set BOTTEGA_STORE_DIR")
    store = FaultyProcessStore(folder)
    WorkerProcess(
        variant_ids=(),
        device="cpu",
        database=Database(DatabaseSettings()),
        store=store,
        settings=WorkerSettings(),
        id=sys.argv[1],
        extra=[ServedModel(catalog.find(VARIANT), FaultyProcessAdapter(store))],
    ).run()


if __name__ == "__main__":
    main()
