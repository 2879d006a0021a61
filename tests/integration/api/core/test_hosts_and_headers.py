"""Security headers on every answer, and the hosts, origins and cookies of a deployment."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi

PUBLIC = "https://bottega.example.org"
ROUTES = [
    ("GET", "/livez", 200),
    ("GET", "/v1/models", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/docs", 200),
    ("GET", "/docs/assets/swagger-ui.css", 200),
    ("GET", "/v1/nothing", 404),
    ("DELETE", "/v1/models", 405),
    ("POST", "/v1/jobs", 401),
    ("GET", "/v1/artifacts/x.y/0.png", 404),
    ("GET", "/metrics", 403),
    ("GET", "/", 303),
    ("GET", "/dashboard/", 303),
    ("GET", "/dashboard/sign-in", 200),
    ("GET", "/dashboard/static/dashboard.js", 200),
    ("GET", "/dashboard/nothing", 404),
    ("GET", "/playground/sign-in", 200),
    ("GET", "/broken", 500),
]


@pytest.fixture
def operator_key(database: Database) -> str:
    """An operator's key."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=None, name="ann")[1]


@contextmanager
def serving(
    make_api: MakeApi, base_url: str = "http://127.0.0.1", **settings: str
) -> Iterator[TestClient]:
    """A client of a process, with a route that has a bug."""
    app = make_api(**settings)

    async def broken() -> None:
        raise RuntimeError

    app.add_api_route("/broken", broken)
    with TestClient(
        app, base_url=base_url, follow_redirects=False, raise_server_exceptions=False
    ) as client:
        yield client


def test_every_answer_has_the_security_headers(make_api: MakeApi) -> None:
    with serving(make_api) as client:
        for method, path, status in ROUTES:
            answer = client.request(method, path)
            assert answer.status_code == status, path
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; "), path
            assert "frame-ancestors 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert len(answer.headers["X-Request-Id"]) == 32, path
            assert answer.headers["Referrer-Policy"] == "same-origin", path
            assert "Strict-Transport-Security" not in answer.headers, path
        policy = client.get("/v1/models").headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
        too_large = client.post("/v1/jobs", headers={"Content-Length": "999999999"})
        assert too_large.status_code in (401, 413)
        assert too_large.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("public_url", "strict"),
    [
        (PUBLIC, True),
        ("http://bottega.example.org", False),
        ("https://127.0.0.1:8000", False),
        ("https://localhost", False),
        ("", False),
    ],
)
def test_https_is_required_where_the_public_url_has_it(
    make_api: MakeApi, operator_key: str, public_url: str, *, strict: bool
) -> None:
    origin = public_url or "http://127.0.0.1"
    with serving(make_api, origin, BOTTEGA_PUBLIC_URL=public_url) as client:
        for path in ("/v1/models", "/dashboard/sign-in", "/broken"):
            assert ("Strict-Transport-Security" in client.get(path).headers) == strict
        headers = {"Origin": origin}
        form = {"key": operator_key}
        answer = client.post("/dashboard/sign-in", data=form, headers=headers)
        assert answer.status_code == 303, answer.text
        cookie = answer.headers["set-cookie"]
        name = cookie.partition("=")[0]
        assert name == ("__Host-bottega_session" if strict else "bottega_session")
        assert ("Path=/;" in cookie) == strict
        assert ("Secure" in cookie) == public_url.startswith("https")
        token = cookie.partition("=")[2].partition(";")[0]
        client.cookies.clear()
        signed_in = client.get("/dashboard/", headers={"Cookie": f"{name}={token}"})
        assert signed_in.status_code == 200
        if strict:
            planted = {"Cookie": f"bottega_session={token}"}
            assert client.get("/dashboard/", headers=planted).status_code == 303


HOSTS = {
    "bottega.example.org": 200,
    "BOTTEGA.example.org:443": 200,
    "api.internal:8000": 200,
    "127.0.0.1:8000": 200,
    "localhost": 200,
    "[::1]:8000": 200,
    "evil.example": 421,
    "bottega.example.org.evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "10.0.0.7": 421,
    "evil.example/path": 400,
    "user@bottega.example.org": 400,
    "bottega.example.org:": 400,
    "": 400,
}


def test_only_the_services_own_hosts_are_answered(make_api: MakeApi) -> None:
    settings = {"BOTTEGA_PUBLIC_URL": PUBLIC, "BOTTEGA_HOSTS": '["api.internal"]'}
    with serving(make_api, **settings) as client:
        for host, status in HOSTS.items():
            answer = client.get("/v1/models", headers={"Host": host})
            assert answer.status_code == status, host
            if status != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] in ("unknown_host", "invalid_host")
                assert answer.headers["X-Request-Id"]
            # A load balancer asks by address.
            assert client.get("/livez", headers={"Host": host}).status_code == 200, host


def test_without_a_public_url_any_well_formed_host_is_answered(make_api: MakeApi) -> None:
    with serving(make_api) as client:
        for host, status in (("gpu-box:8000", 200), ("10.0.0.7:8000", 200), ("a b", 400)):
            answer = client.get("/v1/models", headers={"Host": host})
            assert answer.status_code == status, host


@pytest.mark.parametrize(
    ("settings", "forms"),
    [
        (
            {},
            [
                ("127.0.0.1:8000", "http://127.0.0.1:8000", 303),
                ("10.0.0.7:8000", "http://10.0.0.7:8000", 303),
                ("evil.example", "http://evil.example", 403),
                ("gpu-box:8000", "http://gpu-box:8000", 403),
            ],
        ),
        (
            {"BOTTEGA_HOSTS": '["gpu-box"]'},
            [
                ("gpu-box:8000", "http://gpu-box:8000", 303),
                ("gpu-box:8000", "http://gpu-box:9000", 403),
            ],
        ),
        (
            {"BOTTEGA_PUBLIC_URL": PUBLIC},
            [
                ("bottega.example.org", PUBLIC, 303),
                ("127.0.0.1:8000", PUBLIC, 303),
                ("127.0.0.1:8000", "http://127.0.0.1:9000", 403),
                ("10.0.0.7", "http://10.0.0.7", 421),
            ],
        ),
        (
            {"BOTTEGA_PUBLIC_URL": f"{PUBLIC}/below/"},
            [("bottega.example.org", PUBLIC, 303), ("bottega.example.org", "null", 403)],
        ),
    ],
)
def test_a_host_that_is_only_named_is_no_origin_of_ours(
    make_api: MakeApi,
    operator_key: str,
    settings: dict[str, str],
    forms: list[tuple[str, str, int]],
) -> None:
    with serving(make_api, **settings) as client:
        for host, origin, status in forms:
            answer = client.post(
                "/dashboard/sign-in",
                data={"key": operator_key},
                headers={"Host": host, "Origin": origin},
            )
            assert answer.status_code == status, (host, origin)
            if status == 403:
                assert "BOTTEGA_PUBLIC_URL" in answer.text
