"""Output that is no picture: retried, reported, not charged, and no harm to the batch."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from tests.support.jobs import allowance, counts, found, sql, state
from tests.support.station import FLUX, Station
from workers.adapters.flux.adapter import FluxAdapter
from workers.catalog import find

POISON = "a poisoned prompt"
ATTEMPTS = 3


@pytest.fixture(scope="module")
def painter() -> Iterator[FluxAdapter]:
    """The demo model, with NaN in the cached encoding of one prompt."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    adapter = FluxAdapter(find(FLUX), "cpu", {})
    adapter.load()
    sound = adapter._prompts.encode("a red circle", {})
    broken = tuple(part * torch.nan for part in sound.embeddings)
    adapter._prompts._known.put(POISON, replace(sound, embeddings=broken))
    yield adapter
    torch.set_num_threads(before)


def submit(station: Station, tenant_id: str, prompt: str) -> str:
    return station.submit(tenant_id, prompt=prompt, steps=1, width=64, height=64)


def test_numbers_that_are_none_end_their_job_alone(
    station: Station, tenant_id: str, painter: FluxAdapter
) -> None:
    prompts = ("a red circle", POISON, "a black background")
    ids = [submit(station, tenant_id, prompt) for prompt in prompts]
    # Together, then each alone.
    assert station.run_batch(*[painter.run] * 4) == 3
    states = [str(state(station.database, job_id)) for job_id in ids]
    assert states == ["succeeded", "queued", "succeeded"]
    for _ in range(ATTEMPTS - 1):
        sql(station.database, "UPDATE jobs SET available_at = now() WHERE state = 'queued'")
        assert station.run_batch(painter.run) == 1
    job = found(station.database, ids[1])
    assert (job.state, job.error_code, job.attempt) == ("failed", "invalid_output", ATTEMPTS)
    assert "no picture" in (job.error_message or "")
    assert counts(station.database, "usage_events", "artifacts") == [2, 2]
    following = submit(station, tenant_id, "a red circle")
    station.run_batch(painter.run)
    assert state(station.database, following) == "succeeded"
    assert allowance(station.database, tenant_id) == (3, 0)
