"""The dispatcher of webhooks, in a process of its own: no receiver slows a worker down.

Due deliveries are claimed in PostgreSQL, which several couriers share. Each POST has a thread of
its own, and the claims limit the number per host: a receiver that is slow or dead delays only its
own deliveries.
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
from workers.courier.messages import ForeignForms, MessageError, message_of
from workers.courier.outcome import outcome_of_answer, outcome_of_error
from workers.outbound import Answer, OutboundError, Timeouts
from workers.settings import WorkerSettings
from workers.telemetry import metrics, tracing

POLL_SECONDS = 0.5
CLOSE_EVERY_SECONDS = 5.0
_DATABASE_RETRY_SECONDS = 2.0
_RECORD_TRIES = 5
_STOP_SECONDS = 10.0
_LEASE_MARGIN_SECONDS = 15.0

_log = structlog.get_logger(__name__)


class HttpClient(Protocol):
    """The part of `workers.outbound.Outbound` that a dispatcher uses."""

    def post(
        self, url: str, content: bytes, *, headers: Mapping[str, str], timeouts: Timeouts | None
    ) -> Answer:
        """Send bytes; every status is an answer, and no redirect is followed.

        Raises:
            workers.outbound.OutboundError: no status came in time, or the URL is refused.
        """


class WebhookDispatcher:
    """Sends due deliveries until it is stopped.

    Args:
        database: where deliveries are claimed and recorded.
        client: the guarded HTTP client.
        settings: the time limit of one POST, and the number of POSTs in flight.
        forms: the forms of compatible APIs; None for a courier without the URL secret, which
            fails deliveries in them.
    """

    def __init__(
        self,
        database: Database,
        client: HttpClient,
        settings: WorkerSettings,
        forms: ForeignForms | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._settings = settings
        self._forms = forms
        seconds = settings.webhook_timeout_seconds
        self._timeouts = Timeouts(total=seconds, connect=min(5.0, seconds), read=seconds)
        self._in_flight = 0
        self._changed = threading.Condition()
        self._closed_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Send deliveries until `stopping` is set, then give those in flight some seconds to end.

        A delivery that does not end in time is sent again, under the same id, when its lease runs
        out.
        """
        while not stopping.is_set():
            try:
                if time.monotonic() > self._closed_at + CLOSE_EVERY_SECONDS:
                    self.close_undeliverable()
                self.dispatch()
            except SQLAlchemyError as error:
                _log.warning("dispatch_failed", error=type(error).__name__)
                stopping.wait(_DATABASE_RETRY_SECONDS)
            self._wait_for_change(POLL_SECONDS)
        self.wait_until_idle(_STOP_SECONDS)

    def close_undeliverable(self) -> None:
        """Close the deliveries that no attempt can deliver any more."""
        with self._database.transaction() as session:
            closed = deliveries.close_undeliverable(session)
        if closed:
            _log.info("deliveries_closed", count=closed)
        self._closed_at = time.monotonic()

    def dispatch(self) -> int:
        """Start attempts at due deliveries, as many as may be in flight; return their number."""
        room = self._settings.webhook_concurrency - self._in_flight
        if room <= 0:
            return 0
        lease_seconds = self._settings.webhook_timeout_seconds + _LEASE_MARGIN_SECONDS
        with self._database.transaction(durable=False) as session:
            claims = deliveries.claim(session, room=room, lease_seconds=lease_seconds)
            tenants = {claim.tenant_id for claim in claims}
            secrets = {
                tenant: webhook_secrets.signing_secrets(session, tenant) for tenant in tenants
            }
            ids = [claim.delivery_id for claim in claims] if tracing.is_on() else []
            parents = traces.of_deliveries(session, ids) if ids else {}
        for claim in claims:
            self._start(claim, secrets[claim.tenant_id], parents.get(claim.delivery_id))
        return len(claims)

    def wait_until_idle(self, timeout_seconds: float) -> None:
        """Wait until no attempt is in flight, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, timeout_seconds)

    def _start(self, claim: DeliveryClaim, secrets: Sequence[str], parent: str | None) -> None:
        with self._changed:
            self._in_flight += 1
        # A daemon: no exit waits for a receiver that does not answer.
        threading.Thread(
            target=self._deliver, args=(claim, secrets, parent), name="webhook", daemon=True
        ).start()

    def _deliver(self, claim: DeliveryClaim, secrets: Sequence[str], parent: str | None) -> None:
        attributes: tracing.Attributes = {
            "delivery.id": claim.delivery_id,
            "delivery.attempt": claim.number,
        }
        try:
            with tracing.span("deliver", parent, attributes) as span:
                outcome = self._post(claim, secrets)
                _describe(span, outcome)
            self._record(claim, outcome)
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _post(self, claim: DeliveryClaim, secrets: Sequence[str]) -> Outcome:
        began = time.monotonic()
        try:
            message = message_of(claim, secrets, self._forms)
            answer = self._client.post(
                claim.url, message.body.encode(), headers=message.headers, timeouts=self._timeouts
            )
            return outcome_of_answer(answer, time.monotonic() - began)
        except MessageError as error:
            _log.error("webhook_not_rendered", delivery=claim.delivery_id, error=str(error))
            return Outcome(None, str(error), time.monotonic() - began)
        except OutboundError as error:
            return outcome_of_error(error, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - a delivery must end, whatever its POST raises
            _log.error("webhook_broke", delivery=claim.delivery_id, error=type(error).__name__)
            return outcome_of_error(error, time.monotonic() - began)

    def _record(self, claim: DeliveryClaim, outcome: Outcome) -> None:
        """Record the outcome, with retries: a delivery without a record would be sent again."""
        for tries_left in reversed(range(_RECORD_TRIES)):
            try:
                with self._database.transaction() as session:
                    state = deliveries.record(session, claim, outcome)
            except SQLAlchemyError as error:
                _log.warning(
                    "attempt_not_recorded",
                    delivery=claim.delivery_id,
                    error=type(error).__name__,
                    tries_left=tries_left,
                )
                time.sleep(_DATABASE_RETRY_SECONDS)
            else:
                _log_attempt(claim, outcome, state)
                return

    def _wait_for_change(self, timeout_seconds: float) -> None:
        """Wait until an attempt has ended, or the time is over."""
        with self._changed:
            self._changed.wait(timeout_seconds)


def _describe(span: Span, outcome: Outcome) -> None:
    if outcome.status is not None:
        span.set_attribute("http.response.status_code", outcome.status)
    if outcome.error is not None:
        tracing.fail(span, outcome.error)


def _log_attempt(claim: DeliveryClaim, outcome: Outcome, state: str | None) -> None:
    """Log one line per attempt, without the URL: its path or query may hold a token."""
    metrics.count_webhook_attempt(_outcome_label(state))
    _log.info(
        "webhook_sent",
        delivery=claim.delivery_id,
        attempt=claim.number,
        job_id=claim.job_id,
        request_id=claim.request_id,
        event_type=claim.event,
        host=claim.host,
        status=outcome.status,
        error=outcome.error,
        seconds=round(outcome.seconds, 3),
        state=state or "superseded",
    )


def _outcome_label(state: str | None) -> str:
    """The metric's label for an attempt; `retried` while the delivery is pending."""
    if state is None:
        return "superseded"
    return "retried" if state == DeliveryState.PENDING else state
