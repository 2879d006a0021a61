"""A stack waits for a worker that downloads its model, shows it, and serves the model then."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import stack
from tests.acceptance.stack import BOTTEGA, ROOT, Stack, run_bottega
from tests.support.hub_server import HubServer, hub_server
from tests.support.waiting import await_true
from workers import catalog
from workers.demo import weights_folder

MODEL = catalog.find("florence-2-base")
STALL_SECONDS = 25


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A hub that offers the demo model's weights in place of the real ones."""
    assert MODEL.weights is not None
    with hub_server() as server:
        server.add_folder(
            MODEL.weights.repo, weights_folder("florence-2-demo"), commit=MODEL.weights.revision
        )
        yield server


@pytest.mark.slow
def test_it_waits_for_a_download_that_takes_longer_than_any_stall(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "START_SECONDS", 240)
    hub.bytes_per_second = 250_000  # about 30 seconds
    settings = hub.environment(tmp_path / "home")
    settings["BOTTEGA_LOAD_STALL_SECONDS"] = str(STALL_SECONDS)
    running = Stack(tmp_path / "data", variants=(MODEL.id,), settings=settings)
    try:
        running.start()
        assert running.start_seconds > STALL_SECONDS
        assert await_true(lambda: f'"model": "{MODEL.id}"' in running.output.read_text())
        said = running.output.read_text()
        assert f"{MODEL.id}: downloading " in said
        assert " MB of 8 MB (" in said
        client = running.tenant()
        job = client.await_end(client.submit(MODEL.id, example_input(said)))
        assert job["state"] == "succeeded"
        running.stop()
    finally:
        running.abandon()


@pytest.mark.slow
def test_ctrl_c_ends_the_wait_and_the_next_start_goes_on(hub: HubServer, tmp_path: Path) -> None:
    hub.bytes_per_second = 300_000
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*BOTTEGA, "up", "--data-dir", str(tmp_path / "data"), "--port", "0", *variant()],
        cwd=ROOT,
        env={**os.environ, **hub.environment(tmp_path / "home")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert await_true(lambda: hub.sent_bytes("model.safetensors") > 500_000, 90)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "a download goes on where it was" in said
    assert list((tmp_path / "home").rglob("*.incomplete"))


@pytest.mark.slow
def test_a_gated_model_ends_the_start_with_its_sentence(hub: HubServer, tmp_path: Path) -> None:
    assert MODEL.weights is not None
    hub.repositories[MODEL.weights.repo].gated = True
    done = run_bottega(
        *("up", "--data-dir", str(tmp_path / "data"), "--port", "0", *variant()),
        environment=hub.environment(tmp_path / "home"),
    )
    assert done.returncode == 1
    assert f"{MODEL.id}: {MODEL.weights.repo} is gated, and no token was sent (401)" in done.stderr
    assert "Traceback" not in done.stderr


def variant() -> tuple[str, str]:
    return ("--variant", MODEL.id)


def example_input(greeting: str) -> dict[str, object]:
    """The input of the job that the greeting shows."""
    body = greeting.partition(" -d '")[2].partition("'\n")[0]
    shown: dict[str, object] = json.loads(body)["input"]
    return shown
