"""From the form as it was sent to the input of a job, and what such an input fills a form with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData

from api.web.playground.form.fields import Field, FieldKind
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.catalog.florence2.text import JOINER

JOINER_TEXT = f" {JOINER} "
CUSTOM = "custom"
"""What the size's choice says when width and height are typed in."""

Input = dict[str, Any]


def input_of(fields: Sequence[Field], form: FormData) -> Input:
    """What was filled in, without what the model would take anyway.

    Numbers that are none stay text: the model's own validation says what is wrong with them.
    """
    given: Input = {}
    for field in fields:
        given |= _READERS.get(field.kind, _read_text)(field, form)
    return _without_unasked(given)


def _without_unasked(given: Input) -> Input:
    """Text and region go only to a task that reads them: the form hides them otherwise."""
    if "tasks" not in given:
        return given
    asked = [BY_TOKEN[token] for token in given["tasks"] if token in BY_TOKEN]
    takes = {
        "text": any(task.takes_text for task in asked),
        "region": any(task.takes_region for task in asked),
    }
    kept = {name: value for name, value in given.items() if takes.get(name, True)}
    return kept if len(asked) != 1 else _with_one_task(kept)


def _with_one_task(given: Input) -> Input:
    return {("task" if name == "tasks" else name): _one(name, v) for name, v in given.items()}


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


def _read_several(field: Field, form: FormData) -> Input:
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
    chosen = _text(form, "shape")
    if chosen == CUSTOM:
        sides = {name: _text(form, name) for name in ("width", "height")}
        return {name: _number(side) for name, side in sides.items() if side}
    shape = next((each for each in field.shapes if each.ratio == chosen), None)
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
    FieldKind.CHOICES: _read_several,
    FieldKind.TASKS: _read_several,
    FieldKind.PICTURES: _read_pictures,
    FieldKind.REGION: _read_region,
    FieldKind.LORAS: _read_loras,
    FieldKind.SIZE: _read_size,
}


def filled(given: Mapping[str, Any]) -> Input:
    """An input as the form shows it: every task in one list, lines for several texts and LoRAs."""
    shown = {name: value for name, value in given.items() if value is not None}
    if "task" in shown:
        shown["tasks"] = [shown.pop("task")]
    text = shown.get("text", "")
    shown["text"] = "\n".join(text if isinstance(text, list) else text.split(JOINER_TEXT))
    shown["loras"] = "\n".join(_line(lora) for lora in shown.get("loras", ()))
    return shown


def _line(lora: Mapping[str, Any]) -> str:
    return " ".join(str(lora[name]) for name in ("source", "scale") if name in lora)
