"""Pictures by signed links: parts of them, validators, and pages of every origin."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi
from tests.support.station import Station, picture


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    with TestClient(make_api(), headers={"x-key": key}, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def links(client: TestClient, station: Station) -> list[str]:
    """The paths of a painted picture, of and of an upload to fal."""
    body = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
    job = client.post("/v1/jobs", json=body).json()
    station.run_batch()
    url = client.get(f"/v1/jobs/{job['id']}").json()["output"]["images"][0]["url"]
    painted = httpx.URL(url).path
    announced = {"content_type": "image/png", "file_name": "a.png"}
    upload = client.post("/fal/rest/storage/upload/initiate", json=announced).json()
    assert client.put(httpx.URL(upload["upload_url"]).path, content=picture()).status_code == 200
    return [
        *(painted, painted.removeprefix("/v1")),
        httpx.URL(upload["file_url"]).path,
    ]


def test_a_part_of_a_picture_is_sent(client: TestClient, links: list[str]) -> None:
    for link in links:
        whole = client.get(link)
        size = len(whole.content)
        assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes"), whole.text
        for wanted, first, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=5-", 5, size),
            ("bytes=-7", size - 7, size),
            (f"bytes=3-{size * 2}", 3, size),
        ):
            part = client.get(link, headers={"Range": wanted})
            assert part.status_code == 206
            assert part.content == whole.content[first:end]
            assert part.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
            assert part.headers["content-length"] == str(end - first)
            assert part.headers["access-control-allow-origin"] == "*"
        behind = client.get(link, headers={"Range": f"bytes={size}-"})
        assert (behind.status_code, behind.content) == (416, b"")
        assert behind.headers["content-range"] == f"bytes */{size}"
        for ignored in ("bytes=0-1,3-4", "bytes=9-1", "pixels=0-3"):
            assert client.get(link, headers={"Range": ignored}).content == whole.content
        head = client.head(link, headers={"Range": "bytes=0-9"})
        assert (head.status_code, head.headers["content-length"]) == (200, str(size))


def test_a_part_is_sent_of_the_same_picture_alone(client: TestClient, links: list[str]) -> None:
    tag = client.get(links[0]).headers["etag"]
    for if_range, status in (
        (tag, 206),
        (f"W/{tag}", 200),
        ('"other"', 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ):
        headers = {"Range": "bytes=0-1", "If-Range": if_range}
        assert client.get(links[0], headers=headers).status_code == status
    known = client.get(links[0], headers={"Range": "bytes=0-1", "If-None-Match": tag})
    assert (known.status_code, known.content) == (304, b"")


def test_a_picture_that_a_client_has_is_not_sent_again(
    client: TestClient, links: list[str]
) -> None:
    for link in links:
        first = client.get(link)
        tag = first.headers["etag"]
        for sent in (tag, "*", f'"x", {tag}', f"W/{tag.removeprefix('W/')}"):
            same = client.get(link, headers={"If-None-Match": sent})
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["cache-control"] == first.headers["cache-control"]
            assert same.headers["cross-origin-resource-policy"] == "cross-origin"
        lines = [("If-None-Match", '"x"'), ("If-None-Match", tag)]
        assert client.get(link, headers=httpx.Headers(lines).multi_items()).status_code == 304


def test_pages_of_every_origin_may_read_a_picture(client: TestClient, links: list[str]) -> None:
    for link in links:
        for origin in ({"Origin": "https://app.example"}, {"Origin": "null"}, {}):
            answer = client.get(link, headers=origin)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
        gone = client.get(link.replace(".", "x", 1), headers={"Origin": "https://app.example"})
        assert gone.status_code == 404
        assert gone.headers["access-control-allow-origin"] == "*"
