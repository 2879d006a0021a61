"""An API process's server in a thread of the test's own process, on a free port of loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from tests.support.waiting import await_true


@contextmanager
def serving(app: FastAPI, grace_seconds: int | None = None) -> Iterator[str]:
    """The URL of an application that is served meanwhile.

    At the end, requests that are still open have `grace_seconds`; by default they are awaited.
    """
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        ws="none",
        timeout_graceful_shutdown=grace_seconds,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert await_true(lambda: server.started), "the server did not start"
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
