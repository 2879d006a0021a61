"""Errors of an upstream. A job's owner reads their texts: no key, no address, no task id."""

from workers.adapters.protocol import AdapterError


class UpstreamError(AdapterError):
    """A task gave no usable result; another attempt may succeed.

    Attributes:
        may_be_billed: True when the upstream may have run the task: its answer is missing.
    """

    code = "upstream_error"
    retryable = True

    def __init__(self, message: str, *, may_be_billed: bool = False) -> None:
        super().__init__(message)
        self.may_be_billed = may_be_billed


class UpstreamRejectionError(UpstreamError):
    """The upstream rejects the request, and will do so until the operator changes something."""

    retryable = False


class TaskLostError(UpstreamError):
    """The task failed, or it or its picture is gone: it must be submitted again."""

    def __init__(self, message: str, *, may_be_billed: bool = True) -> None:
        super().__init__(message, may_be_billed=may_be_billed)


class TransientUpstreamError(UpstreamError):
    """The upstream is unavailable or busy: the request is retried within the attempt.

    Attributes:
        retry_after_seconds: the delay that the upstream requests; None where it names none.
    """

    def __init__(
        self,
        message: str,
        retry_after_seconds: float | None = None,
        *,
        may_be_billed: bool = False,
    ) -> None:
        super().__init__(message, may_be_billed=may_be_billed)
        self.retry_after_seconds = retry_after_seconds
