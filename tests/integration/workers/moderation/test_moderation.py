"""Content filters on jobs: refusals before the model and after it, and unavailable filters."""

import base64
import io
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog
from PIL import Image
from pydantic import SecretStr
from standardwebhooks import Webhook

from tests.servers.scripted import Script, reply, scripted
from tests.support.jobs import add_tenant, allowance, counts, found, sql, state
from tests.support.outbound import outbound_settings, trusting_nobody
from tests.support.station import FLORENCE2, Station
from workers.moderation.callout import Callout
from workers.moderation.content_filter import ContentFilter, Subject
from workers.moderation.filter_file import Rule, Rules
from workers.moderation.word_list import WordList
from workers.outbound import Outbound

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
FORBIDDEN = "unspeakable"

Json = dict[str, Any]


@dataclass
class Judge:
    """A moderation service on loopback.

    Attributes:
        verdict: what it answers to a question.
        asked: the questions so far.
    """

    verdict: Callable[[Json], Json] = lambda _asked: {"allowed": True}
    asked: list[Json] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    def answer(self, request: bytes) -> Iterator[bytes | float]:
        """The script of its server."""
        head, _, body = request.decode().partition("\r\n\r\n")
        lines = (line.partition(": ") for line in head.split("\r\n")[1:])
        self.heads.append({name.lower(): value for name, _, value in lines})
        self.bodies.append(body)
        self.asked.append(json.loads(body))
        yield from reply(200, json.dumps(self.verdict(self.asked[-1])).encode())(request)


@contextmanager
def asking(script: Script, **how: Any) -> Iterator[Callout]:
    """A filter that calls a server."""
    with scripted(script) as server:
        url = f"http://127.0.0.1:{server.port}/check?token=hidden"
        outbound = Outbound(outbound_settings(), trusted=[url], ssl_context=trusting_nobody())
        plain: Json = {"name": "judge", "url": url, "outbound": outbound, "timeout_seconds": 0.5}
        yield Callout(**{**plain, **how})


def judged_by(station: Station, *filters: ContentFilter, tiers: str = "*") -> Station:
    """The station with these filters for painted pictures."""
    return replace(station, rules=Rules([Rule(["flux.*"], [tiers], filters)]))


def let_run_again(station: Station) -> None:
    sql(station.database, "UPDATE jobs SET available_at = now() WHERE state = 'queued'")


def error_of(station: Station, job_id: str) -> tuple[str, str | None, int]:
    """State, code and attempts of a job; of one that failed nothing is charged or stored."""
    job = found(station.database, job_id)
    if job.state == "failed":
        assert counts(station.database, "usage_events", "artifacts") == [0, 0]
        assert allowance(station.database, job.tenant_id) == (0, 0)
        assert station.stored_keys() == []
    return job.state, job.error_code, job.attempt


def test_a_listed_word_ends_the_job_before_the_model_and_costs_nothing(
    station: Station, tenant_id: str
) -> None:
    judged = judged_by(station, WordList([FORBIDDEN], "not here"))
    job_id = judged.submit(tenant_id, prompt=f"something {FORBIDDEN.upper()}")
    judged.run_batch()
    assert error_of(station, job_id) == ("failed", "request_moderated", 1)
    job = found(station.database, job_id)
    assert job.error_retryable is False
    assert job.error_message == "the request was refused by a content filter: not here"
    assert station.adapter.batches == []


def test_a_mate_that_is_refused_does_not_cost_the_others(station: Station, tenant_id: str) -> None:
    judged = judged_by(station, WordList([FORBIDDEN], ""))
    prompts = ("a cat", FORBIDDEN, "a dog")
    ids = [judged.submit(tenant_id, prompt=prompt) for prompt in prompts]
    assert judged.run_batch() == 3
    states = [str(state(station.database, job_id)) for job_id in ids]
    assert states == ["succeeded", "failed", "succeeded"]


def test_a_rule_of_another_variant_or_tier_judges_nothing(station: Station) -> None:
    words = WordList([FORBIDDEN], "")
    free = add_tenant(station.database, tier="free")
    paying = add_tenant(station.database, tier="standard")
    judged = judged_by(station, words, tiers="free")
    passes, refused = judged.submit(paying, prompt=FORBIDDEN), judged.submit(free, prompt=FORBIDDEN)
    judged.run_batch()
    judged.run_batch()
    assert state(station.database, passes) == "succeeded"
    assert state(station.database, refused) == "failed"


def test_what_is_yet_to_be_judged_is_not_shown_step_by_step(station: Station) -> None:
    free = add_tenant(station.database, tier="free")
    paying = add_tenant(station.database, tier="standard")
    judged = judged_by(station, WordList([FORBIDDEN], ""), tiers="free")
    for tenant, prompt in ((free, "a cat"), (paying, "a dog")):
        judged.submit(tenant, prompt=prompt, previews=True)
    judged.run_batch()
    judged.run_batch()
    works = [work for batch in station.adapter.batches for work in batch]
    shown = {getattr(work.parameters, "prompt", ""): work.preview is not None for work in works}
    assert shown == {"a cat": False, "a dog": True}


def test_what_is_written_to_florence_is_judged_too(station: Station, tenant_id: str) -> None:
    rules = Rules([Rule(["florence-*"], ["*"], (WordList([FORBIDDEN], ""),))])
    judged = replace(station, rules=rules)
    job_id = judged.submit(
        tenant_id,
        FLORENCE2,
        image="inputs/x/y",
        task="<CAPTION_TO_PHRASE_GROUNDING>",
        text=FORBIDDEN,
    )
    judged.run_batch(variant=FLORENCE2)
    assert found(station.database, job_id).error_code == "request_moderated"


def test_a_service_is_told_what_it_needs_and_its_verdict_ends_the_job(
    station: Station, tenant_id: str
) -> None:
    judge = Judge(lambda asked: {"allowed": asked["kind"] != "prompt", "reason": "house\nrules"})
    with asking(judge.answer, secret=SecretStr(SECRET)) as callout:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id, prompt="a cat")
        judged.run_batch()
    assert error_of(station, job_id) == ("failed", "request_moderated", 1)
    message = found(station.database, job_id).error_message
    assert message == "the request was refused by a content filter: house rules"
    [tier] = sql(station.database, "SELECT tier FROM tenants")[0]
    assert judge.asked == [
        {"kind": "prompt", "job": job_id, "model": "flux.1-demo", "tier": tier, "prompt": "a cat"}
    ]
    assert Webhook(SECRET).verify(judge.bodies[0], judge.heads[0]) == judge.asked[0]


def test_a_given_picture_is_judged_before_the_model_sees_it(
    station: Station, tenant_id: str
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(buffer, "PNG")
    station.store.put("inputs/x/y", buffer.getvalue(), "image/png")
    judge = Judge(lambda asked: {"allowed": asked["kind"] != "input", "reason": "a face"})
    with asking(judge.answer) as callout, asking(judge.answer, inputs=False) as other:
        judged, passing = (
            replace(station, rules=Rules([Rule(["florence-*"], ["*"], (one,))]))
            for one in (callout, other)
        )
        job_id = judged.submit(tenant_id, FLORENCE2, image="inputs/x/y")
        judged.run_batch(variant=FLORENCE2)
        job = found(station.database, job_id)
        assert (job.state, job.error_code) == ("failed", "request_moderated")
        assert job.error_message == "the request was refused by a content filter: a face"
        assert station.adapter.batches == []
        passing.submit(tenant_id, FLORENCE2, image="inputs/x/y")
        passing.run_batch(variant=FLORENCE2)
    assert len(station.adapter.batches) == 1
    (asked,) = (each for each in judge.asked if each["kind"] == "input")
    shown = Image.open(io.BytesIO(base64.b64decode(asked["picture"]["data"])))
    assert (asked["job"], shown.size) == (job_id, (64, 32))


def test_a_picture_that_is_refused_is_neither_stored_nor_charged(
    station: Station, tenant_id: str
) -> None:
    judge = Judge(lambda asked: {"allowed": asked["kind"] == "prompt", "reason": "too red"})
    with asking(judge.answer) as callout:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id)
        judged.run_batch()
    assert error_of(station, job_id) == ("failed", "content_moderated", 1)
    assert [asked["kind"] for asked in judge.asked] == ["prompt", "picture"]
    sent = judge.asked[1]["picture"]
    shown = Image.open(io.BytesIO(base64.b64decode(sent["data"])))
    assert (sent["media_type"], shown.format, shown.size) == ("image/jpeg", "JPEG", (16, 16))
    assert "webhook-signature" not in judge.heads[0]


def test_what_is_allowed_is_painted_and_charged_once(station: Station, tenant_id: str) -> None:
    judge = Judge()
    with asking(judge.answer) as callout:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id)
        judged.run_batch()
    assert error_of(station, job_id) == ("succeeded", None, 1)
    assert allowance(station.database, tenant_id) == (1, 0)


@pytest.mark.parametrize(("prompts", "pictures"), [(True, False), (False, True)])
def test_a_service_may_be_asked_about_one_kind_alone(
    station: Station, tenant_id: str, *, prompts: bool, pictures: bool
) -> None:
    judge = Judge()
    with asking(judge.answer, prompts=prompts, pictures=pictures) as callout:
        judged = judged_by(station, callout)
        judged.submit(tenant_id)
        judged.run_batch()
    assert [asked["kind"] for asked in judge.asked] == ["prompt" if prompts else "picture"]


def test_a_large_picture_is_shown_small() -> None:
    judge = Judge()
    with asking(judge.answer) as callout:
        large = Image.new("RGB", (4096, 1024))
        callout.check_picture(large, Subject("job_1", "flux.1-demo", "free"))
    data = base64.b64decode(judge.asked[0]["picture"]["data"])
    assert Image.open(io.BytesIO(data)).size == (2048, 512)


NO_VERDICTS = [
    reply(500, b'{"allowed": true}'),
    reply(302, b'{"allowed": true}', location="http://127.0.0.1/"),
    reply(200, b"yes"),
    reply(200, b'{"allowed": "yes"}'),
    reply(200, b'{"reason": "x"}'),
    lambda _request: [60.0],
    lambda _request: [],
]
NO_VERDICT_NAMES = ["500", "redirect", "no JSON", "no bool", "nothing", "silence", "hangs up"]


@pytest.mark.parametrize("script", NO_VERDICTS, ids=NO_VERDICT_NAMES)
def test_without_a_verdict_nothing_passes_and_the_job_is_tried_again(
    station: Station, tenant_id: str, script: Script
) -> None:
    with asking(script) as callout, structlog.testing.capture_logs() as lines:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id, prompt=f"a {FORBIDDEN} thing")
        judged.run_batch()
        assert error_of(station, job_id) == ("queued", None, 1)
        for _ in range(2):
            let_run_again(station)
            judged.run_batch()
    assert error_of(station, job_id) == ("failed", "content_filter_unavailable", 3)
    assert found(station.database, job_id).error_retryable is True
    assert station.adapter.batches == []
    assert any(line["event"] == "content_filter_unavailable" for line in lines)
    assert FORBIDDEN not in str(lines)
    assert "hidden" not in str(lines)


@pytest.mark.parametrize("script", [NO_VERDICTS[0], NO_VERDICTS[5]], ids=["500", "silence"])
def test_where_the_operator_says_so_what_has_no_verdict_passes(
    station: Station, tenant_id: str, script: Script
) -> None:
    with asking(script, passes_when_down=True) as callout:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id)
        judged.run_batch()
    assert error_of(station, job_id) == ("succeeded", None, 1)


def test_a_verdict_that_does_not_come_after_painting_is_asked_for_again(
    station: Station, tenant_id: str
) -> None:
    answers = [reply(500), reply(200, b'{"allowed": true}')]

    def in_turn(request: bytes) -> Iterable[bytes | float]:
        return answers.pop(0)(request)

    with asking(in_turn, prompts=False) as callout:
        judged = judged_by(station, callout)
        job_id = judged.submit(tenant_id)
        judged.run_batch()
        assert error_of(station, job_id) == ("queued", None, 1)
        let_run_again(station)
        judged.run_batch()
    assert error_of(station, job_id) == ("succeeded", None, 2)
    assert allowance(station.database, tenant_id) == (1, 0)
