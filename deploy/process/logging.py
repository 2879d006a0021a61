"""Logs: one JSON object per line on standard error, for every process alike."""

import logging
import sys
import traceback
from collections.abc import Iterator

import structlog
from structlog.typing import ExcInfo, Processor


def configure() -> None:
    """Send structlog's and the libraries' logs to standard error as JSON lines.

    A line contains the values that the code names, and nothing of a request's body: prompts, keys
    and signed URLs are never passed to a logger. Of an exception it has the types and traceback.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traceback_without_messages),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _traceback_without_messages(exc_info: ExcInfo) -> str:
    """The traceback and type of an exception, its causes first.

    The message of the exception is left out: it may quote a prompt.
    """
    return "\nwhich led to\n".join(
        "".join([*traceback.format_tb(error.__traceback__), _type_name(error)])
        for error in _causes_first(exc_info[1])
    )


def _causes_first(error: BaseException) -> Iterator[BaseException]:
    hidden = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or hidden
    if cause is not None:
        yield from _causes_first(cause)
    yield error


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"
