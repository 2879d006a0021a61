"""Messages from Redis that are not ours: dropped, counted, and logged once a kind."""

from collections import Counter

import structlog

from workers.telemetry.metrics import count_refused_messages

_log = structlog.get_logger(__name__)
_refused: Counter[str] = Counter()


def report_refused(kind: str, count: int = 1) -> None:
    """Count messages that were dropped because they are malformed; the first of a kind is logged.

    Their content is never logged: it may be anything.

    Args:
        kind: event, replay, ticket or counts: the reader that dropped them.
        count: the number of messages.
    """
    if count <= 0:
        return
    count_refused_messages(kind, count)
    if not _refused[kind]:
        _log.warning("redis_message_refused", kind=kind)
    _refused[kind] += count
