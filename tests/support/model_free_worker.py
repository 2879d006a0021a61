"""A real worker process without a model: each job's prompt says what befalls the process.

`python -m tests.support.model_free_worker ID`, configured by the environment. After the word, a
prompt may name a file, the mark: what has befallen once leaves it, and does not befall again.
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


def _befall(by: signal.Signals) -> None:
    os.kill(os.getpid(), by)


class DoomedStore(LocalStore):
    """A store that ends its process before or after it stores, when told to."""

    doom = ""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store, unless doomed before."""
        if self.doom == DIE_BEFORE_STORING:
            _befall(signal.SIGKILL)
        super().put(key, data, media_type)
        if self.doom == DIE_AFTER_STORING:
            _befall(signal.SIGKILL)


@dataclass
class DoomedAdapter:
    """An `Adapter` that paints, and does to its process what the prompts of its batch say."""

    store: DoomedStore

    def load(self) -> None:
        """Nothing to load."""

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Paint, and meet the doom."""
        painted = paint(batch, report, should_stop)
        dooms = {_doom_of(work) for work in batch}
        if DIE in dooms:
            _befall(signal.SIGKILL)
        if FREEZE in dooms:
            _befall(signal.SIGSTOP)
        if LOSE_DEVICE in dooms:
            raise DeviceLostError("the device failed in the middle of the job")
        while LINGER in dooms:
            if should_stop():
                raise Stopped("told to")
            time.sleep(0.01)
        self.store.doom = max(dooms)
        return painted


def _doom_of(work: Work) -> str:
    """The word of a prompt; nothing when its mark says that it has befallen already."""
    word, _, mark = work.parameters.model_dump()["prompt"].partition(" ")
    if mark and Path(mark).exists():
        return ""
    if mark:
        Path(mark).touch()
    return str(word)


def main() -> None:
    """Serve until SIGTERM."""
    logs.configure()
    folder = StorageSettings().store_dir
    if folder is None:
        raise SystemExit("set BOTTEGA_STORE_DIR")
    store = DoomedStore(folder)
    WorkerProcess(
        variant_ids=(),
        device="cpu",
        database=Database(DatabaseSettings()),
        store=store,
        settings=WorkerSettings(),
        id=sys.argv[1],
        extra=[ServedModel(catalog.find(VARIANT), DoomedAdapter(store))],
    ).run()


if __name__ == "__main__":
    main()
