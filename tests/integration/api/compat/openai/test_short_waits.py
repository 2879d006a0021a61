"""Synchronous calls of a process that waits for half a second, for one call of a key."""

import pytest

from api.compat.shared import waiting
from tests.integration.api.compat.openai.conftest import Site, in_background
from tests.support.waiting import await_true


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A short wait, and one of them."""
    return {"BOTTEGA_SYNC_SECONDS": "0.5", "BOTTEGA_MAX_LONG_POLLS_PER_KEY": "1"}


def test_a_job_that_takes_too_long_is_canceled(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.1)
    answer = site.generate()
    site.error(answer, 504)
    assert answer.headers["x-should-retry"] == "false"
    assert await_true(lambda: site.rows() == [("canceled",)])


def test_more_open_requests_than_a_key_may_have_submit_nothing(site: Site) -> None:
    thread, _ = in_background(site.generate)
    assert await_true(lambda: len(site.rows()) == 1)
    assert site.error(site.generate(seed=1), 429)["code"] == "rate_limit_exceeded"
    thread.join()
    assert len(site.rows()) == 1
