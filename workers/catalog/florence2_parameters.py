"""What a Florence-2 variant takes: one picture and up to eight tasks.

Task names are normalised to the official tokens, and `task` to `tasks`, so that a parsed model
has one form; dumped, it parses to itself.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model, model_validator

from workers.catalog.florence2_tasks import BY_TOKEN, TASKS, TOKENS, Florence2Task
from workers.catalog.refusal import StoredText, refusal
from workers.catalog.variant import Picture

MAX_TASKS = 8
MAX_BEAMS = 5
MAX_TEXT = 2000
JOINER = "<and>"

TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_]*>")
"""What the tokenizer may read as a special token: task tokens, `<s>`, `<loc_7>`, `<poly>` …"""

_TASK_SCHEMA = {"type": "string", "enum": list(TOKENS)}
Task = Annotated[str, WithJsonSchema(_TASK_SCHEMA)]


@dataclass(frozen=True)
class Florence2Limits:
    """Defaults and limits of one Florence-2 variant.

    Attributes:
        num_beams: default number of beams.
        max_new_tokens: default longest answer, in tokens.
        most_new_tokens: highest accepted `max_new_tokens`: the decoder's positions, less the
            start token.
    """

    num_beams: int
    max_new_tokens: int
    most_new_tokens: int


class Florence2Parameters(BaseModel):
    """The parsed input of any Florence-2 variant; `task` is always None and `tasks` is set."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        json_schema_extra={"oneOf": [{"required": ["task"]}, {"required": ["tasks"]}]},
    )
    limits: ClassVar[Florence2Limits]

    image: Picture
    task: Task | None = None
    tasks: tuple[Task, ...] = ()
    text: StoredText | None = None
    num_beams: int
    max_new_tokens: int

    @property
    def asked(self) -> tuple[Florence2Task, ...]:
        """The tasks' rows, in the order asked."""
        return tuple(BY_TOKEN[token] for token in self.tasks)

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        task, tasks = data.get("task"), data.get("tasks")
        if (task is None) == (not tasks):
            raise refusal("task", "task_or_tasks", "give either task or tasks", task)
        if task is not None:
            return {**data, "task": None, "tasks": (_token("task", task),)}
        if not isinstance(tasks, list | tuple):
            return data
        tokens = tuple(_token("tasks", name) for name in tasks)
        if len(set(tokens)) < len(tokens):
            raise refusal("tasks", "duplicate_task", "must not name a task twice", tasks)
        return {**data, "tasks": tokens}

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        readers = [task for task in self.asked if task.takes_text]
        if self.text is None:
            if readers:
                raise refusal("text", "text_required", f"{readers[0].token} needs a text", None)
            return self
        if not readers:
            message = f"{self.tasks[0]} takes no text"
            raise refusal("text", "text_not_taken", message, self.text)
        _refuse_tags(self.text, readers)
        return self


def _token(field: str, name: Any) -> str:
    token = TOKENS.get(name) if isinstance(name, str) else None
    if token is not None:
        return token
    shown = str(name)[:40]
    near = difflib.get_close_matches(shown, TOKENS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise refusal(field, "unknown_task", f"{shown} is not a task{hint}", name)


def _refuse_tags(text: str, readers: list[Florence2Task]) -> None:
    """Special tokens in a user's text would be obeyed as such, so they are refused."""
    allowed = {JOINER} if all(task.joins_text for task in readers) else set()
    tags = [tag for tag in TAG.findall(text) if tag not in allowed]
    if tags:
        message = f"must not contain {tags[0]}: the model reads it as a command, not as text"
        raise refusal("text", "reserved_token", message, text)


def florence2_parameters(name: str, limits: Florence2Limits) -> type[Florence2Parameters]:
    """The parameter model of a variant with these limits; `name` is the class's name."""
    model = create_model(
        name,
        __base__=Florence2Parameters,
        __module__=__name__,
        image=(Picture, _image()),
        task=(Task | None, _task()),
        tasks=(tuple[Task, ...], _tasks()),
        text=(StoredText | None, _text()),
        num_beams=(int, _num_beams(limits)),
        max_new_tokens=(int, _max_new_tokens(limits)),
    )
    model.limits = limits
    model.__doc__ = "A picture, and what is asked about it."
    return model


def _image() -> Any:
    return Field(min_length=1, examples=["file_2f6d0c"])  # described where Picture is


def _task() -> Any:
    return Field(
        default=None,
        description="What to ask: an official token or its plain name. Or give tasks.",
        examples=["<OD>", "object_detection"],
    )


def _tasks() -> Any:
    return Field(
        default=(),
        max_length=MAX_TASKS,
        description=f"Up to {MAX_TASKS} different tasks on the one picture, answered in order; "
        "each is priced as one analysis.",
        examples=[["<CAPTION>", "<OD>"]],
        json_schema_extra=_as_list_of_one_or_more,
    )


def _as_list_of_one_or_more(schema: dict[str, Any]) -> None:
    schema.pop("default")  # an empty list stands for "not given", and may not be given
    schema |= {"minItems": 1, "uniqueItems": True}


def _text() -> Any:
    takers = " and ".join(task.token for task in TASKS if task.takes_text)
    return Field(
        default=None,
        min_length=1,
        max_length=MAX_TEXT,
        description=f"For {takers}, which need it: the caption to ground, or what to look for "
        f"(several things joined by ' {JOINER} ').",
        examples=["a red circle"],
    )


def _num_beams(limits: Florence2Limits) -> Any:
    return Field(
        default=limits.num_beams,
        ge=1,
        le=MAX_BEAMS,
        strict=True,
        description="Width of the beam search; 1 is greedy, and fastest.",
        examples=[limits.num_beams],
    )


def _max_new_tokens(limits: Florence2Limits) -> Any:
    return Field(
        default=limits.max_new_tokens,
        ge=1,
        le=limits.most_new_tokens,
        strict=True,
        description="Longest answer to each task, in tokens. An answer cut off here reports "
        "finish_reason length.",
        examples=[limits.max_new_tokens],
    )
