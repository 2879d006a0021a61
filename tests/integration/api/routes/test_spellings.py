"""One meaning in many spellings: blanks, numbers, data URIs; and refusals that say what to send."""

import base64
import gzip
import json
import re
import textwrap
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.station import picture

Json = dict[str, Any]

PAINT: Json = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
BLANKS = (None, "", "\u3000\n")
PYTHON = re.compile(
    r"<class|tuple|dictionary|extract fields|match pattern|Input should|valid (string|integer|list)"
    r"|Field required|None\b|True\b|False\b|\bstr\b|\bint\b|decode error|\[a-z|\\d|\^\["
)
"""Words that no refusal may hold."""

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def client(make_api: MakeApi, database: Database) -> Iterator[TestClient]:
    """A tenant's client, which also has an operator's key in `operator`."""
    tenant_id = jobs.add_tenant(database)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
        _, own = api_keys.create(session, tenant_id=None, name="op")
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as opened:
        opened.operator = {"Authorization": f"Bearer {own}"}  # type: ignore[attr-defined]
        yield opened


def quote(client: TestClient, body: Json | str | bytes, **headers: str) -> httpx.Response:
    content = json.dumps(body) if isinstance(body, dict) else body
    path = "/v1/jobs?dry_run=true"
    return client.post(path, content=content, headers={**HEADERS, **headers})


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    problem = answer.json()
    found: str = problem["detail"]
    for text in (found, *(each["msg"] for each in problem.get("errors", ()))):
        assert not PYTHON.search(text), text
    return found


def test_blank_fields_of_a_submission_are_absent(client: TestClient) -> None:
    plain = quote(client, PAINT).json()
    for blank in BLANKS:
        for name in ("priority", "expires_in_seconds", "metadata", "webhook"):
            assert quote(client, {**PAINT, name: blank}).json() == plain
        for name in ("image", "width", "seed", "aspect_ratio", "output_format", "loras"):
            body = {**PAINT, "input": {**PAINT["input"], name: blank}}
            assert quote(client, body).json() == plain
        missing = {**PAINT, "input": {"prompt": blank}}
        assert detail(quote(client, missing), 422) == "input.prompt: give a prompt"
        assert detail(quote(client, {**PAINT, "model": blank}), 422) == "model: give a model"
        hook = {**PAINT, "webhook": {"url": blank}}
        assert detail(quote(client, hook), 422) == "webhook.url: give a url"


def test_blank_entries_of_a_list_are_refused(client: TestClient) -> None:
    for entries in ([""], [None], [" ", "file_x"]):
        body = {"model": "flux.2-klein-4b", "input": {"prompt": "x", "images": entries}}
        said = detail(quote(client, body), 422)
        assert said == "input.images.0: is empty: give a value, or leave the entry out"


def test_blank_parameters_of_a_query_are_absent(client: TestClient) -> None:
    every = client.get("/v1/jobs").json()
    for query in ("state=", "state=%20&model=%E3%80%80", "created_after=&limit=&cursor="):
        assert client.get(f"/v1/jobs?{query}").json() == every
    assert detail(client.post("/v1/jobs?dry_run=", json=PAINT), 422).startswith("dry_run: ")


def test_metadata_is_data(client: TestClient) -> None:
    metadata = {"a": "", "b": " ", "": "c"}
    job = client.post("/v1/jobs", json={**PAINT, "metadata": metadata}).json()
    assert job["metadata"] == metadata


def test_operators_send_numbers_in_any_spelling(client: TestClient) -> None:
    admin = {**HEADERS, **client.operator}  # type: ignore[attr-defined]

    def change(content: str) -> httpx.Response:
        return client.patch("/v1/admin/tiers/free", content=content, headers=admin)

    found = change('{"max_in_flight": 7.0, "requests_per_minute": 6e1, "weight": 2}').json()
    assert (found["max_in_flight"], found["requests_per_minute"]) == (7, 60)
    assert (
        change('{"requests_per_minute": null, "models": " "}').json()["requests_per_minute"] is None
    )
    assert detail(change('{"max_in_flight": 7.5}'), 422) == (
        "max_in_flight: should be a whole number, without a fraction"
    )
    assert detail(change('{"max_in_flight": true}'), 422).endswith("should be a whole number")
    answer = client.post("/v1/admin/tenants", content='{"name": " "}', headers=admin)
    assert detail(answer, 422) == "name: give a name"


def test_a_picture_is_read_from_any_data_uri(client: TestClient) -> None:
    data = base64.b64encode(picture()).decode()
    uris = [
        f"data:image/png;charset=utf-8;base64,{data}",
        f"DATA:;BASE64, {data.rstrip('=')}",
        "data:image/png;name=a.png;base64," + "\r\n".join(textwrap.wrap(data, 76)),
        "data:application/octet-stream;base64," + urllib.parse.quote(data, safe=""),
        "data:image/png," + urllib.parse.quote_from_bytes(base64.b64decode(data)),
    ]
    for uri in uris:
        body = {"model": "florence-2-demo", "input": {"image": uri, "task": "<OD>"}}
        assert quote(client, body).status_code == 200, uri[:60]
    broken = {"model": "florence-2-demo", "input": {"image": "data:image/png", "task": "<OD>"}}
    assert "no comma" in detail(quote(client, broken), 422)


TEXT = '{"model": "flux.1-demo", "input": {"prompt": "x", "seed": 7}}'


SLIPS: tuple[tuple[str | bytes, int, str], ...] = (
    (TEXT[:-1] + ",}", 422, "column 62 is no JSON: a comma stands before the closing }"),
    (TEXT.replace('"', "'"), 422, "double quotes"),
    (TEXT.replace("7", "NaN"), 422, "input.seed: NaN is no number of JSON"),
    (TEXT.replace("7", "-Infinity"), 422, "input.seed: -Infinity is no number"),
    (TEXT.replace("7", "1e999"), 422, "input.seed: the number is larger than any"),
    (TEXT.replace("7", "9" * 5_000), 422, "input.seed: the whole number has too many digits"),
    (TEXT.replace("7", '[1, {"a": NaN}]'), 422, "input.seed.1.a: NaN is no number of JSON"),
    (TEXT.replace("7", "True"), 422, "write true, false or null"),
    (TEXT.replace('"seed": 7', '"prompt": "y"'), 422, "input.prompt: the field is given twice"),
    (TEXT.replace('"model"', '"input": 7, "model"'), 422, "input: the field is given twice"),
    (TEXT.replace("7", "1.8446744073709552e19"), 422, "input.seed: is not exact in this"),
    (TEXT.replace("7", '"7"'), 422, "input.seed: should be a whole number, without quotes"),
    (TEXT.replace("7", "7.5"), 422, "input.seed: should be a whole number, without a fraction"),
    (TEXT.replace("seed", "sead"), 422, "did you mean seed?"),
    (TEXT.replace('{"prompt": "x", "seed": 7}', '"x"'), 422, "input: should be an object"),
    (TEXT.encode("utf-16"), 400, "send JSON in UTF-8"),
    (TEXT.replace("x", "é").encode("latin-1"), 400, "send JSON in UTF-8"),
    ("", 422, "body: send a JSON object"),
    ("[]", 422, "body: should be an object"),
)


def test_a_slip_in_a_body_is_told(client: TestClient) -> None:
    for content, status, said in SLIPS:
        assert said in detail(quote(client, content), status)


def test_a_body_of_another_encoding_or_type_is_told(client: TestClient) -> None:
    packed = quote(client, gzip.compress(TEXT.encode()), **{"Content-Encoding": "gzip"})
    assert "not compressed" in detail(packed, 415)
    assert packed.headers["accept-encoding"] == "identity"
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert "application/json" in detail(quote(client, TEXT, **{"Content-Type": kind}), 415)
    assert quote(client, b"\xef\xbb\xbf" + TEXT.encode()).status_code == 200


def test_a_slip_in_an_upload_is_told(client: TestClient) -> None:
    png = picture()
    for sent in (
        {"content": png, "headers": {"Content-Type": "image/png"}},
        {"files": {"file": (None, "abc")}},
        {"data": {"file": "abc"}},
    ):
        said = detail(client.post("/v1/files", **sent), 422)  # type: ignore[arg-type]
        assert "multipart/form-data" in said
    misnamed = client.post("/v1/files", files={"picture": ("a.png", png)})
    assert "takes no 'picture'; it takes file" in detail(misnamed, 422)
    large = client.post("/v1/files", files={"file": ("a.png", bytes(20_000_500))})
    assert "20000500 bytes" in detail(large, 422)


WRONG_FIELDS: tuple[tuple[Json, str], ...] = (
    ({"webhook": "https://a.example/x"}, 'webhook: should be an object: {"url": "https://…"}'),
    ({"webhook": {"url": "https://a.example/x", "events": "job.failed"}}, "should be a list"),
    ({"webhook": {"url": "https://a.example/x", "events": ["end"]}}, "job.succeeded"),
    ({"priority": "urgent"}, "priority: should be low, normal or high"),
    ({"expires_in_seconds": "60"}, "should be a number, without quotes"),
    ({"metadata": ["a"]}, "metadata: should be an object"),
    ({"metadata": {"a": 7}}, "metadata.a: should be text"),
    ({"webhok": {}}, "webhok: there is no such field"),
    ({"input": {"prompt": "x", "aspect_ratio": "1.78"}}, "such as 16:9"),
    ({"input": {"prompt": "x", "output_format": "gif"}}, "should be png, jpeg or webp"),
    ({"input": {"prompt": "x", "embed_metadata": "yes"}}, "should be true or false, without"),
    ({"input": {"prompt": "x", "width": 100_000}}, "width: should be at most"),
    ({"input": {"prompt": "x", "loras": "x"}}, "loras: should be a list"),
    ({"input": {"prompt": "x", "loras": ["x"]}}, "loras.0: should be an object"),
    ({"input": {"prompt": ["x"]}}, "prompt: should be text"),
    ({"input": {"prompt": "x" * 6_000}}, "prompt: should have at most 5000 characters"),
)


def test_a_slip_in_a_field_is_told(client: TestClient) -> None:
    for fields, said in WRONG_FIELDS:
        assert said in detail(quote(client, {**PAINT, **fields}), 422)


def test_a_plus_that_became_a_blank_is_told(client: TestClient) -> None:
    for name in ("2026-11-30T00:00:00+02:00", "2026-11-30T00:00+0200"):
        assert "%2B" in detail(client.get(f"/v1/jobs?created_after={name}"), 422)
    escaped = urllib.parse.quote("2026-11-30T00:00:00+02:00")
    assert client.get(f"/v1/jobs?created_after={escaped}").status_code == 200


NAMES = [
    ("num_inference_steps", "did you mean steps?"),
    ("n", "did you mean num_images?"),
    ("size", "did you mean width and height?"),
    ("PROMPT", "did you mean prompt?"),
    ("Image_URL", "did you mean image?"),
    ("guidance_scale", "did you mean guidance?"),
    ("qualitative", "there are prompt"),
]


@pytest.mark.parametrize(("name", "hint"), NAMES)
def test_names_of_other_apis_and_capitals_are_told_the_parameter(
    client: TestClient, name: str, hint: str
) -> None:
    body = {**PAINT, "input": {**PAINT["input"], name: 1}}
    assert hint in detail(quote(client, body), 422)


def test_a_model_in_capitals_is_told_the_model(client: TestClient) -> None:
    answer = quote(client, {**PAINT, "model": "FLUX.1-DEMO"})
    assert "did you mean flux.1-demo?" in answer.json()["detail"].lower()


@pytest.mark.parametrize("region", [[], [1, 2, 3], [1, 2, 3, 4, 5], [None, 1, 2]])
def test_a_region_of_another_length_is_told_once(client: TestClient, region: list[int]) -> None:
    body = {"task": "region_to_category", "image": "file_x", "region": region}
    answer = quote(client, {"model": "florence-2-demo", "input": body})
    found = detail(answer, 422)
    assert "four numbers, [x1, y1, x2, y2]" in found or "is empty" in found


@pytest.mark.parametrize("value", [7, {"url": "https://example.org/a.png"}, ["a"], True])
def test_a_picture_that_is_no_text_is_told_what_names_one(client: TestClient, value: Any) -> None:
    body = {"model": "florence-2-demo", "input": {"task": "caption", "image": value}}
    found = detail(quote(client, body), 422)
    assert "input.image: should be text: a URL, a data URI or the id of a file" in found


@pytest.mark.parametrize("blank", ["\u3164", "\u2800", "\uffa0\u034f", "\ufe0f", "\U000e0020"])
def test_a_prompt_that_shows_nothing_is_missing(client: TestClient, blank: str) -> None:
    body = {**PAINT, "input": {"prompt": blank}}
    assert detail(quote(client, body), 422) == detail(quote(client, {**PAINT, "input": {}}), 422)


@pytest.mark.parametrize("digits", ["9007199254740993.0", "9007199254740991.4", "1e-999"])
def test_a_seed_that_its_reading_rounds_is_refused(client: TestClient, digits: str) -> None:
    text = json.dumps({**PAINT, "input": {"prompt": "a", "seed": 0}})
    found = detail(quote(client, text.replace('"seed": 0', f'"seed": {digits}')), 422)
    assert "without a point or exponent" in found
