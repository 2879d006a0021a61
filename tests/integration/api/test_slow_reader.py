"""A client that follows a job and does not read, on a real connection."""

import asyncio
import socket

import pytest
import uvicorn
from prometheus_client import REGISTRY

from api.server import protocol
from api.server.settings import ServerSettings
from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from workers.messaging.events import Publisher

PREVIEW = {"step": 1, "steps": 9, "image": "data:image/jpeg;base64," + "A" * 32_000}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["stream", "kernel"])
def test_who_does_not_read_is_let_go(
    make_api: MakeApi,
    database: Database,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    """The stream ends once its buffer is full; the kernel ends what stays unread beneath it."""
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 600 if by == "stream" else 1)
    app = make_api(BOTTEGA_SLOW_READER_SECONDS="0.5" if by == "stream" else "600")
    tenant_id = jobs.add_tenant(database)
    job_id = jobs.submit(database, tenant_id)
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="")[1]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=protocol.bound_protocol(ServerSettings(), ()), log_config=None)
    )

    def slow_readers() -> float:
        return REGISTRY.get_sample_value("bottega_slow_readers_total") or 0.0

    async def scene(client: socket.socket) -> None:
        before = slow_readers()
        while not app.state.services.hub.waiters:  # noqa: ASYNC110 - a look
            await asyncio.sleep(0.01)
        while app.state.services.hub.waiters:
            publisher.publish_preview(job_id, PREVIEW)
            await asyncio.sleep(0.02)
        assert slow_readers() - before == (by == "stream")
        if by == "kernel":
            await no_connection()
        client.close()
        await no_connection()

    async def no_connection() -> None:
        while server.server_state.connections:  # noqa: ASYNC110 - a look
            await asyncio.sleep(0.05)

    async def play() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - a look
            await asyncio.sleep(0.01)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            head = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: bottega.test\r\n"
            client.sendall(f"{head}Authorization: Bearer {key}\r\n\r\n".encode())
            async with asyncio.timeout(60):
                await scene(client)
        server.should_exit = True
        await serving

    asyncio.run(play())
