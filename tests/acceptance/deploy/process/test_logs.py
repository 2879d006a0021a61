"""Logs tell what happened, and nothing of what was sent: whatever went well, or failed, and how."""

import base64
import hashlib
import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import make_url, text

from db.storage.keys import input_key
from tests.acceptance.stack import Client, Json, Stack, eventually

pytestmark = pytest.mark.usefixtures("books")


@dataclass
class Told:
    """A tenant that puts a word of its own into everything that it sends.

    Attributes:
        private: what no log may hold, by what it is.
    """

    client: Client
    private: dict[str, str] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """A word that occurs nowhere else."""
        self.private[name] = f"zq{uuid4().hex}"
        return self.private[name]

    def paint(self, name: str, **metadata: str) -> Json:
        """Submit a picture to be painted, longer told than a text encoder reads."""
        start, end = self.word(f"{name}: prompt's start"), self.word(f"{name}: prompt's end")
        prompt = f"{start} a red circle, {'very ' * 80} {end}"
        metadata[self.word(f"{name}: metadata's name")] = self.word(f"{name}: metadata")
        host = "https://receiver.invalid"
        path, query = self.word(f"{name}: webhook's path"), self.word(f"{name}: webhook's query")
        answer = self.client.http.post(
            "/v1/jobs",
            json={
                "model": "flux.1-demo",
                "input": {"prompt": prompt},
                "metadata": metadata,
                "webhook": {"url": f"{host}/{path}?token={query}"},
            },
            headers={"Idempotency-Key": self.word(f"{name}: idempotency key")},
        )
        told: Json = answer.json()
        return told


@contextmanager
def broken(stack: Stack, table: str, rule: str) -> Iterator[None]:
    """Let the database refuse rows by a rule of its own, and so tell its clients of them."""
    with stack.as_owner() as session:
        session.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK ({rule}) NOT VALID"))
    try:
        yield
    finally:
        with stack.as_owner() as session:
            session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT broken"))


@pytest.fixture(scope="module")
def told(stack: Stack) -> Told:
    """Everything that can be sent, and many a way to fail."""
    told = Told(stack.tenant())
    told.private["key"] = str(told.client.http.headers["authorization"]).removeprefix("Bearer ")
    told.private["operator's key"] = stack.facts["operator_key"]
    told.private["viewer's key"] = stack.facts["viewer_key"]
    told.private["database's password"] = make_url(stack.facts["database_url"]).password or ""
    settings = json.loads((stack.data_dir / "settings.json").read_text())
    told.private["artifacts' secret"] = settings["BOTTEGA_URL_SECRET"]
    _succeed(told)
    _lose_a_picture(stack, told)
    _be_refused(stack, told)
    _break_a_submission(stack, told)
    _break_a_claim(stack, told)
    _break_a_completion(stack, told)
    _break_a_delivery(stack, told)
    eventually(lambda: stack.log("courier").count('"webhook_sent"'))
    return told


def _succeed(told: Told) -> None:
    """Paint and look, by every way to name a picture, with a webhook that no one receives."""
    client = told.client
    [image] = client.await_end(told.paint("painted"))["output"]["images"]
    token = image["url"].split("/")[-2]
    told.private["artifact's token"] = token
    data = httpx.get(image["url"]).raise_for_status().content
    uploaded = client.http.post("/v1/files", files={"file": ("a.png", data)}).json()
    for named in (image["url"], uploaded["id"], data_uri(told, "looked at", data)):
        assert client.await_end(client.look(named))["state"] == "succeeded"
    for name in ("secret", "new secret"):
        secret = client.http.get("/v1/webhooks/secret").json()["secret"]
        told.private[f"webhooks' {name}"] = secret.removeprefix("whsec_")
        client.http.post("/v1/webhooks/secret/rotate").raise_for_status()


def data_uri(told: Told, name: str, data: bytes) -> str:
    """A picture as a data URI, noted as private."""
    encoded = base64.b64encode(data).decode()
    told.private[f"{name}: data URI"] = encoded[60:100]
    return f"data:image/png;base64,{encoded}"


def noise() -> bytes:
    """A picture that no one else has."""
    buffer = io.BytesIO()
    Image.effect_noise((48, 48), 60).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _lose_a_picture(stack: Stack, told: Told) -> None:
    with stack.paused("florence-2-demo"):
        pictures = [noise(), noise()]
        jobs = [told.client.look(data_uri(told, "lost", picture)) for picture in pictures]
        gone, damaged = (
            input_key(told.client.tenant_id, hashlib.sha256(data).hexdigest()) for data in pictures
        )
        stack.store.delete(gone)
        stack.store.put(damaged, b"no picture", "image/png")
    assert [told.client.await_end(job)["state"] for job in jobs] == ["failed", "failed"]


def _be_refused(stack: Stack, told: Told) -> None:
    """Requests that the API refuses, and bytes that are not HTTP."""
    http = told.client.http
    where = "https://pictures.invalid"
    looks = [
        f"{where}/{told.word('picture path')}.png?signature={told.word('picture query')}",
        f"{stack.url}/v1/artifacts/{told.word('wrong token')}/0.png",
        f"data:image/png;base64,{told.word('no picture')}",
    ]
    bodies: list[Json] = [
        {"model": "florence-2-demo", "input": {"image": image, "task": "<OD>"}} for image in looks
    ]
    bodies += [
        {"model": told.word("no model"), "input": {}},
        {"model": "flux.1-demo", "input": {"prompt": 1, told.word("no parameter"): 1}},
        {"model": "flux.1-demo", "input": {"prompt": told.word("too long") * 1_000}},
        {"model": "flux.1-demo", "input": {"prompt": told.word("half a pair") + "\ud800"}},
        {
            "model": "flux.1-demo",
            "input": {"prompt": "x"},
            "webhook": {"url": f"https://10.0.0.1/?{told.word('refused webhook')}"},
        },
    ]
    for body in bodies:
        sent = http.post(
            "/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert sent.status_code == 422, sent.text
    for key in ("Authorization", "x-key"):
        wrong = f"bt_{told.word(f'wrong key in {key}')}"
        assert httpx.get(f"{stack.url}/v1/jobs", headers={key: wrong}).status_code == 401
    assert http.get(f"/v1/artifacts/{told.word('unknown token')}/0.png").status_code == 404
    assert http.get("/v1/jobs", params={"cursor": told.word("cursor")}).status_code == 422
    with socket.create_connection(("127.0.0.1", httpx.URL(stack.url).port or 0), 10) as raw:
        raw.sendall(f"{told.word('no HTTP')}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 400")


def _break_a_submission(stack: Stack, told: Told) -> None:
    with broken(stack, "jobs", "metadata->>'break' <> 'submission'"):
        assert told.paint("unsubmitted", **{"break": "submission"})["status"] == 500


def _break_a_claim(stack: Stack, told: Told) -> None:
    before = stack.log("worker").count("raised unexpected")
    with broken(stack, "jobs", "metadata->>'break' <> 'claim' OR state <> 'running'"):
        job = told.paint("unclaimed", **{"break": "claim"})
        eventually(lambda: stack.log("worker").count("raised unexpected") > before)
    assert told.client.await_end(job)["state"] == "succeeded"


def _break_a_completion(stack: Stack, told: Told) -> None:
    before = stack.log("worker").count('"attempt_failed"')
    with broken(stack, "jobs", "metadata->>'break' <> 'completion' OR state <> 'succeeded'"):
        job = told.paint("uncompleted", **{"break": "completion"})
        eventually(lambda: stack.log("worker").count('"attempt_failed"') > before)
    assert told.client.await_end(job)["state"] == "succeeded"


def _break_a_delivery(stack: Stack, told: Told) -> None:
    before = stack.log("courier").count('"dispatch_failed"')
    rule = "attempts = 0 OR body NOT LIKE '%undelivered%'"
    with broken(stack, "deliveries", rule):
        told.client.await_end(told.paint("undelivered", note="undelivered"))
        eventually(lambda: stack.log("courier").count('"dispatch_failed"') > before)


def logs_of(stack: Stack) -> dict[str, str]:
    """Everything that the stack's processes have written, by file."""
    files = [stack.output, *Path(stack.data_dir, "logs").iterdir()]
    return {file.name: file.read_text(errors="replace") for file in files}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("api.log", ['"job_submitted"', "CheckViolation", "db/jobs/submit.py"]),
        ("worker.log", ['"attempt_finished"', '"attempt_failed"', "input_unreachable"]),
        ("courier.log", ['"webhook_sent"', '"dispatch_failed"']),
        ("postgres.log", ["violates check constraint"]),
    ],
)
@pytest.mark.usefixtures("told")
def test_what_happened_is_told(stack: Stack, name: str, lines: list[str]) -> None:
    log = logs_of(stack)[name]
    assert [line for line in lines if line not in log] == []


def test_nothing_that_was_sent_is_told(stack: Stack, told: Told) -> None:
    assert all(len(secret) > 12 for secret in told.private.values())
    found = {
        (file, name)
        for file, log in logs_of(stack).items()
        for name, secret in told.private.items()
        if secret in log
    }
    # `bottega up` tells whoever started it how to sign in, on their terminal.
    assert found == {("data.output.txt", "operator's key")}
