"""Tickets, queues and event ids, as far as they need no Redis."""

import base64
import json

import pytest
from pydantic import SecretStr

from tests.support.garbage import MALFORMED_JSON, MALFORMED_MESSAGES, event_message
from workers.messaging.events import (
    Event,
    ParsedEvents,
    parse_entry,
    parse_id,
    parse_message,
    parse_stream,
    stream_key,
)
from workers.messaging.queue import make_celery, queue_of
from workers.messaging.ticket_transport import TASK, canonical_ticket
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
    message = event_message(("5-0", "job_1", "progress", data), ("5-0", "job_2", "done", "{}"))
    assert parse_message(message, {"job_1"}) == ([expected], 0)
    entry = (b"5-0", {b"type": b"progress", b"data": data.encode()})
    assert parse_entry("job_1", entry) == expected
    assert "job_1" in stream_key("job_1")


@pytest.mark.parametrize("message", MALFORMED_MESSAGES)
def test_a_message_that_is_none_of_ours_holds_no_event(message: bytes) -> None:
    assert parse_message(message, {"job_1"}) == ParsedEvents([], 1)


@pytest.mark.parametrize(
    ("event_id", "kind", "data"),
    [
        ("x", "done", '{"state": "succeeded"}'),
        ("1-0-0", "done", '{"state": "succeeded"}'),
        ("9" * 5000 + "-0", "done", '{"state": "succeeded"}'),
        ("1-0", "fired", "{}"),
        ("1-0", "done", "{}"),
        ("1-0", "done", '{"state": "rich"}'),
        ("1-0", "state", '{"state": "running"}'),
        ("1-0", "state", '{"state": "running", "attempt": "many"}'),
        ("1-0", "progress", '{"step": -1, "steps": 4, "fraction": 0.5}'),
        ("1-0", "progress", '{"step": 1, "steps": 4, "fraction": NaN}'),
        ("1-0", "preview", '{"step": 1, "steps": 4, "image": "https://example.org/x.jpg"}'),
        ("1-0", "preview", '{"step": 1, "steps": 4, "image": "data:text/html;base64,AAAA"}'),
        ("1-0", "preview", json.dumps({"step": 1, "steps": 4, "image": "A" * 10**6})),
        *(("1-0", "state", data.decode("latin-1")) for data in MALFORMED_JSON if data),
    ],
)
def test_an_event_of_another_form_is_dropped_and_its_neighbours_are_not(
    event_id: str, kind: str, data: str
) -> None:
    good = ("2-0", "job_1", "done", '{"state": "succeeded"}')
    done = Event("2-0", "job_1", "done", {"state": "succeeded"})
    message = event_message((event_id, "job_1", kind, data), good)
    assert parse_message(message, {"job_1"}) == ([done], 1)
    entries = [
        (event_id.encode(), {b"type": kind.encode(), b"data": data.encode("latin-1")}),
        (b"2-0", {b"type": b"done", b"data": good[3].encode()}),
        (b"3-0", {}),
        (b"4-0", {b"type": b"\xff\xfe", b"data": b"\xff"}),
    ]
    assert parse_stream("job_1", entries, b"\xff \xff") == ([done], 3)


def sent_ticket(**changes: object) -> dict[str, object]:
    """A ticket as Celery writes it onto a queue."""
    app = make_celery(SETTINGS)
    message = app.amqp.as_task_v2(
        "0" * 8 + "-0000-0000-0000-" + "0" * 12, TASK, (), {"variant": "v"}
    )
    body = base64.b64encode(json.dumps(message.body).encode()).decode()
    return {"headers": message.headers, "body": body, "properties": {}, **changes}


def test_a_ticket_is_delivered_without_anything_else_that_its_message_said() -> None:
    message = sent_ticket()
    message["headers"] |= {"eta": "2999-01-01T00:00:00", "timelimit": ["x"]}  # type: ignore[operator]
    ticket = canonical_ticket(message, "v")
    assert ticket is not None
    assert "eta" not in ticket["headers"]
    assert ticket["headers"]["id"] == message["headers"]["id"]  # type: ignore[index]
    assert json.loads(base64.b64decode(ticket["body"]))[:2] == [[], {"variant": "v"}]


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        "text",
        [],
        {},
        {"headers": None, "body": "", "properties": {}},
        {"headers": {"task": "celery.ping", "id": "0" * 36}, "body": "W10="},
        sent_ticket(body=None),
        sent_ticket(body="no base64"),
        sent_ticket(body=base64.b64encode(b"[" * 30_000).decode()),
        sent_ticket(body=base64.b64encode(b"\xff").decode()),
        sent_ticket(body=base64.b64encode(b'[[], {"variant": "another"}, {}]').decode()),
        sent_ticket(body=base64.b64encode(b'[[], {"variant": 1}, {}]').decode()),
        sent_ticket(body="A" * 10**6),
        sent_ticket(headers={"task": TASK, "id": ["x"]}),
    ],
)
def test_a_message_that_is_no_ticket_of_its_queue_is_none(message: object) -> None:
    assert canonical_ticket(message, "v") is None


def test_a_variant_s_weights_are_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_WEIGHTS_FLUX_1_DEV", "/models/dev")
    assert weights_overrides()["BOTTEGA_WEIGHTS_FLUX_1_DEV"] == "/models/dev"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:pw@redis:6379/1")
    monkeypatch.setenv("BOTTEGA_LEASE_SECONDS", "12")
    settings = WorkerSettings()
    assert settings.lease_seconds == 12
    assert "pw" not in repr(settings)
