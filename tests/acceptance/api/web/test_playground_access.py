"""Access to the playground: sign-in, sessions, protection of forms, and of other tenants' jobs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func
from starlette.routing import Route

from api.web.playground.app import ROUTERS
from api.web.playground.gallery import PAGE_SIZE
from db.operators import audit
from db.operators.audit import AuditFilter
from db.tables import Tenant, Tier
from db.tenants import api_keys, sessions
from tests.acceptance.api.web.problems import problem
from tests.acceptance.stack import Client, Stack, run_bottega

COOKIE = "bottega_playground"
OPEN = {"/sign-in"}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]
WRITES = sorted(r.path for r in ROUTES if "POST" in (r.methods or ()) and r.path not in OPEN)
READS = sorted(r.path for r in ROUTES if "GET" in (r.methods or ()) and r.path not in OPEN)


def filled(path: str, job_id: str = "job_1") -> str:
    """A route's path with a value for every parameter."""
    if path == "/":
        return path
    return "/playground" + path.replace("{job_id}", job_id).replace("{n}", "0").replace(
        "{file_id}", "file_1"
    )


def key_of(tenant: Client) -> str:
    """The key that a client sends."""
    return tenant.http.headers["Authorization"].removeprefix("Bearer ")


def window(stack: Stack, **headers: str) -> httpx.Client:
    """A client that stores cookies and follows no redirects."""
    return httpx.Client(base_url=stack.url, headers={"Origin": stack.url, **headers})


@contextmanager
def signed_in(stack: Stack, tenant: Client) -> Iterator[httpx.Client]:
    """A client that is signed in with a tenant's key."""
    with window(stack) as client:
        answer = client.post("/playground/sign-in", data={"key": key_of(tenant)})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield client


def csrf_of(client: httpx.Client) -> str:
    """The token in this session's pages."""
    match = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/").text)
    assert match is not None
    return match[1]


def test_the_lists_of_routes_are_not_empty() -> None:
    assert len(WRITES) >= 6
    assert len(READS) >= 5


def test_a_signed_out_browser_is_redirected_to_the_sign_in(stack: Stack) -> None:
    with window(stack) as client:
        for path in READS:
            answer = client.get(filled(path))
            assert answer.headers.get("location") == "/playground/sign-in", path
        for path in WRITES:
            assert client.post(filled(path), data={"csrf": "0" * 64}).status_code == 303, path
        part = client.post("/playground/quote", headers={"HX-Request": "true"})
        assert part.headers["HX-Redirect"] == "/playground/sign-in"
        sent = client.post("/playground/files", headers={"Accept": "application/json"})
        problem(sent, 401, "unauthorized")


@pytest.mark.parametrize(
    "headers", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=::1"}]
)
def test_nobody_is_signed_in_by_an_address(stack: Stack, headers: dict[str, str]) -> None:
    with window(stack) as client:
        refused = client.get("/", headers=headers)
        assert refused.headers["location"] == "/playground/sign-in"
        assert not client.cookies


def link_of(stack: Stack) -> str:
    """A link that the command prints."""
    done = run_bottega("sign-in-link", "--data-dir", str(stack.data_dir))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_link_signs_one_browser_in_once(stack: Stack) -> None:
    link = link_of(stack)
    assert link.startswith(f"{stack.url}/playground/sign-in?link=")
    token = link.partition("link=")[2]
    with window(stack) as client, window(stack) as other:
        other.cookies.set(COOKIE, token)
        assert other.get("/").status_code == 303  # a link is no session
        other.cookies.clear()
        opened = client.get(link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        marks = opened.headers["set-cookie"]
        assert all(mark in marks for mark in ("HttpOnly", "SameSite=strict", "Path=/;"))
        page = client.get("/")
        assert page.status_code == 200
        assert client.cookies[COOKIE] not in page.text
        again = other.get(link)
        assert again.status_code == 401
        assert "used before" in again.text
        assert COOKIE not in other.cookies
    assert token not in stack.log("api")


def test_a_link_that_is_out_of_date_or_of_a_revoked_key_opens_nothing(
    stack: Stack, tenant: Client
) -> None:
    key_id = f"key_{key_of(tenant).split('_')[1]}"
    with stack.database.transaction() as session:
        late = sessions.create_link(session, key_id, seconds=-1)
    with stack.database.transaction() as session:
        good = sessions.create_link(session, key_id, seconds=60)
        assert api_keys.revoke(session, key_id)
    with window(stack) as client:
        for token in (late, "nonsense"):
            assert client.get("/playground/sign-in", params={"link": token}).status_code == 401
        client.get("/playground/sign-in", params={"link": good})
        assert client.get("/").headers["location"] == "/playground/sign-in"


def test_the_local_stack_prints_a_link_and_enters_each_in_the_audit_log(stack: Stack) -> None:
    assert f"{stack.url}/playground/sign-in?link=" in stack.output.read_text()
    link_of(stack)
    key_id = f"key_{stack.facts['api_key'].split('_')[1]}"
    with stack.database.transaction(durable=False) as session:
        entered = audit.list_entries(
            session, AuditFilter(action="key.sign_in_link", target=key_id), limit=9
        )
    assert len(entered) >= 2


def test_there_is_no_link_without_a_stack(tmp_path: Path) -> None:
    done = run_bottega("sign-in-link", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "bottega up" in done.stderr


def test_an_operator_is_sent_to_the_dashboard_and_a_wrong_key_is_refused(stack: Stack) -> None:
    with window(stack) as client:
        key = str(stack.facts["operator_key"])
        answer = client.post("/playground/sign-in", data={"key": key})
        assert answer.status_code == 401
        assert 'href="/dashboard/"' in answer.text
        wrong = client.post("/playground/sign-in", data={"key": "bt_nothing"})
        assert wrong.status_code == 401
        assert COOKIE not in client.cookies
        foreign = client.post(
            "/playground/sign-in", data={"key": key}, headers={"Origin": "https://evil.example"}
        )
        assert foreign.status_code == 403


def test_a_form_of_another_site_or_session_is_refused(stack: Stack, tenant: Client) -> None:
    with signed_in(stack, tenant) as client, signed_in(stack, stack.tenant()) as other:
        token = csrf_of(client)
        for path in WRITES:
            for data, origin in (
                ({}, stack.url),
                ({"csrf": csrf_of(other)}, stack.url),
                ({"csrf": token}, "https://evil.example"),
            ):
                answer = client.post(filled(path), data=data, headers={"Origin": origin})
                assert answer.status_code == 403, (path, data, origin)
        assert client.get("/playground/gallery").status_code == 200


def test_another_tenants_jobs_and_pictures_are_not_found(stack: Stack, tenant: Client) -> None:
    job = tenant.await_end(tenant.paint())
    with signed_in(stack, stack.tenant()) as client:
        for path in READS:
            if "{" in path:
                assert client.get(filled(path, job["id"])).status_code == 404, path
        assert client.get(f"/?from={job['id']}").status_code == 404
        assert client.get(f"/?look={job['id']}").status_code == 404
        answer = client.post(f"/playground/jobs/{job['id']}/cancel", data={"csrf": csrf_of(client)})
        assert answer.status_code == 404
        assert job["id"] not in client.get("/playground/gallery").text


def test_a_session_ends_with_signing_out_and_with_its_key(stack: Stack, tenant: Client) -> None:
    with signed_in(stack, tenant) as client:
        former = client.cookies[COOKIE]
        client.post("/playground/sign-out", data={"csrf": csrf_of(client)})
        client.cookies.set(COOKIE, former)
        assert client.get("/playground/gallery").status_code == 303
    with signed_in(stack, tenant) as client:
        client.cookies.set("bottega_session", client.cookies[COOKIE], path="/dashboard")
        assert client.get("/dashboard/").status_code == 303  # a tenant's session opens no more
        with stack.database.transaction() as session:
            assert api_keys.revoke(session, f"key_{key_of(tenant).split('_')[1]}")
        assert client.get("/playground/gallery").status_code == 303


def test_a_suspended_tenant_is_signed_out(stack: Stack, tenant: Client) -> None:
    with signed_in(stack, tenant) as client:
        with stack.database.transaction() as session:
            session.get_one(Tenant, tenant.tenant_id).suspended_at = func.now()
        assert client.get("/playground/gallery").status_code == 303
        again = client.post("/playground/sign-in", data={"key": key_of(tenant)})
        assert again.status_code == 401
        assert "suspended" in again.text


def test_an_upload_is_checked_as_the_api_checks_it(stack: Stack, tenant: Client) -> None:
    with signed_in(stack, tenant) as client:
        headers = {"X-CSRF-Token": csrf_of(client), "Accept": "application/json"}
        files = {"file": ("picture.png", b"no picture", "image/png")}
        answer = client.post("/playground/files", files=files, headers=headers)
        body = problem(answer, 422, "invalid_input")
        assert body["errors"][0]["type"] == "invalid_image"


def test_the_gallery_leads_on_to_older_jobs(stack: Stack, tenant: Client) -> None:
    with stack.paused("flux.1-demo"):
        oldest, *jobs = [tenant.paint() for _ in range(PAGE_SIZE + 1)]
        for job in (oldest, *jobs):
            tenant.cancel(job)
    with signed_in(stack, tenant) as client:
        newest = client.get("/playground/gallery").text
        assert re.findall(r'id="shot-(job_\w+)"', newest) == [job["id"] for job in jobs[::-1]]
        following = re.search(r'hx-get="(/playground/gallery\?before=[\w-]+=*)"', newest)
        assert following is not None
        assert re.findall(r'id="shot-(job_\w+)"', client.get(following[1]).text) == [oldest["id"]]


def test_stored_results_are_downloaded(stack: Stack, tenant: Client) -> None:
    painted = tenant.await_end(tenant.paint())
    options = {"artifacts": ["coco"]}
    analysed = tenant.await_end(tenant.look(painted["output"]["images"][0]["url"], **options))
    with signed_in(stack, tenant) as client:
        for job, media_type in ((painted, "image/png"), (analysed, "application/json")):
            link = f"/playground/jobs/{job['id']}/results/0?download=true"
            assert link in client.get(f"/?from={job['id']}").text
            answer = client.get(link)
            assert answer.headers["content-type"].startswith(media_type)
            suffix = media_type.partition("/")[2]
            disposition = f'attachment; filename="{job["id"]}-0.{suffix}"'
            assert answer.headers["content-disposition"] == disposition


def test_a_session_counts_against_its_keys_rate_limit(stack: Stack) -> None:
    with stack.as_owner() as session:
        limits = {"images_per_month": 0, "analyses_per_month": 0, "requests_per_minute": 4}
        tier = Tier(name="slow", weight=1.0, max_in_flight=1, max_priority="normal", **limits)
        session.merge(tier)
    with signed_in(stack, stack.tenant("slow")) as client:
        form = {"csrf": csrf_of(client), "drawn_for": "flux.1-demo", "prompt": "a star"}
        answers = [client.post("/playground/quote", data=form) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["Retry-After"]) >= 1
        for path in ("/", "/playground/gallery", "/playground/jobs/job_x/results/0"):
            page = client.get(path)
            assert page.status_code == 429
            assert int(page.headers["Retry-After"]) >= 1
            assert "this key may ask 4 times a minute" in page.text


def test_other_paths_still_belong_to_the_api(tenant: Client) -> None:
    problem(tenant.http.get("/v1/nothing"), 404)
    problem(tenant.http.delete("/v1/jobs"), 405)
    assert tenant.http.get("/docs").status_code == 200
    assert tenant.http.get("/livez").status_code == 200
    assert tenant.http.get("/dashboard/").status_code == 303
