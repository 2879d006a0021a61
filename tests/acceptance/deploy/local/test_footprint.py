"""The memory of the service, and the libraries that its API process does not load."""

from pathlib import Path

import psutil
import pytest

from tests.acceptance.stack import Client, Stack

pytestmark = pytest.mark.usefixtures("books")

MEGABYTE = 10**6


def resident_bytes(stack: Stack, name: str) -> int:
    size: int = psutil.Process(stack.children()[name]).memory_info().rss
    return size


def some_traffic(client: Client) -> None:
    painted = [client.paint(seed=n, num_images=2) for n in range(10)]
    urls = [client.await_end(job)["output"]["images"][0]["url"] for job in painted]
    for job in [client.look(url) for url in urls]:
        client.await_end(job)
    for _ in range(50):
        client.http.get("/v1/jobs").raise_for_status()


@pytest.mark.slow
def test_the_api_stays_small_and_the_worker_within_its_budget(stack: Stack, tenant: Client) -> None:
    some_traffic(tenant)
    assert resident_bytes(stack, "api") < 200 * MEGABYTE
    assert resident_bytes(stack, "worker") < 1500 * MEGABYTE
    assert resident_bytes(stack, "courier") < 200 * MEGABYTE


def test_the_api_maps_no_model_library(stack: Stack) -> None:
    for name in ("api", "courier"):
        maps = Path(f"/proc/{stack.children()[name]}/maps").read_text()
        assert "psycopg" in maps
        assert "torch" not in maps
    assert "torch" in Path(f"/proc/{stack.children()['worker']}/maps").read_text()
