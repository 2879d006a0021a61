"""`python -m deploy.bench.waiters_client`: thousands of event streams or long polls, in a process.

The plan is JSON on standard input. When all are open it prints how many; at their end, it prints
for each the seconds from the end of its job to the moment at which the client knew.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_OPENING_AT_ONCE = 40
_OPEN_SECONDS = 120.0
_END_SECONDS = 240.0
_POLL_SECONDS = 60


@dataclass
class _Load:
    """The waiters of one run.

    Attributes:
        delays: seconds from the end of a job to its waiter's knowledge.
        refused: by HTTP status, the waiters that were not admitted.
    """

    host: str
    port: int
    kind: str
    opened: int = 0
    delays: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    async def wait(self, key: str, job_id: str, turn: asyncio.Semaphore) -> None:
        """Open one waiter, and read until it knows of the end."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with turn:
                reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**20)
                writer.write(self._request(key, job_id))
                if self.kind == "streams" and not await self._is_admitted(reader):
                    return
            self.opened += 1
            if self.kind == "streams":
                await self._read_stream(reader)
            else:
                await self._read_polls(reader, writer, self._request(key, job_id))
        except (OSError, asyncio.IncompleteReadError) as error:
            self._refuse(type(error).__name__)
        finally:
            if writer is not None:
                writer.close()

    def _request(self, key: str, job_id: str) -> bytes:
        path = "/events" if self.kind == "streams" else f"?wait={_POLL_SECONDS}"
        head = f"GET /v1/jobs/{job_id}{path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        return f"{head}Authorization: Bearer {key}\r\n\r\n".encode()

    async def _is_admitted(self, reader: asyncio.StreamReader) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
        if status == "200":
            return True
        self._refuse(status)
        return False

    def _refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    async def _read_stream(self, reader: asyncio.StreamReader) -> None:
        read = b""
        while b'"urls":' not in read.partition(b"event: done")[2]:
            chunk = await reader.read(65536)
            if not chunk:
                raise OSError("the stream ended early")
            read += chunk
        self._note(read.partition(b"event: done")[2])

    async def _read_polls(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> None:
        """Poll again, as a client does, until the job is over."""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                self._refuse(head.split(b" ", 2)[1].decode())
                return
            if b'"finished_at":"' in body:
                self._note(body)
                return
            writer.write(request)

    def _note(self, job: bytes) -> None:
        text = job.partition(b'"finished_at":"')[2].partition(b'"')[0].decode()
        self.delays.append(time.time() - datetime.fromisoformat(text).timestamp())


async def _run(plan: dict[str, Any]) -> None:
    url = urlsplit(plan["url"])
    load = _Load(url.hostname or "", url.port or 0, plan["kind"])
    turn = asyncio.Semaphore(_OPENING_AT_ONCE)
    waiting = [
        asyncio.create_task(load.wait(key, job_id, turn))
        for key, job_id in plan["jobs"]
        for _ in range(plan["each"])
    ]
    async with asyncio.timeout(_OPEN_SECONDS):
        while load.opened + sum(load.refused.values()) < len(waiting):  # noqa: ASYNC110 - a look
            await asyncio.sleep(0.05)
    _print({"opened": load.opened, "refused": load.refused})
    await asyncio.wait(waiting, timeout=_END_SECONDS)
    _print({"delays": load.delays, "refused": load.refused})


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.stdin.readline())))
