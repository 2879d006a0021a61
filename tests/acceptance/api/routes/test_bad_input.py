"""Invalid input: each gets a clear problem with the right status, no charge and no job."""

import base64
import io
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select

from db.tables import Hold, Job
from db.tenants import api_keys
from tests.acceptance.api.web.problems import problem
from tests.acceptance.stack import Client, Json, Stack

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(scope="module")
def sender(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(autouse=True)
def _nothing_happens(stack: Stack, sender: Client) -> Iterator[None]:
    """Check after each test of this module: no job, no hold, an unchanged account."""
    before = sender.account()
    yield
    assert sender.account() == before
    with stack.database.transaction() as session:
        for table in (Job, Hold):
            rows = select(func.count()).where(table.tenant_id == sender.tenant_id)
            assert session.scalar(rows) == 0


def send(sender: Client, body: Any, **headers: str) -> httpx.Response:
    """Post a submission: a dict as JSON, anything else as it is."""
    content = json.dumps(body) if isinstance(body, dict) else body
    kind = {"Content-Type": "application/json"}
    return sender.http.post("/v1/jobs", content=content, headers=kind | headers)


def flux(**given: Any) -> Json:
    return {"model": "flux.1-demo", "input": {"prompt": "a red circle", **given}}


def look_at(image: Any, **given: Any) -> Json:
    return {"model": "florence-2-demo", "input": {"image": image, "task": "<OD>", **given}}


@pytest.mark.parametrize(
    ("body", "loc", "says"),
    [
        ({**flux(), "model": "flux.1-dem"}, ["model"], "flux.1-demo"),
        ({**flux(), "model": ""}, ["model"], "give a model"),
        ({**flux(), "model": None}, ["model"], "give a model"),
        ({"input": {}}, ["model"], "give a model"),
        ({"model": "flux.1-demo"}, ["input"], "give an input"),
        ({**flux(), "modell": "x"}, ["modell"], "no such field; leave it out"),
        (flux(colour="red"), ["input", "colour"], "no such parameter; there are prompt, width"),
        (flux(sead=1), ["input", "sead"], "did you mean seed?"),
        (flux(width=17), ["input", "width"], "at least 64"),
        (flux(width="128"), ["input", "width"], "whole number, without quotes"),
        (flux(width=10_000, height=10_000), ["input", "width"], "512"),
        (flux(aspect_ratio="1:1", width=128), ["input", "aspect_ratio"], "not both"),
        (flux(num_images=5), ["input", "num_images"], "4"),
        (flux(steps=51), ["input", "steps"], "50"),
        (flux(guidance=3), ["input", "guidance"], "guidance"),
        (flux(output_format="gif"), ["input", "output_format"], "png"),
        (flux(prompt=""), ["input", "prompt"], "give a prompt"),
        (flux(prompt=" \u200b\u00a0"), ["input", "prompt"], "give a prompt"),
        (flux(prompt="x" * 5001), ["input", "prompt"], "5000"),
        (flux(seed=-1), ["input", "seed"], "at least 0"),
        (flux(seed=2**64), ["input", "seed"], f"at most {2**64 - 1}"),
        (flux(seed=1.5), ["input", "seed"], "whole number, without a fraction"),
        (flux(seed=10**1000), ["input", "seed"], f"at most {2**64 - 1}"),
        ({**flux(), "priority": "urgent"}, ["priority"], "normal"),
        ({**flux(), "expires_in_seconds": 0}, ["expires_in_seconds"], "at least 1"),
        ({**flux(), "metadata": {"k": "v" * 501}}, ["metadata", "k"], "500"),
        ({**flux(), "metadata": {str(n): "" for n in range(33)}}, ["metadata"], "32"),
        ({**flux(), "metadata": {"k": 1}}, ["metadata", "k"], "text"),
        (look_at("file_x", task="<NOSE>"), ["input", "task"], "<NOSE>"),
        (look_at("file_x", tasks=["<OD>"]), ["input", "task"], "either"),
        (look_at(["file_x"]), ["input", "image"], "text"),
    ],
)
def test_what_does_not_fit_is_named_and_explained(
    sender: Client, body: Json, loc: list[str], says: str
) -> None:
    refused = problem(send(sender, body), 422, "invalid_input")
    found = [item for item in refused["errors"] if item["loc"] == ["body", *loc]]
    assert found, refused
    assert says.lower() in found[0]["msg"].lower()
    assert says.lower() in refused["detail"].lower()


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (flux(prompt="a\0b"), ["input", "prompt"]),
        ({**flux(), "metadata": {"k": "a\0b"}}, ["metadata", "k"]),
        ({**flux(), "metadata": {"a\0b": "v"}}, ["metadata", "a\0b", "[key]"]),
        ({**flux(), "model": "flux.1-demo\0"}, ["model"]),
        (look_at("file_\0"), ["input", "image"]),
        (look_at("data:image/png;base64,\0"), ["input", "image"]),
        (look_at("file_x", task="\0"), ["input", "task"]),
        (flux(prompt="a \ud800 b"), ["input", "prompt"]),
        (flux(aspect_ratio="\ud800"), ["input", "aspect_ratio"]),
        ({**flux(), "metadata": {"k": "\udfff"}}, ["metadata", "k"]),
        ({**flux(), "model": "\ud800"}, ["model"]),
        (look_at("file_\ud800"), ["input", "image"]),
        (look_at("file_x", task="\ud800"), ["input"]),
        (look_at("data:image/png;base64,é"), ["input", "image"]),
    ],
)
def test_characters_that_nothing_can_hold_are_refused(
    sender: Client, body: Json, loc: list[str]
) -> None:
    refused = problem(send(sender, body), 422, "invalid_input")
    assert ["body", *loc] in [item["loc"] for item in refused["errors"]]


@pytest.mark.parametrize("key", ["\ud800", "\0", "é" * 1000])
def test_unknown_fields_of_any_name_are_refused(sender: Client, key: str) -> None:
    for body in ({**flux(), key: 1}, flux(**{key: 1}), {**flux(), "metadata": {key: 1}}):
        problem(send(sender, body), 422, "invalid_input")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("where", ["seed", "guidance", "width", "prompt"])
def test_numbers_that_are_none_are_refused(sender: Client, where: str, number: str) -> None:
    given = {"prompt": '"a"', "seed": "1"} | {where: number}
    fields = ", ".join(f'"{name}": {value}' for name, value in given.items())
    body = f'{{"model": "flux.1-demo", "input": {{{fields}}}}}'
    refused = problem(send(sender, body), 422, "invalid_input")
    assert ["body", "input", where] in [item["loc"] for item in refused["errors"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_a_job_cannot_expire_at_no_time(sender: Client, number: str) -> None:
    whole = json.dumps({**flux(), "expires_in_seconds": 1})
    body = whole.replace('"expires_in_seconds": 1', f'"expires_in_seconds": {number}')
    problem(send(sender, body), 422, "invalid_input")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"hello", 422),
        (b"", 422),
        (b'{"model": "flux.1-demo"', 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"flux.1-demo"', 422),
        (b"[" * 100_000, 422),
        (b'{"input":' * 50_000, 422),
        (b'{"model": "\xff"}', 400),
        (b'{"model": 1' + b"0" * 10_000 + b"}", 422),
        (json.dumps(flux()).encode("utf-16"), 400),
        (b'{"model": "flux.1-demo", "model": "flux.1-demo", "input": {"prompt": "a"}}', 422),
    ],
)
def test_a_body_that_is_no_submission_is_refused(sender: Client, body: bytes, status: int) -> None:
    refused = problem(send(sender, body), status)
    assert not refused["detail"].startswith(":")


@pytest.mark.parametrize(("depth", "loc"), [(20, ["body", "input", "prompt"]), (900, ["body"])])
def test_deep_but_whole_json_is_refused_for_what_it_says(
    sender: Client, depth: int, loc: list[str]
) -> None:
    deep = "[" * depth + "]" * depth
    body = json.dumps(flux(prompt="DEEP")).replace('"DEEP"', deep)
    refused = problem(send(sender, body), 422, "invalid_input")
    assert refused["errors"][0]["loc"] == loc


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_another_content_type_is_told_which_one_is_meant(sender: Client, kind: str) -> None:
    answer = send(sender, json.dumps(flux()), **{"Content-Type": kind})
    assert "application/json" in problem(answer, 415, "unsupported_media_type")["detail"]


def picture(form: str, size: tuple[int, int] = (32, 32), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


def huge_png() -> bytes:
    """A PNG whose header claims 10,000 x 10,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    rest = picture("PNG")[33:]
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    return start + header + struct.pack(">I", zlib.crc32(header)) + rest


BAD_PICTURES = {
    "text": (b"hello, I am a text file\n" * 20, "not a PNG"),
    "truncated PNG": (picture("PNG")[:-60], "damaged"),
    "truncated JPEG": (picture("JPEG")[:-60], "damaged"),
    "100 megapixels by its header": (huge_png(), "10000 x 10000"),
    "more megapixels than are taken": (picture("PNG", (5000, 4001)), "5000 x 4001"),
    "TIFF": (picture("TIFF"), "not a PNG"),
    "ICO": (picture("ICO"), "not a PNG"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
    "more bytes than are taken": (picture("PNG") + bytes(20_000_000), "20000"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_refused_however_it_comes(sender: Client, name: str) -> None:
    data, says = BAD_PICTURES[name]
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    refused = problem(send(sender, look_at(uri)), 422, "invalid_input")
    assert refused["errors"][0]["loc"] == ["body", "input", "image"]
    assert says in refused["detail"]
    answer = sender.http.post("/v1/files", files={"file": ("picture.png", data, "image/png")})
    refused = problem(answer, 422, "invalid_input")
    assert refused["errors"][0]["loc"] == ["body", "file"]
    assert says in refused["detail"]


def test_no_bytes_are_no_picture(sender: Client) -> None:
    refused = problem(send(sender, look_at("data:image/png;base64,")), 422, "invalid_input")
    assert refused["errors"][0]["loc"] == ["body", "input", "image"]
    assert "no data" in refused["detail"]
    answer = sender.http.post("/v1/files", files={"file": ("picture.png", b"", "image/png")})
    refused = problem(answer, 422, "invalid_input")
    assert refused["errors"][0]["loc"] == ["body", "file"]
    assert "not a PNG" in refused["detail"]


def test_an_upload_without_a_file_is_refused(sender: Client) -> None:
    problem(sender.http.post("/v1/files"), 422, "invalid_input")
    problem(sender.http.post("/v1/files", data={"file": "text"}), 422, "invalid_input")
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    problem(sender.http.post("/v1/files", content=b"junk", headers=multipart), 400, "bad_request")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("https://example.invalid/picture.png", ""),
        ("http://169.254.169.254/latest/meta-data", ""),
        ("http://127.0.0.1/picture.png", ""),
        ("file:///etc/passwd", "data URI"),
        ("/etc/passwd", "data URI"),
        ("", "give an image"),
        ("data:image/png", "no comma"),
        ("data:image/png,hello", "not a PNG"),
        ("data:text/plain;base64,aGVsbG8=", "not a PNG"),
        ("data:image/png;base64,%%%", "base64"),
        ("file_nope", "no such uploaded file"),
        ("file_" + "0" * 26, "no such uploaded file"),
    ],
)
def test_a_picture_that_cannot_be_had_is_refused(sender: Client, image: str, says: str) -> None:
    refused = problem(send(sender, look_at(image)), 422, "invalid_input")
    assert refused["errors"][0]["loc"] == ["body", "input", "image"]
    assert says in refused["detail"]


class TestOfAnother:
    """Objects of another tenant do not exist."""

    @pytest.mark.parametrize("call", ["get", "cancel", "events"])
    def test_a_job_of_another_tenant_is_not_there(
        self, sender: Client, tenant: Client, call: str
    ) -> None:
        job = tenant.await_end(tenant.paint())
        path = f"/v1/jobs/{job['id']}"
        answers = [_call(sender, path, call), _call(sender, "/v1/jobs/job_" + "0" * 26, call)]
        assert problem(answers[0], 404, "not_found") == problem(answers[1], 404, "not_found")

    def test_a_file_of_another_tenant_is_not_there(self, sender: Client, tenant: Client) -> None:
        file = tenant.http.post("/v1/files", files={"file": ("a.png", picture("PNG"))}).json()
        problem(send(sender, look_at(file["id"])), 422, "invalid_input")

    def test_an_artifact_of_another_tenant_is_no_input(
        self, sender: Client, tenant: Client
    ) -> None:
        url = tenant.await_end(tenant.paint())["output"]["images"][0]["url"]
        refused = problem(send(sender, look_at(url)), 422, "invalid_input")
        assert "your jobs" in refused["detail"]


def _call(sender: Client, path: str, call: str) -> httpx.Response:
    if call == "cancel":
        return sender.http.post(f"{path}/cancel")
    return sender.http.get(path if call == "get" else f"{path}/events")


def test_an_artifact_that_there_is_not_is_no_input(stack: Stack, sender: Client) -> None:
    owner = stack.tenant()
    done = owner.await_end(owner.paint())
    url = done["output"]["images"][0]["url"]
    head, _, _ = url.rpartition("/")
    for bad in (f"{head}/5.png", f"{head}/99999999999.png", f"{head}x/0.png", f"{head}/0.png?a=b"):
        problem(send(owner, look_at(bad)), 422, "invalid_input")
    (stored,) = stack.store.list(f"results/{owner.tenant_id}/")
    kept = stack.store.get(stored.key)
    stack.store.delete(stored.key)
    assert "expired" in problem(send(owner, look_at(url)), 422)["detail"]
    problem(httpx.get(url), 404, "not_found")
    stack.store.put(stored.key, kept.data, kept.media_type)  # the doctor looks for it
    assert sender.account()["in_flight"] == 0


def test_a_key_known_from_before_is_refused_once_it_is_revoked(stack: Stack) -> None:
    owner = stack.tenant()
    keyed = {"Idempotency-Key": "before"}
    assert owner.http.post("/v1/jobs", json=flux(), headers=keyed).status_code == 202
    with stack.database.transaction() as session:
        ((row, _),) = api_keys.list_keys(session, tenant_id=owner.tenant_id)
        assert api_keys.revoke(session, row.id)
    for headers in ({}, keyed, {"Idempotency-Key": "after"}):
        problem(owner.http.post("/v1/jobs", json=flux(), headers=headers), 401, "unauthorized")
    problem(owner.http.post("/v1/jobs?dry_run=true", json=flux()), 401, "unauthorized")
    with stack.database.transaction() as session:
        rows = select(func.count()).where(Job.tenant_id == owner.tenant_id)
        assert session.scalar(rows) == 1


def test_a_call_needs_a_valid_key(stack: Stack, sender: Client) -> None:
    owner = stack.tenant()
    with stack.database.transaction() as session:
        ((row, _),) = api_keys.list_keys(session, tenant_id=owner.tenant_id)
        assert api_keys.revoke(session, row.id)
    revoked = owner.http.headers["authorization"]
    typo = str(sender.http.headers["authorization"])[:-1] + "-"
    for headers in (
        {},
        {"Authorization": revoked},
        {"Authorization": typo},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer bt_\u00e9".encode("latin-1")},
        {"x-key": "nonsense"},
        {"x-key": "bt_" + "0" * 5000},
    ):
        for method, path in (("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("GET", "/v1/account")):
            answer = httpx.request(method, stack.url + path, json=flux(), headers=headers)
            problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_an_operators_key_is_no_tenants_key(stack: Stack, sender: Client) -> None:
    operator = stack.client(stack.facts["operator_key"])
    problem(operator.http.post("/v1/jobs", json=flux()), 403, "forbidden")
    assert sender.account()["in_flight"] == 0


def test_a_priority_beyond_the_tier_is_refused(stack: Stack, sender: Client) -> None:
    free = stack.tenant("free")
    body = {**flux(), "priority": "high"}
    refused = problem(free.http.post("/v1/jobs", json=body), 403, "forbidden")
    assert "tier" in refused["detail"]
    assert free.account()["in_flight"] == 0
    assert sender.account()["in_flight"] == 0


def test_a_body_that_is_declared_too_large_is_refused_unread(stack: Stack, sender: Client) -> None:
    key = sender.http.headers["authorization"]
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 64000001\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", httpx.URL(stack.url).port or 0), 10) as connection:
        connection.sendall(head.encode())
        # to the end: head and body may arrive separately
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "application/problem+json" in answer
    assert '"code":"body_too_large"' in answer


def test_a_body_that_turns_out_too_large_is_refused(sender: Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"model": "flux.1-demo", "input": {"prompt": "'
        for _ in range(65):
            yield b"x" * 1_000_000

    answer = sender.http.post(
        "/v1/jobs", content=chunks(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 413, "body_too_large")
