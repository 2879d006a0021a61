"""A model's form: the parameters of its JSON Schema as fields, in a sensible order.

Each parameter of a model gets its field from the schema alone. This module only defines the order,
a few labels, and the fields that are folded away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from api.web.playground.form.sizes import Shape, shapes
from api.web.playground.form.tasks import TaskGroup, groups_of
from workers import catalog
from workers.catalog import Variant

Json = Mapping[str, Any]


class FieldKind(StrEnum):
    """The kind of a field's control."""

    PROMPT = "prompt"
    TEXT = "text"
    LONG_TEXT = "long-text"
    WORDS = "words"
    NUMBER = "number"
    SLIDER = "slider"
    SEED = "seed"
    SWITCH = "switch"
    CHOICE = "choice"
    CHOICES = "choices"
    PICTURES = "pictures"
    MASK = "mask"
    REGION = "region"
    TASKS = "tasks"
    LORAS = "loras"
    SIZE = "size"


class Place(StrEnum):
    """The section of the form that contains a field."""

    MAIN = "main"
    PICTURES = "pictures"
    MORE = "more"


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        name: the parameter's name.
        help: the schema's description.
        default: the value when the field is empty.
        low: the smallest number.
        high: the largest number, the longest text, or the most pictures or entries.
        whole: True for a whole number.
        options: values and their labels.
        shapes: the presets of a size.
        step: both sides of a size are multiples of this.
        groups: the tasks to choose from.
    """

    name: str
    kind: FieldKind
    label: str
    help: str
    place: Place
    required: bool = False
    default: Any = None
    low: float | None = None
    high: float | None = None
    whole: bool = False
    options: tuple[tuple[str, str], ...] = ()
    shapes: tuple[Shape, ...] = ()
    step: int = 1
    groups: tuple[TaskGroup, ...] = ()


_ORDER = (
    *("image", "mask", "strength", "images", "control_image", "fit"),
    *("tasks", "text", "region"),
    *("prompt", "negative_prompt", "size", "num_images", "steps", "guidance", "true_guidance"),
    *("seed", "previews"),
)
_MAIN = frozenset(_ORDER) - {"negative_prompt", "true_guidance"}
_PICTURE_FIELDS = frozenset({"image", "mask", "strength", "images", "control_image", "fit"})
_SIZE = ("width", "height", "aspect_ratio")
_LABELS = {
    "image": "Picture",
    "images": "Pictures",
    "mask": "Repaint only this area",
    "control_image": "Finished map",
    "fit": "Picture of another shape",
    "tasks": "Tasks",
    "region": "Region",
    "prompt": "Prompt",
    "num_images": "Pictures to paint",
    "previews": "Show previews",
    "loras": "LoRAs",
    "artifacts": "Files to store",
    "embed_metadata": "Embed the settings in the file",
    "prompt_upsampling": "The vendor may rewrite the prompt",
    "raw": "Raw look",
}
_SLIDER_STEPS = 1000


def form_of(variant: Variant) -> tuple[Field, ...]:
    """The fields of a model, in order."""
    schema = catalog.json_schema(variant)
    known: Mapping[str, Json] = schema["properties"]
    needed = frozenset(schema.get("required", ()))
    names = [name for name in known if name not in _SIZE and not _is_fixed(name, known)]
    fields = [_field(name, _plain(known[name]), needed) for name in names]
    if size := _size(variant, known):
        fields.append(size)
    return tuple(sorted(fields, key=lambda field: _rank(field.name)))


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _is_fixed(name: str, known: Mapping[str, Json]) -> bool:
    """True for a parameter without a choice: a number with one value, or `task` beside `tasks`."""
    schema = known[name]
    fixed = "minimum" in schema and schema.get("minimum") == schema.get("maximum")
    return fixed or (name == "task" and "tasks" in known)


def _plain(schema: Json) -> dict[str, Any]:
    """The schema of an optional parameter without its `null` option."""
    options = [each for each in schema.get("anyOf", ()) if _is_real(each)]
    own = {**options[0], "nullable": True} if options else {}
    return {**own, **{name: value for name, value in schema.items() if name != "anyOf"}}


def _is_real(option: Json) -> bool:
    return option.get("type") != "null" and "const" not in option


def _field(name: str, schema: Json, needed: frozenset[str]) -> Field:
    # A required picture comes first; optional ones are folded away.
    is_folded = name in _PICTURE_FIELDS and not needed & _PICTURE_FIELDS
    field = Field(
        name=name,
        kind=_kind(name, schema),
        label=_LABELS.get(name, name.replace("_", " ").capitalize()),
        help=str(schema.get("description", "")),
        place=Place.PICTURES if is_folded else Place.MAIN if name in _MAIN else Place.MORE,
        required=name in needed or name == "tasks",
        default=schema.get("default"),
        low=schema.get("minimum", schema.get("exclusiveMinimum")),
        high=_upper_limit(schema),
        whole=schema.get("type") == "integer",
    )
    return replace(field, **_choices(field.kind, schema))


def _upper_limit(schema: Json) -> float | None:
    limits = ("maximum", "maxLength", "maxItems")
    return next((schema[name] for name in limits if name in schema), None)


def _kind(name: str, schema: Json) -> FieldKind:
    by_name = {
        "prompt": FieldKind.PROMPT,
        "negative_prompt": FieldKind.LONG_TEXT,
        "seed": FieldKind.SEED,
        "mask": FieldKind.MASK,
        "region": FieldKind.REGION,
        "tasks": FieldKind.TASKS,
        "loras": FieldKind.LORAS,
        "text": FieldKind.WORDS,
    }
    return by_name.get(name) or _kind_of_type(schema)


def _kind_of_type(schema: Json) -> FieldKind:
    items = schema.get("items", {})
    if "picture" in (schema.get("format"), items.get("format")):
        return FieldKind.PICTURES
    if "enum" in items:
        return FieldKind.CHOICES
    if "enum" in schema:
        return FieldKind.CHOICE
    if schema.get("type") == "boolean":
        return FieldKind.SWITCH
    if schema.get("type") in ("integer", "number"):
        return FieldKind.SLIDER if _has_slider(schema) else FieldKind.NUMBER
    return FieldKind.TEXT


def _has_slider(schema: Json) -> bool:
    high = schema.get("maximum")
    has_range = "minimum" in schema and high is not None and high <= _SLIDER_STEPS
    return has_range and schema.get("default") is not None


def _choices(kind: FieldKind, schema: Json) -> dict[str, Any]:
    values: Sequence[str] = schema.get("enum") or schema.get("items", {}).get("enum", ())
    if kind is FieldKind.TASKS:
        return {"groups": groups_of(values)}
    return {"options": tuple((value, value) for value in values)}


def _size(variant: Variant, known: Mapping[str, Json]) -> Field | None:
    """Width, height and aspect ratio as one field, because they depend on each other."""
    if not any(name in known for name in _SIZE):
        return None
    width = _plain(known.get("width", {}))
    limits: Any = getattr(variant.parameters, "limits", None)
    step = int(width.get("multipleOf", 0)) or getattr(limits, "step", 1)
    described = known.get("width") or known["aspect_ratio"]
    return Field(
        name="size",
        kind=FieldKind.SIZE,
        label="Size",
        help=str(described.get("description", "")),
        place=Place.MAIN,
        low=width.get("minimum"),
        high=width.get("maximum"),
        whole=True,
        shapes=shapes(known, step),
        step=step,
    )
