"""Requests by the ASGI interface: how much of a body was received before the answer."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI


@dataclass
class Exchange:
    """One request, by the ASGI interface: what was received of its body, and what was answered."""

    received: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """The code of the problem that was answered."""
        return str(json.loads(self.body)["code"])


async def exchange(
    app: FastAPI, path: str, headers: dict[str, str], chunks: Iterator[bytes], method: str = "POST"
) -> Exchange:
    """Send one request to an application that runs, see `play`."""
    seen = Exchange()

    async def receive() -> dict[str, Any]:
        chunk = next(chunks, b"")
        seen.received += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
            seen.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        seen.body += message.get("body", b"")

    all_headers = {"host": "bottega.test", **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("bottega.test", 80),
        "client": ("192.0.2.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
    }
    await app(scope, receive, send)
    return seen


def endless(chunk: bytes = b"[]," * 20_000) -> Iterator[bytes]:
    """A body without end."""
    while True:
        yield chunk


def play(app: FastAPI, scene: Any) -> None:
    """Run a scene of exchanges while an application runs."""

    async def run() -> None:
        async with asyncio.timeout(60), app.router.lifespan_context(app):
            await scene()

    asyncio.run(run())
