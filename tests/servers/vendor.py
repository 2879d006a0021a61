"""A small server that follows the vendor's contract, and breaks it where a test scripts it."""

import base64
import hashlib
import io
import json
import socket
import struct
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

KEY = "vendor-key-0123456789"
ACTIVE_TASKS = 24
ENDPOINTS = {
    *("flux-pro", "flux-pro-1.1", "flux-pro-1.1-ultra", "flux-kontext-pro", "flux-kontext-max"),
    *("flux-2-pro", "flux-2-flex", "flux-2-max"),
}
_SIDES = {"flux-pro": (256, 1440, 32), "flux-pro-1.1": (256, 1440, 32)}
_FLUX2_SIDES = (64, 4096, 16)

Json = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    vendor: "Vendor"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._faulty("submit"):
            self.vendor.submit(self, urlsplit(self.path).path.removeprefix("/v1/"), body)

    def do_GET(self) -> None:
        route = "poll" if self.path.startswith("/v1/get_result") else "sample"
        if not self._faulty(route):
            getattr(self.vendor, route)(self, urlsplit(self.path))

    def _faulty(self, route: str) -> bool:
        self.vendor.keys_seen[route].append(self.headers.get("x-key"))
        faults = self.vendor.faults[route]
        if not faults:
            return False
        faults.popleft()(self)
        return True

    def answer(self, status: int, body: bytes, kind: str = "application/json", **more: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **more}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, code: int, /, **data: Any) -> None:
        """Send a JSON answer."""
        self.answer(code, json.dumps(data).encode())

    def log_message(self, *_: object) -> None:
        pass


Fault = Callable[[Handler], None]


def status(code: int, body: bytes = b"{}", **headers: str) -> Fault:
    """An answer with this status."""
    return lambda handler: handler.answer(code, body, **headers)


def garbage(handler: Handler) -> None:
    """Answer 200 without JSON."""
    handler.answer(200, b"<html>busy</html>")


def cut_short(handler: Handler) -> None:
    """An answer that ends before its length."""
    handler.answer(200, b'{"id": "x", "sta', **{"Content-Length": "4000"})
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """A connection that is reset in the middle of an answer."""
    handler.answer(200, b'{"id"', **{"Content-Length": "4000"})
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang(handler: Handler) -> None:
    """No answer until the server ends."""
    handler.vendor.over.wait(60)


@dataclass
class Plan:
    """The course of a task.

    Attributes:
        seconds: its duration.
        until: an event that it waits for beyond that.
        sample: the bytes of its URL in place of the picture.
    """

    seconds: float = 0.05
    until: Event | None = None
    status: str = "Ready"
    details: Json | None = None
    sample: bytes | None = None
    sample_status: int = 200


@dataclass
class Painting:
    """A task that the vendor has accepted."""

    endpoint: str
    body: Json
    plan: Plan
    accepted_at: float = field(default_factory=time.monotonic)

    @property
    def progress(self) -> float:
        """From 0 to 1, the end of the task."""
        if self.plan.until is not None and not self.plan.until.is_set():
            return 0.0
        return min(1.0, (time.monotonic() - self.accepted_at) / self.plan.seconds)

    @property
    def picture(self) -> Image.Image:
        """A plain picture, whose colour depends on endpoint, prompt and seed."""
        text = json.dumps([self.endpoint, self.body["prompt"], self.body["seed"]])
        colour = hashlib.sha256(text.encode()).digest()
        return Image.new("RGB", self._size, (colour[0], colour[1], colour[2]))

    @property
    def _size(self) -> tuple[int, int]:
        if self.body.get("width"):
            return self.body["width"], self.body["height"]
        if "input_image" in self.body and not self.body.get("aspect_ratio"):
            width, height = self.pictures["input_image"].size
            return 16 * max(1, round(width / 16)), 16 * max(1, round(height / 16))
        across, down = map(int, self.body.get("aspect_ratio", "1:1").split(":"))
        return 16 * across, 16 * down

    @property
    def pictures(self) -> dict[str, Image.Image]:
        """The input pictures, decoded."""
        return {
            name: Image.open(io.BytesIO(base64.b64decode(value)))
            for name, value in self.body.items()
            if name.startswith(("input_image", "image_prompt")) and isinstance(value, str)
        }


@dataclass
class Vendor:
    """The server, as a test sees it.

    Attributes:
        faults: the faults of the next requests, by route: submit, poll, sample.
        plans: the courses of tasks, by a word of their prompt.
        poll_at: the host to poll tasks at, where it is another one.
        most_at_once: the highest number of tasks that were active at the same time.
    """

    url: str = ""
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    plans: dict[str, Plan] = field(default_factory=dict)
    tasks: dict[str, Painting] = field(default_factory=dict)
    keys_seen: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    poll_at: str = ""
    most_at_once: int = 0
    over: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def fail_next(self, route: str, *faults: Fault) -> None:
        """Add faults for the next requests of a route."""
        self.faults[route].extend(faults)

    @property
    def submitted(self) -> list[Painting]:
        """Every accepted task, in order."""
        return list(self.tasks.values())

    def submit(self, handler: Handler, endpoint: str, raw: bytes) -> None:
        """Answer `POST /v1/{endpoint}`."""
        if endpoint not in ENDPOINTS:
            handler.answer_json(404, detail="Not Found")
        elif handler.headers.get("x-key") != KEY:
            handler.answer_json(403, detail="Not authenticated")
        elif faults := _faults_of(endpoint, json.loads(raw)):
            handler.answer_json(422, detail=faults, error="invalid", message="invalid")
        else:
            self._accept(handler, Painting(endpoint, json.loads(raw), self._plan(json.loads(raw))))

    def _plan(self, body: Json) -> Plan:
        words = [word for word in self.plans if word in body["prompt"]]
        return self.plans[words[0]] if words else Plan()

    def _accept(self, handler: Handler, painting: Painting) -> None:
        with self._lock:
            active = sum(task.progress < 1 for task in self.tasks.values())
            if active < ACTIVE_TASKS:
                task_id = str(uuid.uuid4())
                self.tasks[task_id] = painting
                self.most_at_once = max(self.most_at_once, active + 1)
        if active >= ACTIVE_TASKS:
            handler.answer(429, b'{"detail": "too many active tasks"}', Retry_After="1")
            return
        url = f"{self.poll_at or self.url}/v1/get_result?id={task_id}"
        handler.answer_json(200, id=task_id, polling_url=url, cost=3.0, input_mp=0.0, output_mp=1.0)

    def poll(self, handler: Handler, url: Any) -> None:
        """Answer `GET /v1/get_result?id=`."""
        task_id = parse_qs(url.query)["id"][0]
        task = self.tasks.get(task_id)
        if task is None:
            handler.answer_json(200, id=task_id, status="Task not found", result=None)
        elif task.progress < 1:
            handler.answer_json(
                200, id=task_id, status="Pending", result=None, progress=task.progress
            )
        else:
            ready = task.plan.status == "Ready"
            handler.answer_json(
                200,
                id=task_id,
                status=task.plan.status,
                result=self._result(task_id, task) if ready else None,
                progress=1.0,
                details=task.plan.details,
                preview=None,
            )

    def _result(self, task_id: str, task: Painting) -> Json:
        return {
            "sample": f"{self.url}/delivery/{task_id}/sample.{task.body['output_format']}",
            "prompt": task.body["prompt"],
            "seed": task.body["seed"],
            "start_time": 1.0,
            "end_time": 2.0,
            "duration": 1.0,
        }

    def sample(self, handler: Handler, url: Any) -> None:
        """Answer with the picture of a task."""
        task = self.tasks[url.path.split("/")[2]]
        if task.plan.sample_status != 200:
            handler.answer(task.plan.sample_status, b"gone", "text/plain")
            return
        buffer = io.BytesIO()
        task.picture.save(buffer, task.body["output_format"])
        handler.answer(200, task.plan.sample or buffer.getvalue(), "image/png")


def _faults_of(endpoint: str, body: Json) -> list[Json]:
    faults = []
    if not isinstance(body.get("prompt"), str):
        faults.append(_fault("prompt", "Field required"))
    low, high, step = _SIDES.get(endpoint, _FLUX2_SIDES)
    for name in ("width", "height"):
        side = body.get(name, low)
        if not low <= side <= high or side % step:
            faults.append(_fault(name, f"Input should be a multiple of {step}"))
    if not 0 <= body.get("safety_tolerance", 2) <= (5 if endpoint.startswith("flux-2") else 6):
        faults.append(_fault("safety_tolerance", "Input should be less than or equal to 5"))
    return faults


def _fault(name: str, message: str) -> Json:
    return {
        "loc": ["body", name],
        "msg": message,
        "type": "value_error",
        "input": "not to be shown",
    }


@contextmanager
def running_vendor() -> Iterator[Vendor]:
    """Run a vendor on loopback until the block ends."""
    vendor = Vendor()
    handler = type("VendorHandler", (Handler,), {"vendor": vendor})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        vendor.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield vendor
        finally:
            vendor.over.set()
            server.shutdown()
            thread.join()
