"""Tickets, queues and event ids, as far as they need no Redis."""

import json

import pytest
from pydantic import SecretStr

from workers.messaging.events import Event, parse_entry, parse_id, parse_message, stream_key
from workers.messaging.queue import make_celery, queue_of
from workers.settings import WorkerSettings, weights_overrides

SETTINGS = WorkerSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"))


def test_a_queue_bears_its_variant_s_name_and_is_bound_by_it_alone() -> None:
    queue = queue_of("flux.1-demo")
    assert (queue.name, queue.routing_key) == ("flux.1-demo", "flux.1-demo")
    assert queue.exchange.type == "direct"


def test_the_celery_app_keeps_no_results_and_reads_nothing_but_json() -> None:
    app = make_celery(SETTINGS, queues=("flux.1-demo",))
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late is False
    assert [queue.name for queue in app.conf.task_queues] == ["flux.1-demo"]


def test_every_wait_for_the_broker_is_bounded() -> None:
    transport = make_celery(SETTINGS).conf.broker_transport_options
    assert transport["socket_timeout"] == SETTINGS.redis_timeout_seconds
    assert transport["socket_connect_timeout"] <= SETTINGS.redis_timeout_seconds


def test_ids_compare_as_numbers_not_as_text() -> None:
    early, late = (Event(f"1718000000000-{n}", "job_1", "state", {}) for n in (9, 10))
    assert early.order < late.order
    assert parse_id("1718000000000") == (1718000000000, 0)


@pytest.mark.parametrize("text", ["", "-", "x-1", "1-x", "1-2-3", "1.5-0"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_id(text)


def test_an_event_reads_the_same_from_the_channel_and_from_the_stream() -> None:
    expected = Event("5-0", "job_1", "progress", {"step": 1, "steps": 4, "fraction": 0.25})
    data = '{"step": 1, "steps": 4, "fraction": 0.25}'
    message = json.dumps([["5-0", "job_1", "progress", data], ["5-0", "job_2", "done", "{}"]])
    assert parse_message(message, {"job_1"}) == [expected]
    assert parse_entry("job_1", ("5-0", {"type": "progress", "data": data})) == expected
    assert "job_1" in stream_key("job_1")


def test_a_variant_s_weights_are_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_WEIGHTS_FLUX_1_DEV", "/models/dev")
    assert weights_overrides()["BOTTEGA_WEIGHTS_FLUX_1_DEV"] == "/models/dev"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:pw@redis:6379/1")
    monkeypatch.setenv("BOTTEGA_LEASE_SECONDS", "12")
    settings = WorkerSettings()
    assert settings.lease_seconds == 12
    assert "pw" not in repr(settings)
