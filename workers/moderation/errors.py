"""How a refusal by a content filter ends a job: a code, and a reason that quotes no list."""

from workers.adapters.protocol import AdapterError

MAX_REASON = 200


class RequestModeratedError(AdapterError):
    """What was asked for was refused, before anything was painted."""

    code = "request_moderated"

    def __init__(self, reason: str = "") -> None:
        super().__init__(_sentence("the request was refused by a content filter", reason))


class ContentModeratedError(AdapterError):
    """What was painted was refused; nobody has seen it."""

    code = "content_moderated"

    def __init__(self, reason: str = "") -> None:
        super().__init__(_sentence("the result was refused by a content filter", reason))


class FilterUnavailableError(AdapterError):
    """A content filter did not answer, and nothing passes without it."""

    code = "content_filter_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("the content filter did not answer, and no job passes without it")


def _sentence(what: str, reason: str) -> str:
    reason = " ".join(reason.split())[:MAX_REASON]
    return f"{what}: {reason}" if reason else what
