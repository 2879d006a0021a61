"""Failed sign-ins: limited by the client's address, and never in the way of a right key."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.web.dashboard.sign_in import _sign_in as dashboard
from api.web.playground.sign_in import _sign_in as playground
from api.web.shared.throttle import MAX_FAILURES, SignInThrottle
from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi

PROXY = "10.1.2.3"
BASE = "http://127.0.0.1"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Throttles without the failures of other tests of this process."""
    for site in (dashboard, playground):
        monkeypatch.setattr(site, "_throttle", SignInThrottle())


@pytest.fixture
def browser(make_api: MakeApi) -> Iterator[TestClient]:
    """A browser of another machine, behind one trusted proxy."""
    origin = {"Origin": "http://127.0.0.1"}
    app = make_api(BOTTEGA_TRUSTED_PROXIES='["10.0.0.0/8"]')
    with TestClient(
        app, base_url="http://127.0.0.1", headers=origin, client=(PROXY, 1), follow_redirects=False
    ) as client:
        yield client


def sign_in(browser: TestClient, site: str, key: str, forwarded_for: str) -> int:
    headers = {"X-Forwarded-For": forwarded_for}
    answer = browser.post(f"/{site}/sign-in", data={"key": key}, headers=headers)
    if answer.status_code == 429:
        assert 0 < int(answer.headers["Retry-After"]) <= 300
    return answer.status_code


def test_failed_tries_are_limited_by_address_and_a_right_key_always_enters(
    browser: TestClient, database: Database
) -> None:
    tenant_id = jobs.add_tenant(database)
    for site, owner in (("dashboard", None), ("playground", tenant_id)):
        with database.transaction() as session:
            _, key = api_keys.create(session, tenant_id=owner, name="")
        tries = [sign_in(browser, site, "bt_x", "198.51.100.7") for _ in range(MAX_FAILURES + 2)]
        assert tries == [401] * MAX_FAILURES + [429] * 2
        assert sign_in(browser, site, key, "198.51.100.7") == 303
        assert sign_in(browser, site, "bt_x", "198.51.100.7") == 429
        assert sign_in(browser, site, "bt_x", "198.51.100.8") == 401


def test_an_address_that_the_client_writes_itself_changes_nothing(browser: TestClient) -> None:
    tries = [
        sign_in(browser, "dashboard", "bt_x", f"203.0.113.{n}, 198.51.100.9")
        for n in range(MAX_FAILURES + 1)
    ]
    assert tries[-1] == 429


def test_the_header_of_a_peer_that_is_no_proxy_changes_nothing(make_api: MakeApi) -> None:
    origin = {"Origin": "http://127.0.0.1"}
    with TestClient(
        make_api(), base_url="http://127.0.0.1", headers=origin, client=("127.0.0.1", 1)
    ) as browser:
        tries = [
            sign_in(browser, "dashboard", "bt_x", f"203.0.113.{n}") for n in range(MAX_FAILURES + 1)
        ]
    assert tries[-1] == 429


def test_a_trusted_proxy_says_that_the_browser_came_by_https(
    browser: TestClient, database: Database
) -> None:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=None, name="")
    headers = {"X-Forwarded-Proto": "https", "Origin": "https://127.0.0.1"}
    answer = browser.post("/dashboard/sign-in", data={"key": key}, headers=headers)
    assert answer.status_code == 303
    assert "Secure" in answer.headers["Set-Cookie"]
