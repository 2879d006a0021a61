"""Names in queries: refused where the native API does not know them, ignored and told elsewhere."""

from collections.abc import Iterator

import pytest

from db.core.session import Database
from tests.integration.api.protocol.walk import Walker, walking
from tests.support.apis import MakeApi
from tests.support.surfaces import DOORS, Door, by_name, fresh_prompt

HINTS = {
    "dryrun=true": "did you mean dry_run?",
    "dry-run=true": "did you mean dry_run?",
    "dryRun=1": "did you mean dry_run?",
    "DRY_RUN=1": "did you mean dry_run?",
    "dry_runs=1": "did you mean dry_run?",
    "wait=30": "it takes dry_run",
    "=1": "takes no ''",
    "dry_run=true&dry_run=false": "send dry_run once; 2 values came",
    "dry_run=true&utm_source=x": "takes no 'utm_source'",
}
LINKS = ("/livez", "/readyz", "/docs", "/openapi.json", "/v1/artifacts/x/0.png")


@pytest.fixture
def walker(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[Walker]:
    with walking(make_api(BOTTEGA_ANONYMOUS_CALLS_PER_MINUTE="9999"), database, tenant_id) as each:
        yield each


def test_a_submission_with_a_name_that_is_not_known_makes_no_job(walker: Walker) -> None:
    key = {"Authorization": f"Bearer {walker.tenant}"}
    body = {"model": "flux.1-demo", "input": {"prompt": "x"}}
    for query, hint in HINTS.items():
        refused = walker.http.post(f"/v1/jobs?{query}", json=body, headers=key)
        assert refused.status_code == 422, query
        assert hint in refused.json()["detail"]
        assert refused.json()["errors"][0]["loc"][0] == "query"
    assert walker.ask("GET", "/v1/jobs").json()["jobs"] == []
    assert walker.http.post("/v1/jobs?dry_run=true", json=body, headers=key).status_code == 200


def test_every_call_of_the_native_api_refuses_them(walker: Walker) -> None:
    for each in walker.paths():
        if not each.path.startswith("/v1/") or each.path.startswith("/v1/artifacts"):
            continue
        for method in each.methods:
            refused = walker.ask(method, f"{each.path}?unheard-of=1")
            assert refused.status_code in (415, 422), (method, each)
            if refused.status_code == 422 and refused.json()["errors"][0]["loc"][0] != "body":
                assert "unheard-of" in refused.json()["detail"], (method, each)


def test_a_form_with_more_than_its_file_is_refused(walker: Walker) -> None:
    key = {"Authorization": f"Bearer {walker.tenant}"}
    file = ("file", ("a.png", b"x", "image/png"))
    for parts, told in (
        ([file, ("purpose", (None, b"vision"))], "takes no 'purpose'"),
        ([file, ("File", ("b.png", b"y"))], "takes no 'File'"),
        ([file, file], "send one file"),
    ):
        refused = walker.http.post("/v1/files", files=parts, headers=key)
        assert refused.status_code == 422
        assert told in refused.json()["detail"]


def test_a_name_that_may_come_several_times_may(walker: Walker) -> None:
    pairs = "metadata=a%3D1&metadata=b%3D2"
    assert walker.ask("GET", f"/v1/admin/jobs?{pairs}").status_code == 200
    assert walker.ask("GET", "/v1/admin/jobs?limit=1&limit=2").status_code == 422
    assert walker.ask("GET", "/v1/jobs?limit=1&limit=1").status_code == 422


def test_links_and_pages_take_what_others_append_to_them(walker: Walker) -> None:
    for path in LINKS:
        answers = {walker.ask("GET", f"{path}{query}").status_code for query in ("", "?utm_id=1")}
        assert len(answers) == 1, path
    for page in ("/", "/playground/sign-in", "/dashboard/sign-in"):
        assert walker.http.get(f"{page}?utm_source=x&fbclid=y").status_code < 400


@pytest.mark.parametrize(**by_name(DOORS))
def test_compatible_calls_ignore_them_and_say_so(walker: Walker, door: Door) -> None:
    # A synchronous call would wait for a worker: its error tells the same.
    given = {} if door.is_synchronous else {"prompt": fresh_prompt()}
    path = f"{door.submit}?api-version=2&b%0Ad=1"
    answer = walker.http.post(path, json=door.body(given), headers=door.key(walker.tenant))
    assert answer.headers["bottega-ignored"] == "api-version, b_d"
