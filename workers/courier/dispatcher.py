"""The courier: sends webhooks from a process of its own, so that no receiver slows a worker down.

What is due is claimed in PostgreSQL, where several couriers share it. Each POST has a thread of
its own, and few of them may go to one host at a time: a receiver that is slow or dead holds up
nothing but what is meant for it.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog
from opentelemetry.trace import Span
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs import traces
from db.values.delivery_state import DeliveryState
from db.webhooks import deliveries
from db.webhooks import secrets as webhook_secrets
from db.webhooks.types import DeliveryClaim, Outcome
from workers.courier.outcome import answered, unanswered
from workers.outbound import Answer, OutboundError, Timeouts
from workers.outbound.signature import headers_of
from workers.settings import WorkerSettings
from workers.telemetry import metrics, tracing

POLL_SECONDS = 0.5
TIDY_SECONDS = 5.0
_DATABASE_AWAY_SECONDS = 2.0
_RECORD_TRIES = 5
_STOP_SECONDS = 10.0
_LEASE_MARGIN_SECONDS = 15.0

_log = structlog.get_logger(__name__)


class HttpClient(Protocol):
    """What a courier needs of `workers.outbound.Outbound`."""

    def post(
        self, url: str, content: bytes, *, headers: Mapping[str, str], timeouts: Timeouts | None
    ) -> Answer:
        """Send bytes; every status is an answer, and no redirect is followed.

        Raises:
            workers.outbound.OutboundError: no status came in time, or the URL is refused.
        """


class WebhookDispatcher:
    """Sends what is due until it is stopped.

    Args:
        database: where deliveries are claimed and recorded.
        sender: the guarded HTTP client.
        settings: how long one POST may take, and how many are in flight.
    """

    def __init__(self, database: Database, sender: HttpClient, settings: WorkerSettings) -> None:
        self._database = database
        self._sender = sender
        self._settings = settings
        seconds = settings.webhook_timeout_seconds
        self._timeouts = Timeouts(total=seconds, connect=min(5.0, seconds), read=seconds)
        self._in_flight = 0
        self._changed = threading.Condition()
        self._tidied_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Send until told to stop; what is under way then has some seconds to end.

        What does not end in time is sent again, under the same id, when its lease runs out.
        """
        while not stopping.is_set():
            try:
                if time.monotonic() > self._tidied_at + TIDY_SECONDS:
                    self._tidy()
                self._dispatch()
            except SQLAlchemyError as error:
                _log.warning("dispatch_failed", error=type(error).__name__)
                stopping.wait(_DATABASE_AWAY_SECONDS)
            self._await_change(POLL_SECONDS)
        self._await_idle(_STOP_SECONDS)

    def deliver_due(self) -> int:
        """Send once what is due now, as much as may be in flight; the number of attempts made."""
        self._tidy()
        begun = self._dispatch()
        self._await_idle(self._lease_seconds)
        return begun

    @property
    def _lease_seconds(self) -> float:
        return self._settings.webhook_timeout_seconds + _LEASE_MARGIN_SECONDS

    def _tidy(self) -> None:
        with self._database.transaction() as session:
            closed = deliveries.close_undeliverable(session)
        if closed:
            _log.info("deliveries_closed", count=closed)
        self._tidied_at = time.monotonic()

    def _dispatch(self) -> int:
        """Begin to send what is due, as far as there is room; the number begun."""
        room = self._settings.webhook_concurrency - self._in_flight
        if room <= 0:
            return 0
        with self._database.transaction(durable=False) as session:
            claimed = deliveries.claim(session, room=room, lease_seconds=self._lease_seconds)
            tenants = {sending.tenant_id for sending in claimed}
            secrets = {
                tenant: webhook_secrets.signing_secrets(session, tenant) for tenant in tenants
            }
            ids = [sending.delivery_id for sending in claimed] if tracing.is_on() else []
            parents = traces.of_deliveries(session, ids) if ids else {}
        for sending in claimed:
            parent = parents.get(sending.delivery_id)
            self._begin(sending, secrets[sending.tenant_id], parent)
        return len(claimed)

    def _begin(self, sending: DeliveryClaim, secrets: Sequence[str], parent: str | None) -> None:
        with self._changed:
            self._in_flight += 1
        # A daemon: no exit waits for a receiver that does not answer.
        threading.Thread(
            target=self._deliver, args=(sending, secrets, parent), name="webhook", daemon=True
        ).start()

    def _deliver(self, sending: DeliveryClaim, secrets: Sequence[str], parent: str | None) -> None:
        about: tracing.Attributes = {
            "delivery.id": sending.delivery_id,
            "delivery.attempt": sending.number,
        }
        try:
            with tracing.span("deliver", parent, about) as span:
                outcome = self._post(sending, secrets)
                _describe(span, outcome)
            self._record(sending, outcome)
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _post(self, sending: DeliveryClaim, secrets: Sequence[str]) -> Outcome:
        began = time.monotonic()
        try:
            answer = self._sender.post(
                sending.url,
                sending.body.encode(),
                headers=headers_of(sending, secrets),
                timeouts=self._timeouts,
            )
            return answered(answer, time.monotonic() - began)
        except OutboundError as error:
            return unanswered(error, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - a delivery must end, whatever sending it does
            _log.error("webhook_broke", delivery=sending.delivery_id, error=type(error).__name__)
            return unanswered(error, time.monotonic() - began)

    def _record(self, sending: DeliveryClaim, outcome: Outcome) -> None:
        """Write the outcome, with some patience: unwritten, what arrived would be sent again."""
        for tries_left in reversed(range(_RECORD_TRIES)):
            try:
                with self._database.transaction() as session:
                    state = deliveries.record(session, sending, outcome)
            except SQLAlchemyError as error:
                _log.warning(
                    "attempt_not_recorded",
                    delivery=sending.delivery_id,
                    error=type(error).__name__,
                    tries_left=tries_left,
                )
                time.sleep(_DATABASE_AWAY_SECONDS)
            else:
                _tell(sending, outcome, state)
                return

    def _await_change(self, seconds: float) -> None:
        """Return when an attempt has ended, or after a while."""
        with self._changed:
            self._changed.wait(seconds)

    def _await_idle(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, seconds)


def _describe(span: Span, outcome: Outcome) -> None:
    if outcome.status is not None:
        span.set_attribute("http.response.status_code", outcome.status)
    if outcome.error is not None:
        tracing.fail(span, outcome.error)


def _tell(sending: DeliveryClaim, outcome: Outcome, state: str | None) -> None:
    """One line an attempt. The URL stays out of it: its path or query may hold a token."""
    metrics.webhook_sent(_outcome_name(state))
    _log.info(
        "webhook_sent",
        delivery=sending.delivery_id,
        attempt=sending.number,
        job_id=sending.job_id,
        request_id=sending.request_id,
        event_type=sending.event,
        host=sending.host,
        status=outcome.status,
        error=outcome.error,
        seconds=round(outcome.seconds, 3),
        state=state or "superseded",
    )


def _outcome_name(state: str | None) -> str:
    """What a delivery came to; `retried` where it is pending still."""
    if state is None:
        return "superseded"
    return "retried" if state == DeliveryState.PENDING else state
