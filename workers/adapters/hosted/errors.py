"""What can go wrong upstream. The texts are for a job's owner: no key, no address, no task id."""

from workers.adapters.protocol import AdapterError


class UpstreamError(AdapterError):
    """Nothing usable came of a task; another attempt may fare better."""

    code = "upstream_error"
    retryable = True


class UpstreamRefusesError(UpstreamError):
    """The upstream will not take this again either, until the operator does something."""

    retryable = False


class TaskGoneError(UpstreamError):
    """The task, or its picture, is not to be had any more: it has to be submitted anew."""


class PassingError(UpstreamError):
    """The upstream is away or busy: to be asked again within the attempt.

    Attributes:
        retry_after_seconds: when it wants to be asked again; None where it does not say.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
