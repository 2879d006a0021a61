"""Any input gets a response that is no internal error."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

text = st.text(st.characters(codec=None), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from(["<OD>", "file_" + "0" * 26, "data:image/png;base64,AAAA", "16:9", "png"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
names = st.sampled_from(
    [
        *("prompt", "width", "height", "aspect_ratio", "num_images", "steps", "guidance", "seed"),
        *("output_format", "output_quality", "image", "task", "tasks", "text", "num_beams"),
        *("max_new_tokens", "model", "input", "priority", "expires_in_seconds", "metadata"),
        *("mask", "images", "control_image", "fit", "strength", "loras"),
    ]
)
inputs = st.dictionaries(names | text, values, max_size=5)
models = st.sampled_from(["flux.1-demo", "florence-2-demo", "flux.1-canny-dev", "flux.2-klein-4b"])
submissions = st.fixed_dictionaries(
    {"model": models | values, "input": inputs | values},
    optional={
        "priority": values,
        "expires_in_seconds": values,
        "metadata": st.dictionaries(text, text, max_size=3) | values,
    },
)


@pytest.fixture
def client(make_api: MakeApi, database: Database) -> Iterator[TestClient]:
    """A tenant's client of an API process in this interpreter."""
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=jobs.add_tenant(database), name="")
    with TestClient(make_api(), headers={"x-key": key}) as opened:
        yield opened


def answered(client: TestClient, body: str | bytes, **query: Any) -> int:
    """The status of a submission; the response must be JSON of the right kind."""
    kind = {"content-type": "application/json"}
    answer = client.post("/v1/jobs", content=body, headers=kind, params=query)
    assert answer.status_code < 500, answer.text
    accepted = answer.status_code in {200, 202}
    expected = "application/json" if accepted else "application/problem+json"
    assert answer.headers["content-type"] == expected
    assert answer.json()
    return answer.status_code


@EXAMPLES
@given(body=submissions)
def test_any_submission_is_accepted_or_refused(client: TestClient, body: dict[str, Any]) -> None:
    answered(client, json.dumps(body))


@EXAMPLES
@given(body=values)
def test_any_json_is_refused_or_accepted(client: TestClient, body: Any) -> None:
    assert answered(client, json.dumps(body)) in {202, 422}


@EXAMPLES
@given(body=st.binary(max_size=50) | text.map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused(client: TestClient, body: bytes) -> None:
    assert answered(client, body, dry_run=True) in {400, 422}


queries = st.dictionaries(
    st.sampled_from(
        [
            *("state", "model", "created_after", "limit", "cursor", "wait", "from", "to"),
            *("group_by", "format"),
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.integers().map(str)
    | st.datetimes().map(str)
    | st.sampled_from(["csv", "model,day", "queued", "9999-12-31T23:59:59-23:59", "am9i", "nan"]),
    max_size=3,
)


@EXAMPLES
@given(query=queries, path=st.sampled_from(["/v1/jobs", "/v1/jobs/job_x", "/v1/usage"]))
def test_any_query_is_answered(client: TestClient, query: dict[str, str], path: str) -> None:
    answer = client.get(path, params=query)
    assert answer.status_code in {200, 404, 422}, answer.text


@EXAMPLES
@given(name=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_path_is_answered(client: TestClient, name: str) -> None:
    for path in ("/v1/jobs/{}", "/v1/jobs/{}/events", "/v1/models/{}", "/v1/artifacts/{}/0.png"):
        answer = client.get(path.format(quote(name, safe="")))
        assert answer.status_code < 500, answer.text


@EXAMPLES
@given(value=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
def test_any_header_is_answered(client: TestClient, value: str) -> None:
    raw = value.strip().encode("latin-1")
    names = ("x-key", "authorization", "prefer", "if-none-match", "last-event-id")
    for name in names:
        answer = client.get("/v1/jobs/job_x/events", headers={name: raw})
        # 429: many wrong keys came from one address.
        assert answer.status_code in {401, 404, 429}, answer.text


@EXAMPLES
@given(key=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
def test_any_idempotency_key_is_taken_or_refused(client: TestClient, key: str) -> None:
    headers = {"idempotency-key": key.encode("latin-1")}
    body = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
    answers = [client.post("/v1/jobs", json=body, headers=headers) for _ in range(2)]
    visible = key != "" and all("!" <= character <= "~" for character in key)
    assert [answer.status_code for answer in answers] == [202 if visible else 422] * 2
    assert len({answer.json().get("id") for answer in answers}) == 1
