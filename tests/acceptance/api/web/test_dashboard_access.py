"""Access to the dashboard: sign-in, sessions, and protection of its forms."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.routing import Route

from api.web.dashboard.app import ROUTERS
from db.tenants import api_keys
from tests.acceptance.stack import Client, Stack

COOKIE = "bottega_session"
OPEN = {"/sign-in"}
FORMS = {"/sign-out", *OPEN}
"""The forms that a viewer may send, too."""

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]
WRITES = sorted(r.path for r in ROUTES if "POST" in (r.methods or ()) and r.path not in FORMS)
READS = sorted(r.path for r in ROUTES if "GET" in (r.methods or ()) and r.path not in OPEN)


def filled(path: str) -> str:
    """A route's path with a value for every parameter."""
    return "/dashboard" + path.replace("{action}", "cancel").replace("{n}", "0").replace(
        "{job_id}", "job_1"
    ).replace("{variant}", "flux.1-demo").replace("{", "").replace("}", "")


def browser(stack: Stack, **headers: str) -> httpx.Client:
    """A client that stores cookies and follows no redirects."""
    return httpx.Client(base_url=stack.url, headers={"Origin": stack.url, **headers})


@contextmanager
def signed_in(stack: Stack, key: str) -> Iterator[httpx.Client]:
    """A client that is signed in with a key."""
    with browser(stack) as client:
        answer = client.post("/dashboard/sign-in", data={"key": key})
        assert answer.status_code == 303, answer.text
        yield client


def csrf_of(client: httpx.Client) -> str:
    """The token in this session's pages."""
    match = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/dashboard/").text)
    assert match is not None
    return match[1]


@pytest.fixture
def operator_key(stack: Stack) -> str:
    """A new operator's key."""
    with stack.database.transaction() as session:
        return api_keys.create(session, tenant_id=None, name="access test")[1]


def test_the_lists_of_routes_are_not_empty() -> None:
    assert len(WRITES) >= 13
    assert len(READS) >= 10


def test_a_signed_out_browser_is_redirected_to_the_sign_in(stack: Stack) -> None:
    with browser(stack) as client:
        for path in READS:
            answer = client.get(filled(path))
            assert (answer.status_code, answer.headers.get("location")) == (
                303,
                "/dashboard/sign-in",
            ), path
        for path in WRITES:
            assert client.post(filled(path), data={"csrf": "0" * 64}).status_code == 303, path
        refreshed = client.get("/dashboard/", headers={"HX-Request": "true"})
        assert refreshed.status_code == 401
        assert refreshed.headers["HX-Redirect"] == "/dashboard/sign-in"


def test_a_viewer_may_send_no_form(stack: Stack, viewer_key: str) -> None:
    with signed_in(stack, viewer_key) as client:
        token = csrf_of(client)
        for path in WRITES:
            answer = client.post(filled(path), data={"csrf": token})
            assert answer.status_code == 403, path
            assert "change nothing" in answer.text, path


def test_a_form_of_another_site_or_session_is_refused(stack: Stack, operator_key: str) -> None:
    with signed_in(stack, operator_key) as client, signed_in(stack, operator_key) as other:
        token = csrf_of(client)
        for path in [*WRITES, "/sign-out"]:
            for data, origin in (
                ({}, stack.url),
                ({"csrf": csrf_of(other)}, stack.url),
                ({"csrf": token}, "https://evil.example"),
                ({"csrf": token}, "null"),
            ):
                answer = client.post(filled(path), data=data, headers={"Origin": origin})
                assert answer.status_code == 403, (path, data, origin)
        del client.headers["Origin"]
        assert client.post("/dashboard/sign-out", data={"csrf": token}).status_code == 403
        assert client.get("/dashboard/").status_code == 200


def test_a_sign_in_sets_a_new_cookie_and_closes_the_former_session(
    stack: Stack, operator_key: str
) -> None:
    with signed_in(stack, operator_key) as client:
        first = client.cookies[COOKIE]
        planted = "planted-by-somebody-else-0123456789abcdefghij"
        with browser(stack) as victim:
            victim.cookies.set(COOKIE, planted, path="/dashboard")
            answer = victim.post("/dashboard/sign-in", data={"key": operator_key})
            marks = answer.headers["set-cookie"]
            assert planted not in marks
            assert "HttpOnly" in marks
            assert "SameSite=strict" in marks
            assert "Path=/dashboard" in marks
            assert "Secure" not in marks  # the request came by http
        again = client.post("/dashboard/sign-in", data={"key": operator_key})
        assert again.status_code == 303
        assert client.cookies[COOKIE] != first
        assert _opens(stack, client.cookies[COOKIE])
        assert not _opens(stack, first)
        assert not _opens(stack, planted)


def _opens(stack: Stack, token: str) -> bool:
    with browser(stack, Cookie=f"{COOKIE}={token}") as client:
        return client.get("/dashboard/").status_code == 200


def test_sign_out_and_revoking_the_key_close_the_session_everywhere(
    stack: Stack, operator_key: str
) -> None:
    with signed_in(stack, operator_key) as client, signed_in(stack, operator_key) as other:
        token = client.cookies[COOKIE]
        client.post("/dashboard/sign-out", data={"csrf": csrf_of(client)})
        assert not _opens(stack, token)
        assert other.get("/dashboard/").status_code == 200
        with stack.database.transaction() as session:
            api_keys.revoke(session, api_keys.identify(session, operator_key).key_id)
        assert other.get("/dashboard/").status_code == 303


def test_a_tenants_key_opens_nothing(stack: Stack, tenant: Client) -> None:
    key = tenant.http.headers["Authorization"].removeprefix("Bearer ")
    with browser(stack) as client:
        answer = client.post("/dashboard/sign-in", data={"key": key})
        assert answer.status_code == 401
        assert COOKIE not in client.cookies
        assert client.get("/dashboard/", headers={"Authorization": f"Bearer {key}"}).is_redirect


def test_pages_allow_no_foreign_content_and_are_not_cached(stack: Stack, operator_key: str) -> None:
    with signed_in(stack, operator_key) as client:
        answer = client.get("/dashboard/")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answer.text)
        missing = client.get("/dashboard/jobs/job_none")
        assert (missing.status_code, "there is no such job" in missing.text) == (404, True)
        named = client.get("/dashboard/jobs?said=<b>hello</b>")
        assert 'class="notice' not in named.text


def test_a_token_of_another_count_changes_nothing(
    stack: Stack, tenant: Client, operator_key: str
) -> None:
    with stack.paused("flux.1-demo"), signed_in(stack, operator_key) as client:
        job = tenant.paint()
        address = f"/dashboard/bulk/cancel?tenant={tenant.tenant_id}"
        token = re.search(r'name="token" value="([^"]+)"', client.get(address).text)
        assert token is not None
        data = {"csrf": csrf_of(client), "token": token[1]}
        with signed_in(stack, operator_key) as other:
            altered = {"csrf": csrf_of(other), "token": token[1][:-2] + "AA"}
            assert other.post("/dashboard/bulk/cancel", data=altered).status_code == 409
        assert client.post("/dashboard/bulk/retry", data=data).status_code == 409
        assert tenant.job(job["id"])["state"] == "queued"
        assert client.post("/dashboard/bulk/cancel", data=data).status_code == 200
        assert tenant.job(job["id"])["state"] == "canceled"
