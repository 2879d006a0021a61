"""`bottega weights` in processes of its own, against a local hub; one of them is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import HubServer, hub_server
from tests.support.waiting import await_true
from workers import catalog
from workers.demo import weights_folder

ROOT = Path(__file__).parents[5]
MODEL = catalog.find("florence-2-base")
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A hub that offers the demo model's weights in place of the real ones."""
    assert MODEL.weights is not None
    with hub_server() as server:
        server.add_folder(
            MODEL.weights.repo, weights_folder("florence-2-demo"), commit=MODEL.weights.revision
        )
        yield server


def command(hub: HubServer, home: Path, *words: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "deploy.cli.main", "weights", *words],
        cwd=ROOT,
        env=environment | hub.environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(hub: HubServer, home: Path, *words: str, code: int = 0) -> str:
    """The output of a command."""
    process = command(hub, home, *words)
    out, err = process.communicate(timeout=90)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    return out + err


def state(hub: HubServer, home: Path) -> dict[str, object]:
    listed = run(hub, home, "list", "--variant", MODEL.id, "--offline", "--json")
    (row,) = json.loads(listed)
    return dict(row)


def test_a_killed_fetch_goes_on_where_it_was_and_is_verified(
    hub: HubServer, tmp_path: Path
) -> None:
    size = len((weights_folder("florence-2-demo") / WEIGHTS).read_bytes())
    hub.bytes_per_second = 4_000_000
    first = command(hub, tmp_path, "fetch", MODEL.id)
    assert await_true(lambda: hub.sent_bytes(WEIGHTS) > size // 3, 60)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    hub.bytes_per_second, already = 0, hub.sent_bytes(WEIGHTS)
    assert already < size
    assert state(hub, tmp_path)["state"] == "partial"

    run(hub, tmp_path, "fetch", MODEL.id)
    (asked,) = hub.ranges(WEIGHTS)
    kept = int(asked.removeprefix("bytes=").rstrip("-"))
    assert kept > size // 4
    assert hub.sent_bytes(WEIGHTS) - already == size - kept
    assert state(hub, tmp_path)["state"] == "present"
    assert "every file is as the hub lists it" in run(hub, tmp_path, "verify", MODEL.id)


def test_a_broken_file_is_found_and_repaired(hub: HubServer, tmp_path: Path) -> None:
    run(hub, tmp_path, "fetch", MODEL.id)
    blob = next(tmp_path.rglob(WEIGHTS)).resolve()
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    assert f"{WEIGHTS} is missing or changed" in run(hub, tmp_path, "verify", MODEL.id, code=1)
    said = run(hub, tmp_path, "verify", "--repair", MODEL.id)
    assert "every file is as the hub lists it" in said


def test_a_removal_gives_the_bytes_back(hub: HubServer, tmp_path: Path) -> None:
    run(hub, tmp_path, "fetch", MODEL.id)
    assert "8 MB given back" in run(hub, tmp_path, "remove", "--yes", MODEL.id)
    assert state(hub, tmp_path)["state"] == "missing"
    assert not list(tmp_path.rglob(WEIGHTS))


def test_a_gated_model_is_one_sentence(hub: HubServer, tmp_path: Path) -> None:
    assert MODEL.weights is not None
    hub.repositories[MODEL.weights.repo].gated = True
    said = run(hub, tmp_path, "fetch", MODEL.id, code=1)
    assert said.startswith(f"Error: {MODEL.weights.repo} is gated, and no token was sent (401)")
    assert said.count("\n") == 1


def test_the_list_asks_for_sizes_that_are_not_known(hub: HubServer, tmp_path: Path) -> None:
    assert MODEL.weights is not None
    hub.repositories[MODEL.weights.repo].gated = True
    listed = run(hub, tmp_path, "list", "--variant", MODEL.id)
    assert "missing  0 kB  8 MB" in listed
    assert "gated: it needs its licence accepted, and HF_TOKEN" in listed


@pytest.mark.usefixtures("hub")
def test_a_hosted_model_has_no_weights(hub: HubServer, tmp_path: Path) -> None:
    said = run(hub, tmp_path, "fetch", "flux.2-pro", code=1)
    assert said == "Error: flux.2-pro is hosted by its vendor: it has no weights here\n"
