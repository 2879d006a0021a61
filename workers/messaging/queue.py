"""Tickets: Celery messages that say "there is work on this queue", and nothing more.

A ticket entitles a worker to claim the fairest job of its queue. It may be lost, doubled or late
without harm: the row in PostgreSQL is the truth, and the sweeper enqueues a ticket again for rows
that wait. The rest of the message is for people who watch the broker.
"""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from workers.messaging.ticket_transport import TASK, OnRefused, TicketAmqp
from workers.settings import WorkerSettings

QUIET_SECONDS = 1.0
"""Seconds after a failure without another try: else each submission would wait for a hung Redis."""

ENOUGH_TICKETS = 64
"""Tickets on a queue from which no more are sent: a worker claims until no job is left.

A job needs no ticket of its own when, after its commit, that many are still on the queue: the
claims of those tickets come later than the commit, so one of them sees the job.
"""

_CHECK_EVERY = 16
"""The number of tickets that are sent to a queue between two checks of its length."""

# With fewer connections than sending threads, one thread would wait out another's time limit.
_MAX_CONNECTIONS = 64

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ticket:
    """The payload of a message; only `variant` has an effect, and the rest is optional."""

    variant: str
    job_id: str = ""
    tier: str = ""
    tenant: str = ""
    priority: str = "normal"
    quota_left: int | None = None


def queue_of(variant: str) -> Queue:
    """The queue of a variant, bound by its own name: all queues would share the default binding."""
    return Queue(variant, Exchange("bottega", type="direct"), routing_key=variant)


def make_celery(
    settings: WorkerSettings,
    *,
    queues: tuple[str, ...] = (),
    on_refused: OnRefused = lambda _kind: None,
) -> Celery:
    """The Celery app, without a result backend: results are rows and objects.

    Args:
        settings: Redis and its time limits.
        queues: the variants that a worker subscribes to; none for a process that only sends.
        on_refused: called for each message on these queues that is no ticket, and is dropped.
    """
    app = Celery(
        "bottega",
        broker=settings.redis_url.get_secret_value(),
        set_as_current=False,
        amqp=TicketAmqp,
    )
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_queues=[queue_of(name) for name in queues],
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        # Whoever may write to Redis could end every worker. Operators drain by the workers' rows.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=_MAX_CONNECTIONS,
        broker_transport_options={**_transport(settings), "on_refused": on_refused},
    )
    return app


def _transport(settings: WorkerSettings) -> dict[str, Any]:
    # Without time limits, publishing to a hung Redis blocks for most of a minute.
    return {
        "socket_timeout": settings.redis_timeout_seconds,
        "socket_connect_timeout": settings.redis_timeout_seconds / 2,
        "socket_keepalive": True,
        "max_retries": 0,
        # Tickets are not acknowledged: the sweeper enqueues one again that is lost with its
        # worker, and acknowledgement would cost more than the claim.
        "ack_emulation": False,
    }


def redis_client(settings: WorkerSettings, *, decode_responses: bool = True) -> Redis:
    """A Redis client whose every call ends within the time limit.

    Args:
        settings: Redis and its time limits.
        decode_responses: answer with text; false where an answer may be no valid UTF-8.
    """
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds / 2,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),  # the default retries for seconds
        decode_responses=decode_responses,
    )


class QueueNotifier:
    """Sends tickets. A failure is returned and logged, never raised: the row is already safe."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._app = make_celery(settings)
        self._redis = redis_client(settings)
        self._quiet_until = 0.0
        self._sent: Counter[str] = Counter()
        self._full_queues: set[str] = set()

    def notify(self, ticket: Ticket) -> bool:
        """Send one ticket, unless the queue has enough; False when Redis fails, or just failed."""
        if ticket.variant in self._full_queues and self._has_enough(ticket.variant):
            return True
        if not self._send(ticket):
            return False
        self._sent[ticket.variant] += 1
        if self._sent[ticket.variant] % _CHECK_EVERY == 0:
            self._has_enough(ticket.variant)
        return True

    def _has_enough(self, variant: str) -> bool:
        """True when a queue has enough tickets; such a queue is checked again at each ticket."""
        waiting = self.waiting_tickets(variant)
        if waiting is None or waiting < ENOUGH_TICKETS:
            self._full_queues.discard(variant)
            return False
        self._full_queues.add(variant)
        return True

    def _send(self, ticket: Ticket) -> bool:
        if time.monotonic() < self._quiet_until:
            return False
        try:
            self._app.send_task(
                TASK,
                kwargs=asdict(ticket),
                queue=queue_of(ticket.variant),
                retry=False,
                ignore_result=True,
            )
        except (OperationalError, RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            _log.warning("ticket_not_sent", job_id=ticket.job_id, error=type(error).__name__)
            return False
        return True

    def waiting_tickets(self, variant: str) -> int | None:
        """The number of tickets on a queue that no worker has taken; None when Redis is down."""
        try:
            return int(self._redis.llen(variant))  # type: ignore[arg-type]
        except RedisError:
            return None

    def answers(self) -> bool:
        """True when Redis answers within its time limit."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
        self._redis.close()
