"""Steps of a client's program: each is tried, and told as one line of JSON.

A program is run by the interpreter of its client's packages, with the stack's facts in a file that
`BOTTEGA_CLIENT_FACTS` names. `CLIENT_STEPS=short` leaves out what `make test` does.
"""

import base64
import contextlib
import json
import os
import struct
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = Any
Step = Callable[[], None]

FACTS: dict[str, str] = json.loads(Path(os.environ["BOTTEGA_CLIENT_FACTS"]).read_text())
URL, TLS_URL, KEY = FACTS["url"], FACTS["tls_url"], FACTS["key"]
PICTURE = Path(FACTS["picture"])
"""A painted picture of a circle, 256 x 256."""
MASK = Path(FACTS["mask"])
"""White where it may be painted, black elsewhere."""
ALPHA_MASK = Path(FACTS["alpha_mask"])
"""Transparent where it may be painted."""
PROMPT = "a red circle on a white background"

_steps: list[tuple[str, bool, Step]] = []


def step(name: str, *, short: bool = False) -> Callable[[Step], Step]:
    """A step of the program; a short one is also done in `make test`."""

    def add(function: Step) -> Step:
        _steps.append((name, short, function))
        return function

    return add


def main() -> None:
    """Do the steps one after another; a failed one does not end the program."""
    only_short = os.environ.get("CLIENT_STEPS") == "short"
    only = os.environ.get("CLIENT_STEP")
    for name, short, function in _steps:
        if (only_short and not short) or (only and only != name):
            continue
        began = time.monotonic()
        error = None
        try:
            function()
        except BaseException as problem:  # noqa: BLE001 - a client may raise anything
            error = f"{problem!r}\n{traceback.format_exc()}"[-4000:]
        seconds = round(time.monotonic() - began, 2)
        told = {"step": name, "ok": error is None, "seconds": seconds, "error": error}
        print(json.dumps(told), flush=True)  # noqa: T201


class Raised:
    """The exception that a block raised."""

    error: Any = None


@contextlib.contextmanager
def raises(*types: type[BaseException]) -> Iterator[Raised]:
    """Expect one of these exceptions."""
    raised = Raised()
    try:
        yield raised
    except types as error:
        raised.error = error
    else:
        raise AssertionError(f"none of {types} was raised")


def size_of(png: bytes) -> tuple[int, int]:
    """The size of a PNG."""
    assert png.startswith(b"\x89PNG"), png[:40]
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def kind_of(picture: bytes) -> str:
    """The format of a picture by its first bytes."""
    starts = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
    return next((kind for start, kind in starts.items() if picture.startswith(start)), "?")


def fetch(url: str) -> bytes:
    """The answer of a URL without a key."""
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - the stack's own
        assert response.status == 200, response.status
        assert response.url == url, "it was redirected"
        content: bytes = response.read()
        return content


def native(path: str, body: Json = None, *, key: str = KEY) -> Json:
    """An answer of the native API, to see what became of a job."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers)  # noqa: S310 - the stack's own
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return json.load(response)


def newest_job() -> Json:
    """The program's last job, in the native form."""
    return native("/v1/jobs?limit=1")["jobs"][0]


def eventually(condition: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Call until the answer is truthy, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer!r}"
        time.sleep(0.05)
    return answer


@contextlib.contextmanager
def busy_worker() -> Iterator[None]:
    """Have the worker paint something else meanwhile: a job of the block waits for a while."""
    slow = {"prompt": "something else", "steps": 50, "num_images": 4}
    body = {"model": "flux.1-demo", "input": slow, "priority": "high"}
    jobs = [native("/v1/jobs", body) for _ in range(2)]
    try:
        yield
    finally:
        for job in jobs:
            native(f"/v1/jobs/{job['id']}/cancel", {})


@contextlib.contextmanager
def paused_queue() -> Iterator[None]:
    """Have no job of flux.1-demo begin meanwhile."""
    path, key = "/v1/admin/queues/flux.1-demo", FACTS["operator_key"]
    native(f"{path}/pause", {}, key=key)
    try:
        yield
    finally:
        native(f"{path}/resume", {}, key=key)


def await_cancellation() -> None:
    """Wait until the program's last job is canceled."""
    job = eventually(lambda: (job := newest_job())["finished_at"] and job)
    assert job["state"] == "canceled", job


def base64_of(path: Path) -> str:
    """A file in base64."""
    return base64.b64encode(path.read_bytes()).decode()


def data_uri(path: Path) -> str:
    """A PNG file as a data URI."""
    return f"data:image/png;base64,{base64_of(path)}"


class Receiver:
    """Webhooks that have come: `(headers, body)`, the names of headers in lower case."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    def wait(self, *, seconds: float = 60) -> tuple[dict[str, str], bytes]:
        """The first one."""
        answer: tuple[dict[str, str], bytes] = eventually(lambda: self.received, seconds=seconds)[0]
        return answer


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive webhooks on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append((headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield receiver
        server.shutdown()
