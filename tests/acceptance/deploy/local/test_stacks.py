"""Stacks beside each other, one after another on the same folder, and where none can be."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.stack import (
    Json,
    Stack,
    eventually,
    processes_in,
    run_bottega,
)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack beside the one that all tests share."""
    running = Stack(tmp_path_factory.mktemp("second") / "data", variants=("flux.1-demo",))
    try:
        running.start()
        yield running
    finally:
        running.abandon()


@pytest.mark.slow
def test_two_stacks_do_not_disturb_each_other(stack: Stack, second: Stack) -> None:
    assert stack.url != second.url
    assert not set(stack.children().values()) & set(second.children().values())
    here, there = stack.tenant(), second.tenant()
    jobs = [client.await_end(client.paint(seed=3)) for client in (here, there)]
    assert [job["state"] for job in jobs] == ["succeeded", "succeeded"]
    shas = {job["output"]["images"][0]["sha256"] for job in jobs}
    assert len(shas) == 1, "the same seed paints the same picture"
    assert here.http.get(f"/v1/jobs/{jobs[1]['id']}").status_code == 404
    key = dict(here.http.headers)["authorization"]
    assert httpx.get(f"{second.url}/v1/account", headers={"Authorization": key}).status_code == 401
    token = jobs[0]["output"]["images"][0]["url"].removeprefix(stack.url)
    assert httpx.get(second.url + token).status_code == 404


def refused(*arguments: str) -> str:
    """The sentence with which `bottega up` refuses to start."""
    done = run_bottega("up", *arguments)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_folder_that_a_stack_uses_is_refused(stack: Stack, tmp_path: Path) -> None:
    before = stack.children()
    ready = tmp_path / "ready.json"
    said = refused("--data-dir", str(stack.data_dir), "--port", "0", "--ready-file", str(ready))
    assert str(stack.data_dir) in said
    assert "--data-dir" in said
    assert not ready.exists()
    assert stack.children() == before
    assert httpx.get(f"{stack.url}/readyz").status_code == 200


def test_a_port_that_is_taken_is_refused(stack: Stack, tmp_path: Path) -> None:
    port = str(httpx.URL(stack.url).port)
    said = refused("--data-dir", str(tmp_path / "data"), "--port", port)
    assert port in said
    assert processes_in(tmp_path) == []


def test_a_folder_that_cannot_be_is_refused() -> None:
    assert "/dev/null/data" in refused("--data-dir", "/dev/null/data", "--port", "0")


def test_an_unknown_variant_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    said = refused("--data-dir", str(tmp_path / "data"), "--port", "0", "--variant", "flux.1-dem")
    assert "flux.1-demo" in said
    assert processes_in(tmp_path) == []


@pytest.fixture(scope="module")
def kept(second: Stack) -> Json:
    """A painted job of the second stack's own tenant, before that stack is stopped."""
    client = second.client()
    return client.await_end(client.paint(seed=5))


def same_again(second: Stack, kept: Json, facts: Json) -> None:
    """Keys, jobs and artifact URLs are what they were."""
    assert second.facts["api_key"] == facts["api_key"]
    assert second.facts["operator_key"] == facts["operator_key"]
    client = second.client(facts["api_key"])
    job = client.job(kept["id"])
    assert job["state"] == "succeeded"
    assert job["output"]["images"][0]["sha256"] == kept["output"]["images"][0]["sha256"]
    old_url = kept["output"]["images"][0]["url"]
    assert len(httpx.get(old_url).raise_for_status().content) == job["output"]["images"][0]["bytes"]
    again = client.await_end(client.paint(seed=5))
    assert again["output"]["images"][0]["sha256"] == job["output"]["images"][0]["sha256"]


@pytest.mark.slow
def test_a_stack_stopped_by_ctrl_c_in_the_middle_of_a_job_goes_on_where_it_was(
    second: Stack, kept: Json
) -> None:
    client = second.client()
    job = client.paint(steps=50, num_images=4, width=256, height=256)
    client.wait_for_step(job, 1)
    facts, second.port = second.facts, httpx.URL(second.url).port or 0
    second.stop(signal.SIGINT)
    second.start()
    same_again(second, kept, facts)
    ended = second.client().await_end(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)


@pytest.mark.slow
def test_a_killed_command_leaves_no_process_and_starts_again(second: Stack, kept: Json) -> None:
    facts, second.port = second.facts, httpx.URL(second.url).port or 0
    second.kill()
    eventually(lambda: processes_in(second.data_dir) == [])
    second.start()
    same_again(second, kept, facts)
    assert second.violations() == []
    second.stop()


def test_a_stack_whose_server_cannot_start_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "cluster").mkdir()
    done = run_bottega("up", "--data-dir", str(data), "--port", "0")
    assert done.returncode == 1
    assert "postgres" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_in(tmp_path) == []
