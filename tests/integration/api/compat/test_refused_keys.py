"""A key that is not valid any more, or whose tenant was suspended, stores nothing by any API."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.pictures import encoded
from tests.support.surfaces import DOORS

CLEAR = Image.new("RGBA", (64, 64), (0, 128, 128, 255))
CLEAR.paste((0, 0, 0, 0), (16, 16, 48, 48))
PNG = encoded(CLEAR)
URI = "data:image/png;base64," + base64.b64encode(PNG).decode()
REGION = {"x1": 1, "y1": 1, "x2": 40, "y2": 40}
SHUT_OUT = {
    "revoked": "UPDATE api_keys SET revoked_at = now() WHERE tenant_id = :tenant",
    "expired": "UPDATE api_keys SET expires_at = now() WHERE tenant_id = :tenant",
    "suspended": "UPDATE tenants SET suspended_at = now() WHERE id = :tenant",
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A call that names a picture."""

    path: str
    json: Json | None = None
    files: Json | None = None
    data: Json | None = None

    def send(self, client: TestClient) -> httpx.Response:
        """Send it."""
        return client.post(self.path, json=self.json, files=self.files, data=self.data)


def _file() -> Json:
    return {"image": ("a.png", PNG, "image/png")}


def _chat() -> Json:
    parts = [
        {"type": "text", "text": "<REGION_TO_CATEGORY><loc_10><loc_10><loc_500><loc_500>"},
        {"type": "image_url", "image_url": {"url": URI}},
    ]
    return {"model": "florence-2-demo", "messages": [{"role": "user", "content": parts}]}


EDIT = {"model": "flux.1-demo", "prompt": "a circle"}
CALLS: dict[str, Callable[[], Call]] = {
    "an edit's file": lambda: Call("/openai/v1/images/edits", files=_file(), data=EDIT),
    "an edit's mask": lambda: Call(
        "/openai/v1/images/edits",
        json={**EDIT, "images": [{"image_url": URI}], "mask": {"image_url": URI}},
    ),
    "a chat's region": lambda: Call("/openai/v1/chat/completions", json=_chat()),
    "a prediction's mask": lambda: Call(
        "/replicate/v1/models/black-forest-labs/flux-fill-dev/predictions",
        json={"input": {"prompt": "a circle", "image": URI}},
    ),
    "a task's mask": lambda: Call("/bfl/v1/flux.1-demo", json={"prompt": "a circle", "image": URI}),
    "an application's region": lambda: Call(
        "/fal/queue/bottega/florence-2-demo/region-to-category",
        json={"image_url": URI, "region": REGION},
    ),
    "an inference's inputs": lambda: Call("/hf/models/florence-2-demo", json={"inputs": URI}),
}


@pytest.mark.parametrize("kind", SHUT_OUT)
def test_pictures_are_not_stored_before_the_key_is_looked_at(
    make_api: MakeApi, database: Database, tenant_id: str, tmp_path: Path, kind: str
) -> None:
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="")[1]
    with TestClient(make_api(), headers={"x-key": key}) as client:
        for door in DOORS:  # the process has identified the key
            assert client.post(door.submit, json=door.body({"prompt": 7})).status_code >= 400
        assert client.get("/v1/account").status_code == 200
        jobs.sql(database, f"{SHUT_OUT[kind]} RETURNING 1", tenant=tenant_id)
        for which, call in CALLS.items():
            answer = call().send(client)
            assert answer.status_code in {401, 403}, (which, answer.text)
            stored = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
            assert stored == [], which
