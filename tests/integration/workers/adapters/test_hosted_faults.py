"""The hosted adapter against an upstream that is slow, broken, full or strict."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr
from tenacity import wait_random_exponential

from tests.servers import vendor as faults
from tests.servers.vendor import KEY, Fault, Plan, Vendor, running_vendor, status
from tests.support.outbound import QUICK, trusting_nobody
from workers.adapters.hosted import adapter as hosted_adapter
from workers.adapters.hosted import upstream
from workers.adapters.hosted.adapter import HostedAdapter
from workers.adapters.hosted.errors import TaskLostError, UpstreamError
from workers.adapters.hosted.responses import TaskResult
from workers.adapters.hosted.settings import HostedSettings, HostedSetupError
from workers.adapters.protocol import (
    AdapterError,
    ContentModeratedError,
    InvalidInputError,
    Output,
    RequestModeratedError,
    TransientResumePoint,
    Work,
)
from workers.catalog import find
from workers.outbound import client

SECRET = "a word that nobody else may read"
PATIENCE_SECONDS = 3.0


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    for name in ("_SUBMIT", "_POLL", "_FETCH"):
        monkeypatch.setattr(upstream, name, QUICK)
    monkeypatch.setattr(hosted_adapter, "_backoff", wait_random_exponential(0.02, max=0.1))
    monkeypatch.setattr(hosted_adapter, "_FIRST_POLL_SECONDS", 0.02)
    monkeypatch.setattr(client, "_ssl_context", lambda _settings: trusting_nobody())
    with running_vendor() as running:
        yield running


def work(prompt: str = SECRET) -> Work:
    parameters = find("flux.2-pro").parameters(prompt=prompt, width=64, height=64, seed=7)
    return Work(parameters)


def painted(
    vendor: Vendor,
    asked: Work | None = None,
    *,
    patience: float = PATIENCE_SECONDS,
    key: str = KEY,
    variant: str = "flux.2-pro",
) -> Output:
    settings = HostedSettings(url=vendor.url, key=SecretStr(key), patience_seconds=patience)
    adapter = HostedAdapter(find(variant), "cpu", {}, settings)
    adapter.load()
    [output] = adapter.run([asked or work()], lambda _step, _steps: None, lambda: False)
    return output


def failed(vendor: Vendor, asked: Work | None = None, **how: object) -> AdapterError:
    """The error of a job that fails. Its owner reads no secret in it."""
    with pytest.raises(AdapterError) as caught:
        painted(vendor, asked, **how)  # type: ignore[arg-type]
    said = str(caught.value)
    assert KEY not in said
    assert "127.0.0.1" not in said
    assert not any(task_id in said for task_id in vendor.tasks)
    return caught.value


TRANSIENT = [
    *(status(500), status(502, b"<html>"), status(503, Retry_After="1"), status(429)),
    *(faults.garbage, faults.cut_short, faults.reset, faults.hang, status(200, b"[]")),
]
NAMES = [
    *("500", "502", "503 with Retry-After", "429"),
    *("no JSON", "cut short", "reset", "hang", "a list"),
]


@pytest.mark.parametrize("route", ["submit", "poll"])
@pytest.mark.parametrize("fault", TRANSIENT, ids=NAMES)
def test_a_fault_that_passes_costs_a_moment(vendor: Vendor, route: str, fault: Fault) -> None:
    vendor.fail_next(route, fault)
    assert painted(vendor, patience=10).images[0].seed == 7
    assert len(vendor.submitted) == 1


@pytest.mark.parametrize("fault", [status(500), status(503), faults.hang, faults.cut_short])
def test_a_picture_that_does_not_come_at_once_is_fetched_again(
    vendor: Vendor, fault: Fault
) -> None:
    vendor.fail_next("sample", fault, fault)
    assert painted(vendor, patience=10).images[0].seed == 7
    assert len(vendor.submitted) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (status(500), "the upstream answered 500"),
        (status(429), "too much to do"),
        (faults.hang, "does not answer"),
        (faults.reset, "cannot be read"),
        (faults.garbage, "cannot be read"),
    ],
)
def test_a_fault_that_stays_is_given_up_and_the_job_tried_again_later(
    vendor: Vendor, fault: Fault, said: str
) -> None:
    vendor.fail_next("submit", *[fault] * 50)
    error = failed(vendor, patience=0.5)
    assert (error.code, error.retryable) == ("upstream_error", True)
    assert said in str(error)


def test_an_upstream_that_wants_to_be_asked_later_than_patience_lasts_is_left(
    vendor: Vendor,
) -> None:
    vendor.fail_next("submit", status(429, Retry_After="600"))
    assert failed(vendor, patience=5).retryable
    assert vendor.submitted == []


def test_nobody_listening_is_an_upstream_error() -> None:
    error = failed(Vendor(url="http://127.0.0.1:1"), patience=0.3)
    assert (error.code, error.retryable) == ("upstream_error", True)


@pytest.mark.parametrize(
    ("code", "said"), [(401, "key"), (402, "operator's account"), (403, "operator's account")]
)
def test_trouble_with_the_operators_account_ends_the_job(
    vendor: Vendor, code: int, said: str
) -> None:
    vendor.fail_next("submit", status(code))
    error = failed(vendor)
    assert (error.code, error.retryable) == ("upstream_error", False)
    assert said in str(error)


def test_a_wrong_key_is_not_told_to_anyone(vendor: Vendor) -> None:
    error = failed(vendor, key="another-key")
    assert "another-key" not in str(error)
    assert not error.retryable


def test_a_model_that_the_upstream_does_not_have_ends_the_job(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "ENDPOINTS", {"flux-dev"})
    error = failed(vendor)
    assert (error.code, error.retryable) == ("upstream_error", False)


def test_input_that_the_upstream_refuses_is_told_readably(vendor: Vendor) -> None:
    asked = work()
    odd = asked.parameters.model_copy(update={"width": 65, "safety_tolerance": 6})
    error = failed(vendor, Work(odd))
    assert isinstance(error, InvalidInputError)
    assert not error.retryable
    assert "width: Input should be a multiple of 16; safety_tolerance: " in str(error)
    assert "not to be shown" not in str(error)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"detail": "no cats"}', b'{"detail": [3, {}]}'])
def test_a_refusal_of_another_form_is_told_as_far_as_it_goes(vendor: Vendor, body: bytes) -> None:
    vendor.fail_next("submit", status(422, body))
    assert ("no cats" if b"cats" in body else "does not say why") in str(failed(vendor))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("Request Moderated", RequestModeratedError),
        ("Content Moderated", ContentModeratedError),
    ],
)
def test_moderation_ends_the_job_with_its_reason(
    vendor: Vendor, state: str, error: type[AdapterError]
) -> None:
    vendor.plans[SECRET] = Plan(status=state, details={"Moderation Reasons": ["Derivative Works"]})
    found = failed(vendor)
    assert isinstance(found, error)
    assert not found.retryable
    assert str(found).endswith("content filter: Derivative Works")


@pytest.mark.parametrize("details", [None, {}, "x", {"Moderation Reasons": {"a": 1}}, [1]])
def test_moderation_without_a_reason_says_so_much(vendor: Vendor, details: object) -> None:
    vendor.plans[SECRET] = Plan(status="Request Moderated", details=details)  # type: ignore[arg-type]
    assert str(failed(vendor)) == "the request was refused by a content filter"


@pytest.mark.parametrize("state", ["Error", "Task not found", "Weather"])
def test_a_task_that_fails_is_submitted_again_by_the_next_attempt(
    vendor: Vendor, state: str
) -> None:
    vendor.plans[SECRET] = Plan(status=state)
    error = failed(vendor)
    assert (error.code, error.retryable) == ("upstream_error", True)


def test_a_picture_that_is_gone_is_an_upstream_error(vendor: Vendor) -> None:
    vendor.plans[SECRET] = Plan(sample_status=404)
    error = failed(vendor)
    assert isinstance(error, TaskLostError)
    assert error.retryable


@pytest.mark.parametrize("result", [None, {}, "soon", {"sample": 7}, [1]])
def test_a_result_without_a_picture_is_an_upstream_error(vendor: Vendor, result: object) -> None:
    body = json.dumps({"id": "x", "status": "Ready", "result": result}).encode()
    vendor.fail_next("poll", status(200, body))
    error = failed(vendor)
    assert (error.code, error.retryable) == ("upstream_error", True)
    assert "where the picture is" in str(error)


@pytest.mark.parametrize("progress", [None, "half", -1, 50, float("nan"), [1], True])
def test_progress_that_means_nothing_is_passed_over(vendor: Vendor, progress: object) -> None:
    body = {"id": "x", "status": "Pending", "result": {"odd": 1}, "progress": progress}
    vendor.fail_next("poll", status(200, json.dumps(body).encode()))
    assert painted(vendor).images[0].seed == 7


@pytest.mark.parametrize("seed", [None, -1, 2**64, "7", True, 1.5])
def test_a_seed_that_is_none_is_told_as_asked_for(seed: object) -> None:
    assert task_result(seed).seed_or(7) == 7
    assert task_result(2**64 - 1).seed_or(7) == 2**64 - 1


def task_result(seed: object) -> TaskResult:
    return TaskResult(sample="https://upstream.example/sample.png", seed=seed)


@pytest.mark.parametrize("sample", [b"no picture", b"\x89PNG\r\n\x1a\n cut"])
def test_a_picture_that_is_none_is_an_upstream_error(vendor: Vendor, sample: bytes) -> None:
    vendor.plans[SECRET] = Plan(sample=sample)
    error = failed(vendor)
    assert isinstance(error, UpstreamError)
    assert "not a usable picture" in str(error)


def test_a_picture_beyond_all_limits_is_left_on_the_way(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "_FETCH", upstream.Timeouts(total=20))
    vendor.plans[SECRET] = Plan(sample=b"x" * (upstream.LIMITS.max_bytes + 1))
    error = failed(vendor)
    assert (error.code, error.retryable) == ("upstream_error", False)


def test_the_next_attempt_waits_for_the_task_of_the_one_before(vendor: Vendor) -> None:
    note, asked = TransientResumePoint(), work()
    asked = Work(asked.parameters, resume_point=note)
    vendor.fail_next("poll", *[status(500)] * 50)
    assert failed(vendor, asked, patience=0.3).retryable
    vendor.faults["poll"].clear()
    assert painted(vendor, asked).images[0].seed == 7
    assert len(vendor.submitted) == 1


@pytest.mark.parametrize("plan", [Plan(status="Error"), Plan(sample_status=410)])
def test_a_stored_task_that_is_gone_is_submitted_again(vendor: Vendor, plan: Plan) -> None:
    note = TransientResumePoint()
    vendor.plans["doomed"] = plan
    failed(vendor, Work(work("doomed").parameters, resume_point=note))
    del vendor.plans["doomed"]
    assert painted(vendor, Work(work().parameters, resume_point=note)).images[0].seed == 7
    assert len(vendor.submitted) == 2


@pytest.mark.parametrize("text", ["", "{}", "another release's", '{"id": "unknown"}'])
def test_a_note_that_means_nothing_is_passed_over(vendor: Vendor, text: str) -> None:
    note = TransientResumePoint()
    note.write(text)
    assert painted(vendor, Work(work().parameters, resume_point=note)).images[0].seed == 7


def test_the_key_goes_to_the_upstream_and_to_nobody_that_it_names(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_OUTBOUND_ALLOW", '["127.0.0.1/32"]')
    monkeypatch.setenv("BOTTEGA_OUTBOUND_HTTP", "true")
    monkeypatch.setenv("BOTTEGA_OUTBOUND_PORTS", "[]")
    with running_vendor() as region:
        region.tasks, vendor.poll_at = vendor.tasks, region.url
        painted(vendor)
        assert set(region.keys_seen["poll"]) == {None}
    assert vendor.keys_seen["submit"] == [KEY]
    assert set(vendor.keys_seen["sample"]) == set()
    assert set(region.keys_seen["sample"]) == {None}


def test_an_address_of_the_private_network_that_the_upstream_names_is_not_reached(
    vendor: Vendor,
) -> None:
    with running_vendor() as region:
        region.tasks, vendor.poll_at = vendor.tasks, region.url
        error = failed(vendor)
        assert (error.code, error.retryable) == ("upstream_error", False)
        assert region.keys_seen["poll"] == []


def test_no_log_line_holds_key_prompt_or_address(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.fail_next("poll", status(500), faults.garbage)
    note = TransientResumePoint()
    note.write('{"id": "unknown"}')
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as lines:
        painted(vendor, Work(work().parameters, resume_point=note))
    said = f"{lines} {caplog.text}"
    assert "upstream_task_gone" in said
    for secret in (KEY, SECRET, "get_result", "delivery", *vendor.tasks):
        assert secret not in said


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (None, None),
        ("https://upstream.example", None),
        ("https://upstream.example", ""),
        ("https://upstream.example", "line\nbreak"),
        ("no url", "k"),
        ("ftp://upstream.example", "k"),
        (None, "the-key"),
    ],
)
def test_without_an_upstream_it_does_not_load_and_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, url: str | None, key: str | None
) -> None:
    for name, value in {"BOTTEGA_RELAY_URL": url, "BOTTEGA_RELAY_KEY": key}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(HostedSetupError, match=r"BOTTEGA_RELAY_URL.*BOTTEGA_RELAY_KEY") as caught:
        HostedAdapter(find("flux.2-pro"), "cpu", {}).load()
    assert "the-key" not in str(caught.value)
