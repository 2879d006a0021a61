"""A webhook receiver: a real HTTP server that records requests and answers by a script."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Reply:
    """An answer; with `hold`, it is sent after that event is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request; `at` is monotonic."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """The delivery's id."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """Verify the signature by the public library; return the event, or raise."""
        return Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """Records `requests`, and answers by `script`, then with 200."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.requests: list[ReceivedRequest] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.url = ""

    @property
    def ids(self) -> list[str]:
        """The ids of the deliveries, in order."""
        return [request.id for request in self.requests]

    def receive(self, request: ReceivedRequest) -> Reply:
        """Record a request; return its answer."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.requests.append(request)
            reply = self.script.pop(0) if self.script else Reply()
        if reply.hold is not None:
            reply.hold.wait(60)
        with self._lock:
            self._at_once -= 1
        return reply


@contextmanager
def receiving(*script: Reply, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Run a receiver until the block ends."""
    receiver = Receiver()
    receiver.script = list(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.receive(ReceivedRequest(self.path, headers, body, time.monotonic()))
            self.send_response(reply.status)
            for name, value in {"Content-Length": "0", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore the broken connection of a courier that was killed."""

    with Server((host, 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        receiver.url = f"http://{host}:{server.server_port}/hook"
        try:
            yield receiver
        finally:
            for reply in receiver.script:
                if reply.hold is not None:
                    reply.hold.set()
            server.shutdown()
            thread.join()
