"""Responses of an upstream, parsed strictly where it matters and leniently elsewhere."""

from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from db.core.json_parser import parse_json
from workers.adapters.hosted.errors import (
    TaskLostError,
    TransientUpstreamError,
    UpstreamError,
    UpstreamRejectionError,
)
from workers.adapters.protocol import AdapterError, InvalidInputError
from workers.catalog.flux.parameters import MAX_SEED
from workers.outbound import Answer

_MAX_DETAIL = 300
_BAD_INPUT = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: "the upstream refuses the operator's key",
    HTTPStatus.PAYMENT_REQUIRED: "the operator's account with the upstream has no credit left",
    HTTPStatus.FORBIDDEN: "the upstream refuses the operator's account",
}
_T = TypeVar("_T", bound=BaseModel)


class Task(BaseModel):
    """A task that the upstream accepted: its id and polling URL, to be handled like secrets."""

    id: str = Field(min_length=1, max_length=200)
    polling_url: str = Field(default="", max_length=4000)


class TaskResult(BaseModel):
    """The result of a task that is ready."""

    sample: str
    seed: Any = None

    def seed_or(self, requested: int) -> int:
        """The seed that the upstream reports, or the requested one where it reports none."""
        seed = self.seed
        return seed if type(seed) is int and 0 <= seed <= MAX_SEED else requested


class TaskState(BaseModel):
    """The state of a task. Its other fields depend on the status, and are parsed when needed."""

    status: str
    progress: Any = None
    result: Any = None
    details: Any = None

    @property
    def percent(self) -> int:
        """The task's progress, from 0 to 100."""
        known = isinstance(self.progress, int | float) and 0 <= self.progress <= 1
        return int(100 * self.progress) if known else 0

    @property
    def task_result(self) -> TaskResult:
        """The result of a finished task, with the URL of its picture.

        Raises:
            UpstreamError: the response has no URL.
        """
        try:
            return TaskResult.model_validate(self.result)
        except ValidationError:
            raise UpstreamError("the upstream does not say where the picture is") from None

    @property
    def reason(self) -> str:
        """The reasons for moderation, where the upstream reports some."""
        details = self.details if isinstance(self.details, dict) else {}
        reasons = [value for name, value in details.items() if "reason" in str(name).lower()]
        flat = [
            part for value in reasons for part in (value if isinstance(value, list) else [value])
        ]
        return ", ".join(part for part in flat if isinstance(part, str))


def read(kind: type[_T], answer: Answer) -> _T:
    """Parse a response's body.

    Raises:
        TransientUpstreamError: the body is not valid.
    """
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError:
        message = "the upstream's answer cannot be read"
        raise TransientUpstreamError(message, may_be_billed=True) from None


def status_error(answer: Answer, retry_after_seconds: float | None) -> AdapterError:
    """The error for a status other than 200."""
    status = answer.status
    if status in _REFUSALS:
        return UpstreamRejectionError(_REFUSALS[HTTPStatus(status)])
    if status in _BAD_INPUT:
        return InvalidInputError(f"the upstream refuses the input: {_detail(answer.body)}")
    if status == HTTPStatus.NOT_FOUND:
        return TaskLostError("the upstream does not know the model or the task")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientUpstreamError("the upstream has too much to do", retry_after_seconds)
    return TransientUpstreamError(f"the upstream answered {status}", retry_after_seconds)


def _detail(body: bytes) -> str:
    """The reason in an error body, as `width: Input should be a multiple of 32`.

    FastAPI's form is read, and simpler ones.
    """
    try:
        content = parse_json(body)
    except ValueError:
        return "it does not say why"
    is_object = isinstance(content, dict)
    detail = content.get("detail") or content.get("message") if is_object else None
    items = detail if isinstance(detail, list) else [detail]
    text = "; ".join(filter(None, map(_fault, items)))
    return " ".join(text.split())[:_MAX_DETAIL] or "it does not say why"


def _fault(item: Any) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict) or not isinstance(item.get("msg"), str):
        return ""
    loc = item.get("loc")
    places = [str(part) for part in loc if part != "body"] if isinstance(loc, list) else []
    return ": ".join([*places, item["msg"]])
