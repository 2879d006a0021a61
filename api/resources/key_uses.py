"""Last uses of API keys: noted in memory by requests, and written together from time to time."""

import asyncio
import threading
from contextlib import suppress

import structlog
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.tenants import api_keys

_WRITE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class KeyUses:
    """The keys that were used since the last write. A process that is killed loses a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: set[str] = set()
        self._lock = threading.Lock()
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """Note that a request uses a key; no I/O."""
        with self._lock:
            self._used.add(key_id)

    def write(self) -> None:
        """Write the uses that were noted; they are noted again while the database is down."""
        with self._lock:
            used, self._used = self._used, set()
        if not used:
            return
        try:
            with self._database.transaction(durable=False) as session:
                api_keys.record_uses(session, used)
        except SQLAlchemyError as error:
            _log.warning("key_uses_not_written", keys=len(used), error=type(error).__name__)
            with self._lock:
                self._used |= used

    def start(self) -> None:
        """Write regularly until `stop`, in the running event loop."""
        self._writing = asyncio.create_task(self._write_regularly())

    async def stop(self) -> None:
        """End the regular writes with a last one."""
        if self._writing is not None:
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
        await run_in_threadpool(self.write)

    async def _write_regularly(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await run_in_threadpool(self.write)
