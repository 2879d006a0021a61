"""Promises of HTTP for every path: HEAD, OPTIONS, `Allow`, both spellings, validators, CORS."""

from collections.abc import Iterator

import pytest

from db.core.session import Database
from tests.integration.api.protocol.walk import ORIGIN, PAGES, Walker, walking
from tests.support.apis import MakeApi

VARYING = {"x-request-id", "ratelimit", "x-fal-request-id", "retry-after", "set-cookie"}
NO_LIMIT = {"BOTTEGA_ANONYMOUS_CALLS_PER_MINUTE": "100000"}
ANY_CLOCK = {"/readyz", "/healthz", "/metrics", "/v1/webhooks/secret", "/v1/usage"}


@pytest.fixture
def walker(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[Walker]:
    app = make_api(BOTTEGA_CORS_ORIGINS=f"{ORIGIN}, http://localhost:5173", **NO_LIMIT)
    with walking(app, database, tenant_id) as opened:
        yield opened


def is_page(path: str) -> bool:
    return path in ("/", "/docs", "/metrics") or path.startswith((*PAGES, "/docs/", "/v1/admin/"))


def test_head_is_get_without_a_body_on_every_path(walker: Walker) -> None:
    for each in walker.paths():
        get, head = (walker.ask(method, each.path) for method in ("GET", "HEAD"))
        assert head.content == b"", each
        assert head.status_code == get.status_code, each
        assert (get.status_code == 405) == ("GET" not in each.methods), each
        if each.path in ANY_CLOCK:
            continue
        shown = [
            {name: value for name, value in answer.headers.items() if name not in VARYING}
            for answer in (get, head)
        ]
        assert shown[0] == shown[1], each


def test_options_tells_the_methods_of_every_path_without_a_key(walker: Walker) -> None:
    for each in walker.paths():
        answer = walker.http.options(each.path)
        allowed = set(answer.headers["allow"].split(", "))
        assert answer.status_code == 204, each
        assert answer.content == b""
        assert each.methods | {"OPTIONS"} <= allowed, each
        assert ("HEAD" in allowed) == ("GET" in each.methods), each
    assert walker.http.options("/v1/nothing").status_code == 404


def test_a_method_that_a_path_has_not_is_told_those_that_it_has(walker: Walker) -> None:
    for each in walker.paths():
        refused = walker.ask("BREW", each.path)
        assert refused.status_code == 405, each
        assert refused.headers["allow"] == walker.http.options(each.path).headers["allow"], each


def test_a_path_means_the_same_with_a_slash_at_its_end(walker: Walker) -> None:
    for each in walker.paths():
        if each.path == "/" or "none.css" in each.path:
            continue
        bare, slashed = (walker.ask("GET", path) for path in (each.path, f"{each.path}/"))
        assert bare.status_code == slashed.status_code, each
        assert bare.headers.get("location") == slashed.headers.get("location"), each
        assert "://" not in bare.headers.get("location", ""), each


def test_every_answer_is_readable_by_the_origins_that_are_set_and_no_page_is(
    walker: Walker,
) -> None:
    for each in walker.paths():
        answer = walker.ask("GET", each.path, Origin=ORIGIN)
        allowed = answer.headers.get("access-control-allow-origin")
        if is_page(each.path):
            assert allowed is None, each
            continue
        assert allowed in (ORIGIN, "*"), each
        assert "access-control-allow-credentials" not in answer.headers
        assert "ETag" in answer.headers["access-control-expose-headers"]
        if allowed == "*":
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            continue
        assert "Origin" in answer.headers["vary"], each
        for origin in ({"Origin": "https://other.example"}, {"Origin": "null"}, {}):
            other = walker.http.get(each.path, headers=origin)
            assert "access-control-allow-origin" not in other.headers, each
            assert "Origin" in other.headers["vary"], each


def test_a_preflight_is_answered_on_every_path_without_a_key(walker: Walker) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key,x-stainless-os",
    }
    for each in walker.paths():
        answer = walker.http.options(each.path, headers=asked)
        assert answer.status_code == 204, each
        allowed = answer.headers.get("access-control-allow-origin")
        if is_page(each.path):
            assert allowed is None, each
            continue
        assert allowed in (ORIGIN, "*"), each
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "idempotency-key" in answer.headers["access-control-allow-headers"]
        assert int(answer.headers["access-control-max-age"]) > 0
        other = walker.http.options(each.path, headers={**asked, "Origin": "https://o.example"})
        assert other.status_code == 204
        if allowed != "*":
            assert "access-control-allow-origin" not in other.headers


UNKNOWN = ("//v1/jobs", "/nothing", "/v1/nothing", "/v2/jobs", "/v1//jobs", "/api/jobs", "/V1/jobs")


def test_a_path_that_does_not_exist_is_told_to_the_origins_that_are_set(walker: Walker) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-key"}
    for path in UNKNOWN:
        url = f"http://testserver{path}"
        for origin, allowed in ((ORIGIN, ORIGIN), ("https://other.example", None)):
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                answer = walker.http.request(
                    method, url, headers={"Origin": origin}, follow_redirects=False
                )
                assert answer.headers.get("access-control-allow-origin") == allowed, (method, path)
            preflight = walker.http.options(url, headers={**asked, "Origin": origin})
            assert preflight.status_code == 204
            assert preflight.headers.get("access-control-allow-origin") == allowed, path


@pytest.mark.parametrize("path", ["/bfl/v1/get_result", "/v1/get_result"])
def test_a_poll_without_a_key_is_no_signed_link(walker: Walker, path: str) -> None:
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://other.example", None), ("null", None)):
        answer = walker.http.get(path, params={"id": "job_x"}, headers={"Origin": origin})
        assert answer.status_code in (200, 404)
        assert answer.headers.get("access-control-allow-origin") == allowed, origin


def test_what_a_client_has_is_not_sent_again(walker: Walker) -> None:
    validated = 0
    for each in walker.paths():
        first = walker.ask("GET", each.path)
        tag = first.headers.get("etag")
        if tag is None or each.path in ANY_CLOCK:
            assert (
                first.status_code != 200
                or "no-store" in first.headers.get("cache-control", "")
                or each.path in ANY_CLOCK
            ), each
            continue
        validated += 1
        method, sent = ("GET", "HEAD")[validated % 2], (tag, f"W/{tag.removeprefix('W/')}", "*")
        headers = {"If-None-Match": sent[validated % 3]}
        same = walker.ask(method, each.path, **headers)
        assert same.status_code == 304, (each, headers)
        assert same.content == b""
        assert same.headers["etag"] == tag
        assert same.headers["cache-control"] == first.headers["cache-control"]
        assert "content-type" not in same.headers
    assert validated > 20


def test_without_a_setting_no_origin_may_call_and_every_one_reads_links(
    make_api: MakeApi, database: Database, tenant_id: str
) -> None:
    with walking(make_api(**NO_LIMIT), database, tenant_id) as plain:
        for path in ("/v1/jobs", "/v1/models", "/openai/v1/models", "/livez"):
            answer = plain.ask("GET", path, Origin=ORIGIN)
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control")]
        for path in ("/v1/artifacts/x/0.png", "/artifacts/x/0.png", "/fal/files/x"):
            assert plain.ask("GET", path).headers["access-control-allow-origin"] == "*"
