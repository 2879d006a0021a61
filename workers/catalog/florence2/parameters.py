"""Parameters of a Florence-2 job: one picture and up to eight tasks.

Task names are normalised to the official tokens, and `task` to `tasks`, so that a parsed model
has one form. A dumped model parses to itself.
"""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, WithJsonSchema, create_model, model_validator

from workers.catalog.florence2 import fields
from workers.catalog.florence2 import text as florence2_text
from workers.catalog.florence2.artifacts import Choice, refuse_unavailable
from workers.catalog.florence2.limits import Florence2Limits
from workers.catalog.florence2.region import Region
from workers.catalog.florence2.tasks import BY_TOKEN, TASKS, TOKENS, Florence2Task
from workers.catalog.validation import InputModel, StoredText, refusal
from workers.catalog.variant import Picture

_TASK_SCHEMA = {"type": "string", "enum": list(TOKENS)}
Task = Annotated[str, WithJsonSchema(_TASK_SCHEMA)]


class Florence2Parameters(InputModel):
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
    region: Region | None = None
    artifacts: tuple[Choice, ...] = ()
    min_score: float | None = None
    num_beams: int
    max_new_tokens: int

    @property
    def requested_tasks(self) -> tuple[Florence2Task, ...]:
        """The rows of the requested tasks, in the requested order."""
        return tuple(BY_TOKEN[token] for token in self.tasks)

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "text" in data:
            data = {**data, "text": florence2_text.join_classes(data["text"])}
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
        readers = [task for task in self.requested_tasks if task.takes_text]
        _check_presence("text", self.text, readers, self.requested_tasks)
        if self.text is not None:
            florence2_text.check(self.text, readers)
            florence2_text.refuse_too_long(self.text, self.limits.max_text_tokens)
        return self

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        readers = [task for task in self.requested_tasks if task.takes_region]
        _check_presence("region", self.region, readers, self.requested_tasks)
        return self

    @model_validator(mode="after")
    def _check_artifacts(self) -> Self:
        refuse_unavailable(self.artifacts, self.requested_tasks)
        return self

    @model_validator(mode="after")
    def _check_min_score(self) -> Self:
        if self.min_score is not None and not any(
            task.lists_instances for task in self.requested_tasks
        ):
            able = ", ".join(task.name for task in TASKS if task.lists_instances)
            message = (
                f"{self.requested_tasks[0].token} answers in words, of which none are left out; "
                f"leave min_score away, or add one of {able}"
            )
            raise refusal("min_score", "min_score_not_taken", message, self.min_score)
        return self


def _check_presence(
    field: str, value: Any, readers: Sequence[Florence2Task], requested: Sequence[Florence2Task]
) -> None:
    """Refuse a field that is missing although a task reads it, or present although none does."""
    if value is None and readers:
        raise refusal(field, f"{field}_required", f"{readers[0].token} needs a {field}", None)
    if value is not None and not readers:
        raise refusal(field, f"{field}_not_taken", f"{requested[0].token} takes no {field}", value)


def _token(field: str, name: Any) -> str:
    token = TOKENS.get(name) if isinstance(name, str) else None
    if token is not None:
        return token
    shown = str(name)[:40]
    near = difflib.get_close_matches(shown, TOKENS, n=1)
    known = ", ".join(task.name for task in BY_TOKEN.values())
    hint = f"; did you mean {near[0]}?" if near else f"; known are {known}"
    raise refusal(field, "unknown_task", f"{shown} is not a task{hint}", name)


def florence2_parameters(name: str, limits: Florence2Limits) -> type[Florence2Parameters]:
    """The parameter model of a variant with these limits; `name` is the class's name."""
    model = create_model(
        name,
        __base__=Florence2Parameters,
        __module__=__name__,
        image=(Picture, fields.image()),
        task=(Task | None, fields.task()),
        tasks=(tuple[Task, ...], fields.tasks()),
        text=(StoredText | None, fields.text(limits)),
        region=(Region | None, fields.region()),
        artifacts=(tuple[Choice, ...], fields.artifacts()),
        min_score=(float | None, fields.min_score()),
        num_beams=(int, fields.num_beams(limits)),
        max_new_tokens=(int, fields.max_new_tokens(limits)),
    )
    model.limits = limits
    model.__doc__ = "A picture, and what is asked about it."
    return model
