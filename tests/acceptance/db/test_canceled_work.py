"""Jobs canceled at each of their steps while workers are killed: every charge follows the rule."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.acceptance.stack import Client, Json, Stack
from tests.support.stack_faults import await_restart, strike

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 50
PICTURES = 2

_CANCELED = text("""
SELECT jobs.id, jobs.units, progress_step, progress_steps, worker_id IS NOT NULL AS ran,
    holds.state, usage_events.units AS used, usage_events.ran_micro_units AS micro_units
FROM jobs JOIN holds ON holds.job_id = jobs.id
LEFT JOIN usage_events ON usage_events.job_id = jobs.id
WHERE jobs.state = 'canceled'
""")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "BOTTEGA_LEASE_SECONDS": "3",
        "BOTTEGA_SWEEP_SECONDS": "0.5",
        "BOTTEGA_HEARTBEAT_SECONDS": "0.1",
    }
    folder: Path = tmp_path_factory.mktemp("canceled")
    running = Stack(folder / "data", settings, variants=("flux.1-demo",))
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.abandon()


def cancel_at(client: Client, step: int) -> Json:
    """Cancel a job at a step that its stream shows, or when its worker is gone."""
    job = client.paint(f"a red circle {step}", steps=STEPS, num_images=PICTURES, seed=step)
    with client.follow(job) as events:
        for event in events:
            if event.type == "done" or (event.type == "progress" and event.data["step"] >= step):
                break
    return client.cancel(job)


def test_every_charge_follows_the_rule(stack: Stack) -> None:
    client = stack.tenant("enterprise")
    killed = 0
    for step in range(1, STEPS + 1):
        if step % 12 == 0:
            job = client.paint("a blue square", steps=STEPS, seed=step)
            client.wait_for_step(job, 3)
            await_restart(stack, "worker", strike(stack, "worker"))
            client.cancel(job)
            killed += 1
        cancel_at(client, step)
    with stack.database.transaction() as session:
        rows = session.execute(_CANCELED).all()
    assert killed == STEPS // 12
    assert len(rows) > STEPS // 2
    for row in rows:
        share = row.progress_step * 1_000_000 * row.units // (row.progress_steps or 1)
        expected = share if row.ran and row.progress_steps else 0
        assert (row.micro_units or 0) == expected, row
        assert row.state == ("settled" if expected else "released"), row
    used = sum(row.micro_units or 0 for row in rows)
    done = sum(
        job["state"] == "succeeded" for job in client.http.get("/v1/jobs?limit=100").json()["jobs"]
    )
    allowance = client.account()["allowances"]["images"]
    assert allowance["used"] == done * PICTURES + used // 1_000_000
    assert used > 10_000_000
    assert stack.violations() == []
