"""A deleted tenant leaves nothing in the database, the store, Redis and the logs of a stack."""

import json
import uuid
from pathlib import Path

import pytest
from redis import Redis

from tests.acceptance.stack import Client, Stack, eventually, run_bottega
from tests.support.surfaces import DOORS
from tests.support.traces import in_database, in_folder, in_redis, needles_of, noise

pytestmark = pytest.mark.usefixtures("books")

WORD = f"zyx{uuid.uuid4().hex}"
OWN_FILES = ("store", "logs")
"""Files that the service's own processes write. The two servers keep what they have deleted in
their files until they reuse or rewrite these, as deploy/data-protection.md says."""


def traces(stack: Stack, needles: dict[str, bytes]) -> list[str]:
    """All places of the stack that have one of the needles."""
    found = [each for name in OWN_FILES for each in in_folder(stack.data_dir / name, needles)]
    found += [f"{name} in the output" for name in needles if needles[name] in output(stack)]
    with stack.as_owner() as session:
        found += in_database(session, needles)
    with Redis.from_url(stack.redis_admin_url) as redis:
        return found + in_redis(redis, needles)


def output(stack: Stack) -> bytes:
    """The text that the command of the stack has printed."""
    return Path(stack.output).read_bytes()


def live(one: Client, pictures: list[bytes]) -> None:
    """Say the word and send the pictures wherever an API takes any."""
    key = one.http.headers["Authorization"].removeprefix("Bearer ")
    for door in DOORS:
        body = door.body({"prompt": f"a {WORD}{door.name} circle"})
        answer = one.http.post(door.submit, json=body, headers=door.key(key))
        assert answer.is_success, answer.text
    uploaded = one.http.post("/v1/files", files={"file": (f"{WORD}.png", pictures[0])}).json()
    one.look(uploaded["id"], text=f"a {WORD} phrase", task="<CAPTION_TO_PHRASE_GROUNDING>")
    named = {
        "/openai/v1/files": ("file", {"purpose": "vision"}),
        "/replicate/v1/files": ("content", {"metadata": json.dumps({WORD: WORD})}),
    }
    for path, (field, form) in named.items():
        sent = {field: (f"{WORD}name.png", pictures[1], "image/png")}
        assert one.http.post(path, files=sent, data=form).is_success
    hook = {"url": f"https://receiver.invalid/{WORD}?who={WORD}"}
    refused = one.http.post("/v1/jobs", json={"model": "flux.1-demo", "input": {WORD: WORD}})
    assert refused.status_code == 422
    canceled = one.paint(f"a {WORD}canceled circle", steps=50)
    one.cancel(canceled)
    one.submit("flux.1-demo", {"prompt": f"a {WORD}"}, metadata={WORD: WORD}, webhook=hook)
    one.http.get(f"/v1/jobs/{WORD}", headers={"User-Agent": WORD, "Referer": f"https://{WORD}"})


def test_nothing_of_a_deleted_tenant_is_left_in_a_stack(stack: Stack) -> None:
    one, pictures = stack.tenant(), [noise(101), noise(102)]
    needles = needles_of(words=[WORD], pictures=pictures)
    live(one, pictures)
    eventually(lambda: one.account()["in_flight"] == 0)
    places = {each.partition(" in ")[2].split("/")[0] for each in traces(stack, needles)}
    assert {"table jobs", "table files", "table file_names"} <= places
    assert any(each.startswith("file ") for each in places)
    # After the search, and more than are done until the command has begun.
    running = [one.paint(f"a {WORD} that runs {n}", steps=50, num_images=4) for n in range(12)]
    one.wait_for_step(running[0], 1)
    command = ("tenants", "delete", one.tenant_id, "--yes", "--json")
    done = run_bottega("--stack", str(stack.data_dir), *command)
    assert done.returncode == 0, done.stderr
    [report] = json.loads(done.stdout)
    assert report["complete"]
    assert report["jobs_canceled"] >= 1
    assert one.http.get("/v1/account").status_code == 401
    # The worker gives the running attempt up at its next step.
    eventually(lambda: not traces(stack, needles))
