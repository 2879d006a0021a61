"""The states of a webhook's delivery, their writers, and the effect of a crash."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """The state of a delivery. Only `db.webhooks.deliveries` writes it.

    pending ──► delivered | failed | disabled ──► pending   (redelivery by hand)
    """

    # Written together with the job's terminal state, after a failed attempt that is not the last,
    # and by a redelivery. When a courier dies while it sends, its lease runs out, and the delivery
    # is sent again under the same id.
    PENDING = "pending"

    # Written by the courier whose attempt the receiver accepted. After a crash before the commit it
    # is sent again: a receiver may get it twice, and recognises it by the id.
    DELIVERED = "delivered"

    # Written by the courier after the last attempt of the schedule.
    FAILED = "failed"

    # Written by the courier for the deliveries of an endpoint that is gone or fails for long.
    DISABLED = "disabled"
