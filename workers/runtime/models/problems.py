"""The problem of a worker, in one sentence for its operator: log, standard error and row."""

from workers.adapters.protocol import AdapterError, DeviceLostError, OutOfMemoryError

MAX_PROBLEM = 1000
"""The longest sentence that a row keeps, in characters."""

_OURS = ("api", "db", "deploy", "workers")


class ModelLoadError(Exception):
    """A model could not be loaded; the text is the reason in one sentence.

    Attributes:
        transient: true where another try may succeed: the hub or the network was away.
    """

    def __init__(self, problem: str, *, transient: bool = False) -> None:
        super().__init__(problem)
        self.transient = transient


class ModelNotLoadedError(AdapterError):
    """The job's model could not be loaded on this worker; another may have it.

    Its text is for the job's owner, and names nothing of the machine.

    Attributes:
        problem: the reason in one sentence, for the operator.
        reason: the error that the load ended with.
    """

    code = "model_not_loaded"
    retryable = True

    def __init__(self, variant_id: str, problem: str, reason: Exception) -> None:
        super().__init__(f"{variant_id} could not be loaded; the service's operator is told why")
        self.problem = problem
        self.reason = reason


def is_transient(error: BaseException) -> bool:
    """True for an error that says so of itself."""
    return bool(getattr(error, "transient", False))


def load_problem(variant_id: str, error: Exception) -> str:
    """The reason for which a model could not be loaded, in one sentence."""
    if isinstance(error, OutOfMemoryError):
        return (
            f"{variant_id} does not fit into the free memory of its device: `bottega catalog plan` "
            "tells how it is served in less, `nvidia-smi` what else takes memory"
        )
    if isinstance(error, DeviceLostError):
        return f"the device failed while {variant_id} was loaded: look at dmesg for Xid lines"
    if isinstance(error, MemoryError):
        return (
            f"{variant_id} does not fit into the host's memory: `bottega catalog plan` tells how "
            "much it takes"
        )
    text = problem_of(error)
    return text if variant_id in text else f"{variant_id}: {text}"


def problem_of(error: BaseException) -> str:
    """An error as one sentence: our own errors say it, another's is named by type."""
    line = " ".join(str(error).split())
    if isinstance(error, (ImportError, OSError)) and not _is_ours(error):
        return _clipped(f"a library or file cannot be read ({line})")
    if _is_ours(error) and line:
        return _clipped(line)
    return _clipped(f"{type(error).__name__}: {line}" if line else type(error).__name__)


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _OURS


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_PROBLEM else f"{text[: MAX_PROBLEM - 1]}…"
