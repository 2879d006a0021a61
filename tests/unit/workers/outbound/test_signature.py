"""Signatures equal the specification's example, and the public library verifies them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from db.webhooks.types import DeliveryClaim
from workers.outbound.signature import headers_of, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def sending(body: str) -> DeliveryClaim:
    """An attempt made now."""
    return DeliveryClaim(
        delivery_id="msg_1",
        number=3,
        tenant_id="ten_1",
        event="job.succeeded",
        host="receiver.example",
        url="https://receiver.example/hook?token=hidden",
        body=body,
        started_at=datetime.now(UTC),
    )


def test_the_specifications_example_is_signed_as_it_says() -> None:
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_public_library_finds_every_body_well_signed(body: str) -> None:
    attempt = sending(body)
    headers = headers_of(attempt, [SECRET])
    Webhook(SECRET).verify(body.encode(), headers, json_parse=False)


def test_each_secret_adds_a_signature_in_their_order() -> None:
    attempt = sending("{}")
    headers = headers_of(attempt, [SECRET, OTHER])
    at = int(attempt.started_at.timestamp())
    assert headers["webhook-timestamp"] == str(at)
    assert headers["webhook-signature"].split(" ") == [
        sign(SECRET, "msg_1", at, "{}"),
        sign(OTHER, "msg_1", at, "{}"),
    ]


def test_what_is_printed_of_an_attempt_hides_url_and_body() -> None:
    shown = repr(sending('{"prompt": "secret"}'))
    assert "hidden" not in shown
    assert "secret" not in shown
