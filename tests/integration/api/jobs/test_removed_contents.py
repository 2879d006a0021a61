"""No call of any API process answers with contents that a job's deletion has removed."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.resources.credentials import Credential
from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi
from tests.support.station import FLUX, Station
from workers.messaging.events import Publisher

ORIGIN = "http://127.0.0.1:8000"
PIXEL = "data:image/jpeg;base64,AAAA"


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


class Processes:
    """Two API processes, and a tenant who calls both."""

    def __init__(self, clients: list[TestClient], database: Database, tenant_id: str) -> None:
        self.clients = clients
        with database.transaction() as session:
            row, self.key = api_keys.create(session, tenant_id=tenant_id, name="")
            self.key_id = row.id
        self.word = f"zyx{uuid.uuid4().hex}"
        for each in clients:
            each.headers["Origin"] = ORIGIN
            each.post("/playground/sign-in", data={"key": self.key})

    def call(self, number: int, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.clients[number].request(method, path, headers=headers, **more)

    def hub(self, number: int) -> Any:
        return self.clients[number].app.state.services.hub  # type: ignore[attr-defined]

    def paint(self) -> str:
        body = {
            "model": FLUX,
            "input": {"prompt": f"a {self.word}", "previews": True},
            "metadata": {"who": self.word},
        }
        return str(self.call(0, "POST", "/v1/jobs", json=body).json()["id"])

    def doors(self, job_id: str) -> list[str]:
        """All reads of a job, however a client may do them."""
        made = self.call(0, "GET", f"/replicate/v1/predictions/{job_id}").json()
        stream = made["urls"].get("stream", "").replace(ORIGIN, "")
        return [
            *(f"/v1/jobs/{job_id}{rest}" for rest in ("", "?wait=1", "/events")),
            *("/v1/jobs", f"/v1/jobs?metadata=who={self.word}"),
            *(f"/replicate/v1/predictions{rest}" for rest in ("", f"/{job_id}")),
            *([stream] if stream else []),
            *(
                f"/fal/queue/bottega/{FLUX}/requests/{job_id}{rest}"
                for rest in ("", "/status?logs=1", "/status/stream?logs=1")
            ),
            f"/bfl/v1/get_result?id={job_id}",
            *(f"/playground/jobs/{job_id}/{rest}" for rest in ("events", "results/0")),
            *(f"/playground/{page}" for page in (f"?from={job_id}", "gallery")),
        ]


@pytest.fixture
def processes(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[Processes]:
    with ExitStack() as stack:
        opened = [stack.enter_context(TestClient(make_api(), base_url=ORIGIN)) for _ in range(2)]
        yield Processes(opened, database, tenant_id)


def betraying(processes: Processes, paths: list[str]) -> list[tuple[int, str]]:
    """The calls of both processes whose answer has something of the job."""
    words = (processes.word.encode(), b"/0.png", PIXEL.encode(), b"IHDR")
    return [
        (number, path)
        for number in (0, 1)
        for path in paths
        if any(word in processes.call(number, "GET", path).content for word in words)
    ]


def test_no_process_answers_with_removed_contents(processes: Processes, station: Station) -> None:
    job_id = processes.paint()
    doors = processes.doors(job_id)
    with ThreadPoolExecutor(4) as pool:
        opened = [
            pool.submit(processes.call, number, "GET", f"/v1/jobs/{job_id}{rest}")
            for number in (0, 1)
            for rest in ("/events", "?wait=60")
        ]
        until(lambda: len(processes.hub(0).waiters) == len(processes.hub(1).waiters) == 2)
        station.run_batch()
        assert all(processes.word in each.result().text for each in opened)
    shown = {path for _, path in betraying(processes, doors)}
    # Two tell the state alone.
    silent = {path.partition(job_id)[2] for path in {*doors} - shown}
    assert silent == {"/status?logs=1", "/status/stream?logs=1"}
    assert processes.call(0, "DELETE", f"/v1/jobs/{job_id}").status_code == 200
    assert betraying(processes, doors) == []


def test_a_preview_that_another_wait_remembers_is_not_replayed(
    processes: Processes, station: Station, publisher: Publisher
) -> None:
    job_id = processes.paint()
    hub = processes.hub(1)
    with hub.watch(job_id, Credential(processes.key_id)):
        publisher.publish_preview(job_id, {"step": 1, "steps": 2, "image": PIXEL})
        recent = hub._channels[job_id].recent
        until(lambda: any(each.event.type == "preview" for each in recent))
        station.run_batch()
        processes.call(0, "DELETE", f"/v1/jobs/{job_id}")
        assert betraying(processes, processes.doors(job_id)) == []
