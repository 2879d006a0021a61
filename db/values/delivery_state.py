"""States of a webhook's delivery, who moves it, and what a crash does."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery stands. Only `db.webhooks.deliveries` writes it.

    pending ──► delivered | failed | disabled ──► pending   (redelivery by hand)
    """

    # Written together with the job's terminal state, by a failed attempt that will be followed by
    # another, and by a redelivery. A courier that dies while it sends lets its lease run out, and
    # the delivery is sent again under the same id.
    PENDING = "pending"

    # Written by the courier whose attempt the receiver accepted. A crash before the commit sends
    # it again: a receiver may hear twice, and knows it by the id.
    DELIVERED = "delivered"

    # Written by the courier after the last attempt of the schedule.
    FAILED = "failed"

    # Written by the courier for what its endpoint, gone or long failing, will not be sent.
    DISABLED = "disabled"
