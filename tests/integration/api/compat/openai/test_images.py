"""Pictures through OpenAI's calls: answers, errors, and the jobs below."""

import base64
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from db.storage.object_store import StoreUnavailableError
from db.tenants import api_keys
from tests.integration.api.compat.openai.conftest import Site
from tests.support.adapters import raising
from tests.support.jobs import add_tenant
from tests.support.painting import paint_all
from tests.support.pictures import encoded
from tests.support.station import FLORENCE2, FLUX
from workers.adapters.protocol import ContentModeratedError, InvalidLoraError

SOURCE = encoded(Image.new("RGB", (128, 64), "white"))


def mask() -> bytes:
    """A mask in OpenAI's sense: the left half is to be repainted."""
    picture = Image.new("RGBA", (128, 64), (0, 0, 0, 255))
    picture.paste((9, 9, 9, 0), (0, 0, 64, 64))
    return encoded(picture)


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_an_answer_has_both_forms_of_each_picture(site: Site) -> None:
    with site.working(paint_all):
        answer = site.generate(n=2, seed=7, size="64x64", quality="high", user="me")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["size"], body["quality"], body["background"]) == ("16x16", "high", "opaque")
    assert body["output_format"] == "png"
    assert [each["seed"] for each in body["data"]] == [7, 8]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    for each in body["data"]:
        file = base64.b64decode(each["b64_json"])
        assert Image.open(io.BytesIO(file)).size == (16, 16)
        found = httpx.get(each["url"])
        assert (found.status_code, found.content) == (200, file)
        assert (each["revised_prompt"], each["url"].endswith(".png")) == (None, True)
    assert answer.headers["bottega-ignored"] == "quality, user"
    [[job_id, surface]] = site.rows("id, surface")
    assert (answer.headers["bottega-job"], surface) == (job_id, "openai")


@pytest.mark.parametrize("wanted", ["url", "b64_json"])
def test_an_answer_has_the_one_form_that_was_asked_for(site: Site, wanted: str) -> None:
    with site.working():
        [datum] = site.generate(response_format=wanted).json()["data"]
    assert {name for name in ("url", "b64_json") if datum.get(name)} == {wanted}


def test_ten_pictures_are_three_jobs_each_paid_once(site: Site) -> None:
    with site.working(*[paint_all] * 3):
        answer = site.generate(n=10, seed=40)
    assert [each["seed"] for each in answer.json()["data"]] == [*range(40, 50)]
    assert site.rows("units") == [(4,), (4,), (2,)]
    assert site.units() == 10
    assert len(answer.headers["bottega-job"].split(", ")) == 3


def test_an_idempotency_key_gives_the_same_answer_again(site: Site) -> None:
    site.headers["Idempotency-Key"] = "k"
    with site.working(*[paint_all] * 2):
        first = site.generate(n=6)
        again = site.generate(n=6)
    assert [each["b64_json"] for each in first.json()["data"]] == [
        each["b64_json"] for each in again.json()["data"]
    ]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (
        False,
        "true",
    )
    assert len(site.rows()) == 2
    assert site.error(site.generate(n=5), 400)["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("failure", "status", "kind", "code"),
    [
        (InvalidLoraError("it is broken"), 500, "server_error", "invalid_lora"),
        (
            ContentModeratedError("no such pictures"),
            400,
            "image_generation_user_error",
            "moderation_blocked",
        ),
    ],
)
def test_a_failed_job_is_an_error_that_is_not_tried_again(
    site: Site, failure: Exception, status: int, kind: str, code: str
) -> None:
    with site.working(raising(failure)):
        answer = site.generate()
    error = site.error(answer, status)
    assert (error["type"], error["code"]) == (kind, code)
    assert answer.headers["x-should-retry"] == "false"


def test_what_the_model_refuses_names_the_fields_of_the_request(site: Site) -> None:
    for fields, param in (
        ({"size": "9999x64"}, "size"),
        ({"n": 11}, "n"),
        ({"n": "many"}, "n"),
        ({"n": True}, "n"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "svg"}, "output_format"),
        ({"output_compression": 101}, "output_compression"),
        ({"partial_images": 4, "stream": True}, "partial_images"),
        ({"steps": 10_000}, "steps"),
        ({"seed": -1}, "seed"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"priority": "huge"}, "priority"),
        ({"webhook": {"url": "http://10.0.0.1/x"}}, "webhook.url"),
        ({"model": FLORENCE2}, "model"),
    ):
        assert site.error(site.generate(**fields), 400)["param"] == param, fields
    error = site.error(site.generate(model="dall-e-3"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "dall-e-3" in error["message"]
    assert FLUX in error["message"]
    assert site.rows() == []


def test_a_name_that_no_database_stores_is_ignored_like_others(site: Site) -> None:
    with site.working():
        answer = site.generate(**{"a\x00b": 1})
    assert answer.status_code == 200
    assert answer.headers["bottega-ignored"] == "a_b"


def test_half_a_surrogate_pair_is_refused(site: Site) -> None:
    headers = {"Content-Type": "application/json"}
    for name in ("prompt", "model", "user\ud800"):
        sent = json.dumps({"model": FLUX, "prompt": "a star", name: "\ud800"})
        answer = site.http.post("/openai/v1/images/generations", content=sent, headers=headers)
        site.error(answer, 400)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"a"', b"\xff", b"null", b""])
@pytest.mark.parametrize("call", ["images/generations", "images/edits", "chat/completions"])
def test_what_is_no_request_is_refused_in_the_same_form(site: Site, call: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = site.http.post(f"/openai/v1/{call}", content=body, headers=headers)
    assert site.error(answer, 400)["type"] == "invalid_request_error"


def test_errors_before_and_beside_the_calls_have_the_same_form(site: Site) -> None:
    http = site.http
    bad = {"Authorization": "Bearer bt_bad"}
    assert site.error(http.get("/openai/v1/models", headers=bad), 401)["code"] == "invalid_api_key"
    none = httpx.get(f"{http.base_url}/openai/v1/models")
    assert site.error(none, 401)["code"] == "invalid_api_key"
    for call in ("responses", "videos", "batches", "images/variations", "nothing"):
        message = site.error(http.post(f"/openai/v1/{call}", json={}), 404)["message"]
        assert "/images/generations" in message
    site.error(http.get("/openai/v1/images/generations"), 405)
    large = b'{"prompt": "' + b"a" * 1_100_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = http.post("/openai/v1/images/generations", content=large, headers=headers)
    site.error(answer, 413)


def test_three_calls_are_also_at_the_root(site: Site) -> None:
    sent = {"model": FLUX, "prompt": "a"}
    with site.working():
        assert site.http.post("/v1/images/generations", json=sent).json()["data"]
    assert site.error(site.http.post("/v1/images/edits", json=sent), 400)["param"] == "image"
    asked = site.http.post("/v1/chat/completions", json={"model": FLUX, "messages": [{}]})
    assert site.error(asked, 400)["param"] == "model"
    assert site.http.get("/v1/models").json()["models"]


def test_a_form_and_json_ask_for_the_same_edit(site: Site) -> None:
    file_id = site.http.post("/openai/v1/files", files={"file": SOURCE}).json()["id"]
    fields = {"model": FLUX, "prompt": "a star", "strength": 0.9, "seed": 3}
    metadata = {"team": "a", "run": "7"}
    as_json = {**fields, "metadata": metadata, "images": [{"file_id": file_id}]}
    as_json["mask"] = {"image_url": data_uri(mask())}
    as_text = {name: str(value) for name, value in fields.items()}
    as_text |= {f"metadata[{name}]": value for name, value in metadata.items()}
    files = {"image[]": ("a.png", SOURCE), "mask": ("m.png", mask())}
    with site.working():
        one = site.http.post("/openai/v1/images/edits", json=as_json)
        two = site.http.post("/openai/v1/images/edits", data=as_text, files=files)
    assert (one.status_code, two.status_code) == (200, 200), (one.text, two.text)
    [first, second] = site.rows("input, metadata")
    assert first == second
    assert first[1] == metadata
    stored = Image.open(io.BytesIO(site.station.store.get(first[0]["mask"]).data))
    assert (stored.mode, stored.size) == ("L", (128, 64))
    assert [stored.getpixel((x, 32)) for x in (10, 100)] == [255, 0]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"image": None}, "image"),
        ({"image": b"no picture"}, "image"),
        ({"image": encoded(Image.new("RGB", (64, 64)), "TIFF")}, "image"),
        ({"mask": SOURCE}, "mask"),
        ({"mask": b"no picture"}, "mask"),
        ({"mask": encoded(Image.new("RGBA", (64, 64)))}, "mask"),
        ({"more": SOURCE}, "image"),
    ],
)
def test_a_picture_that_cannot_be_used_is_an_error_of_its_field(
    site: Site, changes: dict[str, Any], param: str
) -> None:
    parts: dict[str, Any] = {"image": SOURCE, **changes}
    files = [("image" if name == "more" else name, data) for name, data in parts.items() if data]
    sent = {"model": FLUX, "prompt": "a star", "size": ""}
    answer = site.http.post("/openai/v1/images/edits", data=sent, files=files)
    assert site.error(answer, 400)["param"] == param
    assert site.rows() == []


def test_without_a_mask_the_transparent_area_is_repainted(site: Site) -> None:
    fields = {"model": FLUX, "prompt": "a star", "strength": "0.9"}
    opaque = encoded(Image.new("RGBA", (128, 64), "white"))
    faint = encoded(Image.new("RGBA", (128, 64), (255, 255, 255, 200)))
    with site.working():
        for picture in (mask(), opaque, faint):
            files = {"image": ("a.png", picture)}
            answer = site.http.post("/openai/v1/images/edits", data=fields, files=files)
            assert answer.status_code == 200, answer.text
    [[first], [second], [third]] = site.rows("input")
    stored = Image.open(io.BytesIO(site.station.store.get(first["mask"]).data))
    assert [stored.getpixel((x, 32)) for x in (10, 100)] == [255, 0]
    assert second["mask"] is third["mask"] is None


def test_a_file_that_has_no_meaning_is_ignored_and_told(site: Site) -> None:
    files = {"image": ("a.png", SOURCE), "markup": ("m.png", SOURCE), "prompt": ("p", b"a star")}
    sent = {"model": FLUX, "prompt": "a star"}
    with site.working():
        answer = site.http.post("/openai/v1/images/edits", data=sent, files=files)
    assert answer.headers["bottega-ignored"] == "markup"


def test_an_upload_is_no_larger_than_a_picture(site: Site) -> None:
    files = {"file": ("a.png", b"\0" * 20_100_000)}
    site.error(site.http.post("/openai/v1/files", files=files), 413)


def test_a_painted_picture_that_cannot_be_read_is_not_painted_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_key: str) -> None:
        raise StoreUnavailableError

    with site.working():
        assert site.generate().status_code == 200
        monkeypatch.setattr(site.app.state.services.store, "get", fail)
        answer = site.generate()
    assert site.error(answer, 503)["code"] == "unavailable"
    assert answer.headers["x-should-retry"] == "false"
    assert site.rows("id")[1][0] == answer.headers["bottega-job"]


def test_an_edit_is_a_form_or_json(site: Site) -> None:
    call = "/openai/v1/images/edits"
    for content_type in ("text/plain", "image/png", ""):
        headers = {"Content-Type": content_type}
        site.error(site.http.post(call, content=b'{"prompt": "a"}', headers=headers), 415)
    sent = {"model": FLUX, "prompt": "a star"}
    assert site.error(site.http.post(call, data=sent), 400)["param"] == "image"


def test_too_many_parts_are_refused(site: Site) -> None:
    files = [("image[]", (f"{n}.png", SOURCE)) for n in range(18)]
    sent = {"model": FLUX, "prompt": "a star"}
    site.error(site.http.post("/openai/v1/images/edits", data=sent, files=files), 400)


def test_what_cannot_be_paid_is_insufficient_quota(site: Site) -> None:
    site.limit("images_per_month = 0")
    answer = site.generate()
    assert site.error(answer, 429)["code"] == "insufficient_quota"
    assert answer.headers["x-should-retry"] == "false"


def test_where_a_part_is_refused_the_parts_before_it_are_canceled(site: Site) -> None:
    site.limit("max_in_flight = 2")
    answer = site.generate(n=10)
    assert site.error(answer, 429)["code"] == "rate_limit_exceeded"
    assert answer.headers["retry-after"]
    assert site.rows() == [("canceled",), ("canceled",)]
    assert site.units() == 0


def test_models_are_those_offered(site: Site) -> None:
    listed = site.http.get("/openai/v1/models").json()
    assert (listed["object"], [each["id"] for each in listed["data"]]) == (
        "list",
        [FLUX, FLORENCE2],
    )
    for name in (FLUX, f"bottega/{FLUX}", f"bottega%2F{FLUX}"):
        found = site.http.get(f"/openai/v1/models/{name}").json()
        assert found == listed["data"][0]
    error = site.error(site.http.get("/openai/v1/models/gpt-image-1"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_files_are_uploaded_listed_read_and_deleted(site: Site) -> None:
    http = site.http
    sent = http.post("/openai/v1/files", files={"file": ("a.png", SOURCE)}, data={"purpose": "x"})
    made = sent.json()
    assert (made["object"], made["filename"], made["purpose"]) == ("file", "a.png", "x")
    assert (made["bytes"], made["status"]) == (len(SOURCE), "processed")
    other = encoded(Image.new("RGB", (64, 64), "red"))
    second = http.post("/openai/v1/files", files={"file": other}).json()
    listed = http.get("/openai/v1/files").json()
    assert [each["id"] for each in listed["data"]] == [second["id"], made["id"]]
    assert listed["has_more"] is False
    page = http.get("/openai/v1/files", params={"limit": 1}).json()
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([second["id"]], True)
    rest = http.get("/openai/v1/files", params={"after": page["last_id"]}).json()
    assert [each["id"] for each in rest["data"]] == [made["id"]]
    oldest = http.get("/openai/v1/files", params={"order": "asc", "limit": 1}).json()
    assert [each["id"] for each in oldest["data"]] == [made["id"]]
    assert http.get(f"/openai/v1/files/{made['id']}").json() == made
    content = http.get(f"/openai/v1/files/{made['id']}/content")
    assert (content.content, content.headers["content-type"]) == (SOURCE, "image/png")
    gone = http.delete(f"/openai/v1/files/{made['id']}").json()
    assert gone == {"id": made["id"], "object": "file", "deleted": True}
    for call in ("", "/content"):
        site.error(http.get(f"/openai/v1/files/{made['id']}{call}"), 404)
    site.error(http.get("/openai/v1/files", params={"after": "nonsense"}), 400)
    site.error(http.post("/openai/v1/files", files={"file": b"{}"}), 400)


def test_another_tenant_s_files_are_not_found(site: Site) -> None:
    made = site.http.post("/openai/v1/files", files={"file": SOURCE}).json()
    stranger = add_tenant(site.database)
    with site.database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=stranger, name="")
    http = httpx.Client(base_url=site.http.base_url, headers={"Authorization": f"Bearer {key}"})
    assert http.get("/openai/v1/files").json()["data"] == []
    for call in ("", "/content"):
        site.error(http.get(f"/openai/v1/files/{made['id']}{call}"), 404)
    site.error(http.delete(f"/openai/v1/files/{made['id']}"), 404)
    http.close()


def test_a_webhook_of_the_request_has_the_native_form(site: Site) -> None:
    hook = {"url": "https://receiver.example.org/hook", "events": ["job.succeeded"]}
    with site.working():
        assert site.generate(webhook=hook).status_code == 200
    [[kept]] = site.rows("webhook")
    assert (kept["url"], kept["events"]) == (hook["url"], hook["events"])


def test_the_document_describes_the_calls(site: Site) -> None:
    document = httpx.get(f"{site.http.base_url}/openai/openapi.json").json()
    calls = {path.removeprefix("/v1") for path in document["paths"]}
    assert {"/images/generations", "/images/edits", "/chat/completions", "/files"} <= calls
    assert "#/$defs" not in json.dumps(document)
    answers = [each["responses"] for path in document["paths"].values() for each in path.values()]
    assert all("400" in each and "422" not in each for each in answers)
