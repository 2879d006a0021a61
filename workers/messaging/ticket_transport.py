"""Celery's Redis transport for a consumer that trusts no message.

Whoever can write to Redis can push anything onto a queue. Celery would end with the first message
that is no JSON, print the content of others, and keep those with a start time in the future. Of a
message this transport reads one thing: it is a ticket of the queue on which it lies. A ticket is
delivered as a message of our own making; everything else is dropped and counted.
"""

import base64
import json
from collections.abc import Callable, Mapping
from queue import Empty
from typing import Annotated, Any, Literal

from celery.app.amqp import AMQP
from kombu import Connection
from kombu.transport import redis
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

TASK = "bottega.ring"

_MAX_BODY_CHARACTERS = 65_536

OnRefused = Callable[[str], object]
"""Called with the kind of each message that was dropped."""


class _Headers(BaseModel):
    task: Literal["bottega.ring"]
    id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


class _Envelope(BaseModel):
    headers: _Headers
    body: Annotated[str, Field(max_length=_MAX_BODY_CHARACTERS)]


class _Arguments(BaseModel):
    variant: str


_BODY = TypeAdapter(tuple[list[Any], _Arguments, dict[str, Any]])


def canonical_ticket(message: Any, queue: str) -> dict[str, Any] | None:
    """A message that says no more than "there is work on this queue"; None for what is no ticket.

    Args:
        message: the message as it was read, of any shape.
        queue: the queue on which it lay.
    """
    try:
        envelope = _Envelope.model_validate(message)
        body = base64.b64decode(envelope.body, validate=True)
        _, arguments, _ = _BODY.validate_json(body)
    except (ValidationError, ValueError, RecursionError):
        return None
    return _message(queue, envelope.headers.id) if arguments.variant == queue else None


def _message(queue: str, ticket_id: str) -> dict[str, Any]:
    arguments: Mapping[str, Any] = {"variant": queue}
    links = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "body": base64.b64encode(json.dumps([[], arguments, links]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": TASK,
            "id": ticket_id,
            "root_id": ticket_id,
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": "()",
            "kwargsrepr": repr(arguments),
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": ticket_id,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_mode": 2,
            "delivery_tag": ticket_id,
            "body_encoding": "base64",
        },
    }


class _TicketChannel(redis.Channel):  # type: ignore[misc]  # untyped libraries
    """A channel on which a message that cannot be read is dropped like one that is no ticket."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (Empty, *self.connection.connection_errors, *self.connection.channel_errors):
            raise
        except Exception:  # noqa: BLE001 - whatever a message can raise
            # By then the message is taken off its queue: nothing else is lost with it.
            self.connection.refuse()
            raise Empty from None


class _TicketTransport(redis.Transport):  # type: ignore[misc]  # untyped libraries
    Channel = _TicketChannel

    def refuse(self) -> None:
        """Count a message that is dropped."""
        self.client.transport_options["on_refused"]("ticket")

    def _deliver(self, message: Any, queue: str) -> None:
        ticket = canonical_ticket(message, queue)
        if ticket is None:
            self.refuse()
        else:
            super()._deliver(ticket, queue)


class _TicketConnection(Connection):  # type: ignore[misc]  # untyped libraries
    def get_transport_cls(self) -> type[redis.Transport]:
        """This transport, for `redis://` and `rediss://` alike."""
        return _TicketTransport


class TicketAmqp(AMQP):  # type: ignore[misc]  # untyped libraries
    """The AMQP class of a Celery app of tickets: `Celery(amqp=TicketAmqp)`.

    Its transport option `on_refused` is called for each message that is dropped.
    """

    Connection = _TicketConnection
