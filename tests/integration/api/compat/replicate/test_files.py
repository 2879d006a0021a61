"""Files as Replicate's clients upload, list, download and delete them."""

import hashlib
import json
from typing import Any

import pytest

from api.compat.shared.pictures import data_uri
from tests.integration.api.compat.replicate.conftest import Client, MakeClient
from tests.support.station import picture

PNG = picture((80, 64))


def upload(client: Client, data: bytes = PNG, **parts: Any) -> dict[str, Any]:
    files = {"content": ("a.png", data, "application/octet-stream"), **parts}
    answer = client.call("POST", "files", files=files)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_an_upload_is_a_picture_for_predictions(client: Client) -> None:
    metadata = ("blob", json.dumps({"a": 1}).encode(), "application/json")
    made = upload(client, metadata=metadata)
    assert (made["name"], made["content_type"], made["size"]) == ("a.png", "image/png", len(PNG))
    assert made["checksums"] == {
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "md5": hashlib.md5(PNG, usedforsecurity=False).hexdigest(),
    }
    for name in (made["urls"]["get"], made["urls"]["download"], made["id"]):
        assert client.predict(image=name, seed=len(name))["status"] == "starting"
    assert client.get(f"files/{made['id']}")["etag"] == made["etag"]
    # Its bytes need no key.
    url = made["urls"]["download"]
    answer = client.http.get(url, follow_redirects=False)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert url.endswith(".png")


def test_a_download_of_another_file_is_not_opened(client: Client) -> None:
    one, two = upload(client), upload(client, picture((90, 64)))
    mixed = one["urls"]["download"].replace(one["id"], two["id"])
    altered = one["urls"]["download"].replace("download/", "download/x")
    for url in (mixed, altered):
        answer = client.http.get(url)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_lists_have_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.compat.replicate.routes.files._PAGE", 2)
    made = [upload(client, picture((100 + n, 64)))["id"] for n in range(3)]
    client.predict(image=data_uri(PNG))
    first = client.get("files")
    second = client.get(first["next"])
    assert [each["id"] for page in (first, second) for each in page["results"]] == made[::-1]
    assert second["next"] is None


def test_delete(client: Client) -> None:
    made = upload(client)
    # The prediction keeps the picture.
    assert client.predict(image=made["id"])["status"] == "starting"
    assert client.call("DELETE", f"files/{made['id']}").status_code == 204
    assert client.call("GET", f"files/{made['id']}").status_code == 404
    assert client.http.get(made["urls"]["download"]).status_code == 404


def test_only_pictures_are_taken(client: Client) -> None:
    answer = client.call("POST", "files", files={"content": ("a.txt", b"text", "text/plain")})
    assert answer.status_code == 422
    assert answer.json()["invalid_fields"][0]["field"] == "content"
    assert "only pictures" in answer.json()["detail"]
    assert client.call("POST", "files", files={"other": ("a.png", PNG)}).status_code == 422


def test_nobody_sees_anothers_files(client: Client, make_client: MakeClient) -> None:
    made = upload(client)
    other = make_client()
    assert other.call("GET", f"files/{made['id']}").status_code == 404
    assert other.call("DELETE", f"files/{made['id']}").status_code == 404
    body = {"version": "bottega/flux.1-demo", "input": {"prompt": "x", "image": made["id"]}}
    assert other.call("POST", "predictions", json=body).status_code == 422
