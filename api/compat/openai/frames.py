"""Events of a stream as OpenAI's clients read them."""

import json
from typing import Any

from api.core.event_stream import frame

DONE = frame(None, "[DONE]")
"""The end of a stream of a chat."""


def encoded(data: dict[str, Any], event: str | None = None) -> bytes:
    """One event; `event` is its name, where it has one."""
    return frame(event, json.dumps(data, separators=(",", ":")))
