"""The compatible APIs as their clients see them: a call of each, and the form of its errors."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from db.values.surfaces import SurfaceName

Json = dict[str, Any]

MODEL = "flux.1-demo"


@dataclass(frozen=True)
class Door:
    """A compatible API.

    Attributes:
        name: its name.
        prefix: the beginning of its paths.
        scheme: the scheme of `Authorization` that its clients use.
        submit: the path of the call that submits a job of `MODEL`.
        body: makes the body of that call from a native input.
        check_error: asserts that an answer is an error in its form.
        bad_key: the status of a call without a usable key.
        is_synchronous: true when the call is open until the end of the job.
    """

    name: SurfaceName
    prefix: str
    scheme: str
    submit: str
    body: Callable[[Json], Json]
    check_error: Callable[[httpx.Response], None]
    bad_key: int = 401
    is_synchronous: bool = False

    @property
    def document(self) -> str:
        """The path of the OpenAPI document."""
        return f"{self.prefix}/openapi.json"

    def key(self, key: str) -> dict[str, str]:
        """The header with a key."""
        return {"Authorization": f"{self.scheme} {key}"}

    def __str__(self) -> str:
        return str(self.name)


def check_openai(answer: httpx.Response) -> None:
    """Assert that an answer is an error as OpenAI's clients read it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.json().keys() == {"error"}
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert _is_text(error["message"])
    assert _is_text(error["type"])
    assert all(error[name] is None or isinstance(error[name], str) for name in ("param", "code"))


def check_replicate(answer: httpx.Response) -> None:
    """Assert that an answer is an error as Replicate's clients read it."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert _is_text(problem["title"])
    assert _is_text(problem["detail"])
    assert isinstance(problem.get("type", ""), str)
    for wrong in problem.get("invalid_fields", ()):
        assert {"type", "field", "description"} <= wrong.keys()


def check_fal(answer: httpx.Response) -> None:
    """Assert that an answer is an error as fal's clients read it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-fal-request-id"]
    assert answer.headers["x-fal-error-type"]
    error = answer.json()
    assert _is_text(error["message"])
    _check_detail(error["detail"], str)


def check_bfl(answer: httpx.Response) -> None:
    """Assert that an answer is an error as clients of FLUX's vendor read it."""
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()
    assert _is_text(error["error"])
    assert _is_text(error["message"])
    _check_detail(error["detail"], (str, int))


def check_huggingface(answer: httpx.Response) -> None:
    """Assert that an answer is an error as clients of Hugging Face read it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert _is_text(answer.json()["error"])


def _check_detail(detail: Any, place: Any) -> None:
    if isinstance(detail, list):
        assert detail
        for wrong in detail:
            assert all(isinstance(part, place) for part in wrong["loc"]), wrong
            assert _is_text(wrong["msg"])
            assert _is_text(wrong["type"])
    else:
        assert _is_text(detail)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


DOORS = (
    Door(
        SurfaceName.OPENAI,
        "/openai",
        "Bearer",
        "/openai/v1/images/generations",
        lambda given: {"model": MODEL, **given},
        check_openai,
        is_synchronous=True,
    ),
    Door(
        SurfaceName.REPLICATE,
        "/replicate",
        "Bearer",
        f"/replicate/v1/models/bottega/{MODEL}/predictions",
        lambda given: {"input": given},
        check_replicate,
    ),
    Door(
        SurfaceName.FAL,
        "/fal",
        "Key",
        f"/fal/queue/bottega/{MODEL}",
        lambda given: given,
        check_fal,
    ),
    Door(
        SurfaceName.BFL,
        "/bfl",
        "Bearer",
        f"/bfl/v1/{MODEL}",
        lambda given: given,
        check_bfl,
        bad_key=403,
    ),
    Door(
        SurfaceName.HUGGINGFACE,
        "/hf",
        "Bearer",
        f"/hf/models/{MODEL}",
        lambda given: {
            "inputs": given.get("prompt"),
            "parameters": {name: value for name, value in given.items() if name != "prompt"},
        },
        check_huggingface,
        is_synchronous=True,
    ),
)
"""Every compatible API."""

FAL_RUN = Door(
    SurfaceName.FAL,
    "/fal",
    "Key",
    f"/fal/run/bottega/{MODEL}",
    lambda given: given,
    check_fal,
    is_synchronous=True,
)
"""fal's synchronous call."""

ASYNCHRONOUS = tuple(door for door in DOORS if not door.is_synchronous)
SYNCHRONOUS = (*(door for door in DOORS if door.is_synchronous), FAL_RUN)


def by_name(doors: tuple[Door, ...] = DOORS) -> Mapping[str, Any]:
    """The arguments of a parametrisation of tests by API."""
    ids = [f"{door}-run" if door is FAL_RUN else str(door) for door in doors]
    return {"argnames": "door", "argvalues": doors, "ids": ids}


def fresh_prompt() -> str:
    """A prompt that no other job has: equal requests rejoin an unfinished one."""
    return f"a red circle {uuid.uuid4().hex}"
