"""A webhook receiver: a real HTTP server that answers by a script and remembers what it heard."""

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
class Say:
    """An answer; with `hold`, it waits for that event first."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


@dataclass(frozen=True)
class Heard:
    """A request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """The delivery's id."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The event, if the public library finds the signature good; it raises otherwise."""
        return Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """What it is told is in `heard`; it answers by `script`, then 200."""

    def __init__(self) -> None:
        self.script: list[Say] = []
        self.heard: list[Heard] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.url = ""

    @property
    def ids(self) -> list[str]:
        """The ids that it heard, in order."""
        return [request.id for request in self.heard]

    def hear(self, request: Heard) -> Say:
        """Take a request in; the answer to give."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.heard.append(request)
            say = self.script.pop(0) if self.script else Say()
        if say.hold is not None:
            say.hold.wait(60)
        with self._lock:
            self._at_once -= 1
        return say


@contextmanager
def receiving(*script: Say, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver that runs."""
    receiver = Receiver()
    receiver.script = list(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            say = receiver.hear(Heard(self.path, headers, body, time.monotonic()))
            self.send_response(say.status)
            for name, value in {"Content-Length": "0", **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A courier that was killed takes no answer."""

    with Server((host, 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        receiver.url = f"http://{host}:{server.server_port}/hook"
        try:
            yield receiver
        finally:
            for say in receiver.script:
                if say.hold is not None:
                    say.hold.set()
            server.shutdown()
            thread.join()
