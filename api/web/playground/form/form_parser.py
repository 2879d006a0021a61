"""Conversion of a submitted form to a job's input, and of an input to the form's values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData

from api.web.playground.form.fields import Field, FieldKind
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.catalog.florence2.text import JOINER

JOINER_TEXT = f" {JOINER} "
CUSTOM = "custom"
"""The value of the size's choice when width and height are entered as numbers."""

Input = dict[str, Any]


def input_of(fields: Sequence[Field], form: FormData) -> Input:
    """The form's values, without those that are the model's defaults.

    An invalid number stays text: the model's own validation reports it.
    """
    values: Input = {}
    for field in fields:
        values |= _READERS.get(field.kind, _read_text)(field, form)
    return _without_unused(values)


def _without_unused(values: Input) -> Input:
    """The values without a text or a region that no task uses; the form hides these fields."""
    if "tasks" not in values:
        return values
    tasks = [BY_TOKEN[token] for token in values["tasks"] if token in BY_TOKEN]
    uses = {
        "text": any(task.takes_text for task in tasks),
        "region": any(task.takes_region for task in tasks),
    }
    used = {name: value for name, value in values.items() if uses.get(name, True)}
    return used if len(tasks) != 1 else _with_one_task(used)


def _with_one_task(values: Input) -> Input:
    return {("task" if name == "tasks" else name): _one(name, v) for name, v in values.items()}


def _one(name: str, value: Any) -> Any:
    return value[0] if name == "tasks" else value


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _texts(form: FormData, name: str) -> list[str]:
    values = (value for value in form.getlist(name) if isinstance(value, str))
    return [value.strip() for value in values if value.strip()]


def _unless_default(field: Field, value: Any) -> Input:
    return {} if value == field.default else {field.name: value}


def _read_text(field: Field, form: FormData) -> Input:
    text = _text(form, field.name)
    return _unless_default(field, text) if text else {}


def _read_number(field: Field, form: FormData) -> Input:
    text = _text(form, field.name)
    return _unless_default(field, _number(text)) if text else {}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_switch(field: Field, form: FormData) -> Input:
    return _unless_default(field, field.name in form)


def _read_words(field: Field, form: FormData) -> Input:
    lines = [line.strip() for line in _text(form, field.name).splitlines() if line.strip()]
    if not lines:
        return {}
    return {field.name: lines[0] if len(lines) == 1 else lines}


def _read_list(field: Field, form: FormData) -> Input:
    values = _texts(form, field.name)
    return {field.name: values} if values else {}


def _read_pictures(field: Field, form: FormData) -> Input:
    values = _texts(form, field.name)
    if not values:
        return {}
    return {field.name: values if field.high is not None else values[0]}


def _read_region(field: Field, form: FormData) -> Input:
    values = _texts(form, field.name)
    return {field.name: [_number(value) for value in values]} if values else {}


def _read_loras(field: Field, form: FormData) -> Input:
    lines = [line.split() for line in _text(form, field.name).splitlines() if line.strip()]
    return {field.name: [_lora(words) for words in lines]} if lines else {}


def _lora(words: Sequence[str]) -> Input:
    source, *scale = words
    return {"source": source} | ({"scale": _number(" ".join(scale))} if scale else {})


def _read_size(field: Field, form: FormData) -> Input:
    ratio = _text(form, "shape")
    if ratio == CUSTOM:
        sides = {name: _text(form, name) for name in ("width", "height")}
        return {name: _number(side) for name, side in sides.items() if side}
    shape = next((each for each in field.shapes if each.ratio == ratio), None)
    if shape is None:
        return {}
    if shape.width is None:
        return {"aspect_ratio": shape.ratio}
    return {"width": shape.width, "height": shape.height}


_READERS: Mapping[FieldKind, Callable[[Field, FormData], Input]] = {
    FieldKind.NUMBER: _read_number,
    FieldKind.SLIDER: _read_number,
    FieldKind.SEED: _read_number,
    FieldKind.SWITCH: _read_switch,
    FieldKind.WORDS: _read_words,
    FieldKind.CHOICES: _read_list,
    FieldKind.TASKS: _read_list,
    FieldKind.PICTURES: _read_pictures,
    FieldKind.REGION: _read_region,
    FieldKind.LORAS: _read_loras,
    FieldKind.SIZE: _read_size,
}


def form_values_of(job_input: Mapping[str, Any]) -> Input:
    """An input as the form shows it: tasks as a list, several texts and LoRAs as lines."""
    values = {name: value for name, value in job_input.items() if value is not None}
    if "task" in values:
        values["tasks"] = [values.pop("task")]
    text = values.get("text", "")
    values["text"] = "\n".join(text if isinstance(text, list) else text.split(JOINER_TEXT))
    values["loras"] = "\n".join(_lora_line(lora) for lora in values.get("loras", ()))
    return values


def _lora_line(lora: Mapping[str, Any]) -> str:
    return " ".join(str(lora[name]) for name in ("source", "scale") if name in lora)
