"""Previews: the jobs that publish them, and their size limit."""

import base64
import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from db.tables import Job
from workers.catalog import find
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.previews import MOST_BYTES, data_uri, preview_of


class Listener(SimpleNamespace):
    """Records previews in place of a publisher."""

    def publish_preview(self, job_id: str, data: Mapping[str, Any]) -> None:
        self.heard.append((job_id, data))


@pytest.fixture
def listener() -> Any:
    return Listener(heard=[])


def parameters(*, previews: bool) -> Any:
    return find("flux.1-demo").parameters(prompt="a cat", previews=previews)


def active_job() -> ActiveJob:
    return ActiveJob(Job(id="job_1", attempt=1))


def decoded(uri: str) -> bytes:
    head, _, text = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return base64.b64decode(text)


def test_who_asks_is_shown(listener: Any) -> None:
    show = preview_of(active_job(), parameters(previews=True), listener, lambda: False)
    assert show is not None
    show(Image.new("RGB", (8, 4), "red"), 2, 4)
    ((job_id, data),) = listener.heard
    assert (job_id, data["step"], data["steps"]) == ("job_1", 2, 4)
    assert Image.open(io.BytesIO(decoded(data["image"]))).size == (8, 4)


def test_who_asks_not_or_is_judged_first_is_shown_nothing(listener: Any) -> None:
    quiet, curious = parameters(previews=False), parameters(previews=True)
    assert preview_of(active_job(), quiet, listener, lambda: False) is None
    assert preview_of(active_job(), curious, listener, lambda: True) is None


def test_a_job_that_is_no_longer_in_hand_shows_nothing_more(listener: Any) -> None:
    job = active_job()
    show = preview_of(job, parameters(previews=True), listener, lambda: False)
    job.claim_lost.set()
    assert show is not None
    show(Image.new("RGB", (8, 4)), 2, 4)
    assert listener.heard == []


@pytest.mark.parametrize("spread", [0, 255])
def test_the_most_restless_picture_is_small_enough(spread: int) -> None:
    drawn = np.random.default_rng(1).integers(0, spread + 1, (256, 256, 3), dtype=np.uint8)
    uri = data_uri(Image.fromarray(drawn))
    assert len(decoded(uri)) <= MOST_BYTES
    assert len(uri) <= 32 * 1024
