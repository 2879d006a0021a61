"""What an upstream answers, read strictly where it counts and leniently elsewhere."""

import json
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from workers.adapters.hosted.errors import (
    PassingError,
    TaskGoneError,
    UpstreamError,
    UpstreamRefusesError,
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
    """A task that the upstream took: what it is asked for by. Both are as good as a secret."""

    id: str = Field(min_length=1, max_length=200)
    polling_url: str = Field(default="", max_length=4000)


class Painting(BaseModel):
    """The result of a task that is ready."""

    sample: str
    seed: Any = None

    def seed_or(self, asked: int) -> int:
        """The seed that it was painted from, as far as the upstream says."""
        told = self.seed
        return told if type(told) is int and 0 <= told <= MAX_SEED else asked


class TaskState(BaseModel):
    """How a task stands. What else it holds depends on the status, and is read where it counts."""

    status: str
    progress: Any = None
    result: Any = None
    details: Any = None

    @property
    def hundredths(self) -> int:
        """How far it has come, from 0 to 100."""
        known = isinstance(self.progress, int | float) and 0 <= self.progress <= 1
        return int(100 * self.progress) if known else 0

    @property
    def painting(self) -> Painting:
        """Where the picture is, of a task that is ready.

        Raises:
            UpstreamError: it does not say.
        """
        try:
            return Painting.model_validate(self.result)
        except ValidationError:
            raise UpstreamError("the upstream does not say where the picture is") from None

    @property
    def reason(self) -> str:
        """Why it was moderated, where the upstream says so."""
        details = self.details if isinstance(self.details, dict) else {}
        reasons = [value for name, value in details.items() if "reason" in str(name).lower()]
        flat = [
            part for value in reasons for part in (value if isinstance(value, list) else [value])
        ]
        return ", ".join(part for part in flat if isinstance(part, str))


def read(kind: type[_T], answer: Answer) -> _T:
    """An answer's body.

    Raises:
        PassingError: it is not what it should be.
    """
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError:
        raise PassingError("the upstream's answer cannot be read") from None


def error_of(answer: Answer, retry_after_seconds: float | None) -> AdapterError:
    """What a status other than 200 means."""
    status = answer.status
    if status in _REFUSALS:
        return UpstreamRefusesError(_REFUSALS[HTTPStatus(status)])
    if status in _BAD_INPUT:
        return InvalidInputError(f"the upstream refuses the input: {_detail(answer.body)}")
    if status == HTTPStatus.NOT_FOUND:
        return TaskGoneError("the upstream does not know the model or the task")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return PassingError("the upstream has too much to do", retry_after_seconds)
    return PassingError(f"the upstream answered {status}", retry_after_seconds)


def _detail(body: bytes) -> str:
    """`width: Input should be a multiple of 32`, from FastAPI's form of it or another."""
    try:
        said = json.loads(body)
    except ValueError:
        return "it does not say why"
    detail = said.get("detail") or said.get("message") if isinstance(said, dict) else None
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
