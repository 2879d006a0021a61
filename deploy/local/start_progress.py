"""The wait for a worker that downloads or loads its models: shown, and ended when nothing moves."""

import threading
import time
from collections.abc import Hashable

from pydantic import NonNegativeFloat
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.tables import Worker
from deploy.local.progress_line import LoadText, ProgressLine, readable_seconds
from deploy.local.servers.process import ServerError

READ_SECONDS = 0.5
"""Interval at which the worker's row is read and shown."""

QUIET_SECONDS = 3.0
"""A start that takes no longer shows nothing."""


class StartStoppedError(ServerError):
    """The user stopped the stack before it was ready."""


class StartSettings(BaseSettings):
    """Settings of the wait for a worker.

    Attributes:
        load_stall_seconds: time that the load of a model may go without any progress, neither in
            bytes nor in memory, before the wait ends; 0 is no limit.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", allow_inf_nan=False)

    load_stall_seconds: NonNegativeFloat = 1800

    @property
    def limit_seconds(self) -> float:
        """The limit as a number."""
        return self.load_stall_seconds or float("inf")


class StartProgress:
    """Reads a worker's row from time to time, and shows how far its models are.

    Args:
        database: where the row is.
        worker_id: the row.
        stopping: set when the user gives up waiting.
        line: where it is shown.
    """

    def __init__(
        self,
        database: Database,
        worker_id: str,
        stopping: threading.Event | None = None,
        line: ProgressLine | None = None,
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._stopping = stopping or threading.Event()
        self._line = line or ProgressLine()
        self._text = LoadText()
        self._began = self._read_at = time.monotonic()
        self._state: Hashable = None

    def __call__(self) -> Hashable:
        """The state of the load, which changes while it moves; shows it as well.

        Raises:
            StartStoppedError: the user gave up waiting.
        """
        if self._stopping.is_set():
            raise StartStoppedError("stopped before it was ready")
        now = time.monotonic()
        if now - self._read_at >= READ_SECONDS:
            self._read_at = now
            self._read(now - self._began)
        return self._state

    def close(self) -> None:
        """End the line."""
        self._line.close()

    def _read(self, seconds: float) -> None:
        try:
            with self._database.transaction(durable=False) as session:
                row = session.scalar(select(Worker).where(Worker.id == self._worker_id))
                session.expunge_all()
        except SQLAlchemyError:
            return
        self._state = row and (
            *(row.state, row.loading, row.loading_fraction, row.loading_stage, row.loading_bytes),
            tuple(row.resident),
        )
        if seconds > QUIET_SECONDS:
            self._line.show(f"{self._shown(row)} after {readable_seconds(seconds)}")

    def _shown(self, row: Worker | None) -> str:
        if row is None or row.loading is None:
            return "the worker starts"
        stage = row.loading_stage or "loading"
        if row.loading_total_bytes:
            text = self._text.text(stage, row.loading_bytes, row.loading_total_bytes)
        else:
            text = f"{stage} {row.loading_fraction or 0:.0%}"
        return f"{row.loading}: {text}"
