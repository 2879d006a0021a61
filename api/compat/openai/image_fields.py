"""The fields of requests for pictures: those of OpenAI, and Bottega's own beside them."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from api.core.json_parser import JsonError, parse_leniently
from api.core.protocol.slips import note
from workers.catalog.flux.parameters import MAX_SEED, OutputFormat
from workers.catalog.validation import InputModel

MAX_PICTURES = 10
MAX_PARTIAL_PICTURES = 3
MAX_SOURCES = 16
"""The most pictures to edit."""

QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto", "standard", "hd")


def _parsed(value: Any) -> Any:
    """A JSON object or list of a form's text part; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        parsed, slips = parse_leniently(value.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        told = {"reason": str(error)} if isinstance(error, JsonError) else {"reason": "is no JSON"}
        raise PydanticCustomError("json_text", "{reason}", told) from error
    note(slips)
    return parsed


def _no_flag(value: Any) -> Any:
    """Refuse true and false where a number is meant."""
    if isinstance(value, bool):
        raise PydanticCustomError("value_error", "should be a number")
    return value


def _whole(value: Any) -> Any:
    """Text of a form that says a whole number in another spelling, as its digits."""
    if not isinstance(value, str) or not _OTHER_SPELLING.fullmatch(value.strip()):
        return _no_flag(value)
    number = Decimal(value.strip())
    return int(number) if number == number.to_integral_value() else value


_OTHER_SPELLING = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)

Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_no_flag)]


class LoraFields(InputModel):
    """A LoRA, and how strongly it is applied."""

    model_config = ConfigDict(extra="allow")

    source: str = Field(max_length=2000)
    scale: Real | None = None


class ImageFields(InputModel):
    """The fields of a request for pictures. A null is an absent field; others are ignored."""

    model_config = ConfigDict(extra="allow")

    prompt: str | None = Field(
        None, description="What to paint", examples=["a red circle on a blue background"]
    )
    model: str | None = Field(None, max_length=200, examples=["flux.1-demo"])
    n: Whole | None = Field(None, ge=1, le=MAX_PICTURES, description="How many pictures")
    size: str | None = Field(
        None,
        pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$",
        description="`WxH`, or `auto`: the model's own, an edit's is that of its picture",
        examples=["128x128"],
    )
    response_format: Literal["url", "b64_json"] | None = Field(
        None, description="The one of both that the answer has; absent, it has both"
    )
    output_format: OutputFormat | None = None
    output_compression: Whole | None = Field(None, ge=0, le=100)
    background: Literal["auto", "opaque"] | None = None
    stream: bool | None = None
    partial_images: Whole | None = Field(None, ge=0, le=MAX_PARTIAL_PICTURES)
    seed: Whole | None = Field(None, ge=0, le=MAX_SEED)
    steps: Whole | None = None
    guidance: Real | None = None
    negative_prompt: str | None = None
    true_guidance: Real | None = None
    strength: Real | None = None
    fit: str | None = None
    loras: Annotated[list[LoraFields], BeforeValidator(_parsed)] | None = None
    priority: str | None = None
    expires_in_seconds: Real | None = None
    keep_seconds: Whole | None = None
    metadata: Annotated[dict[str, JsonValue], BeforeValidator(_parsed)] | None = None
    webhook: Annotated[dict[str, JsonValue], BeforeValidator(_parsed)] | None = None

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return self.n or 1

    @property
    def side(self) -> tuple[int, int] | None:
        """Width and height; None where the model or a picture gives them."""
        if self.size in (None, "auto"):
            return None
        width, height = (self.size or "").split("x")
        return int(width), int(height)

    @property
    def quality(self) -> str:
        """The quality that is echoed: it has no effect."""
        sent = (self.model_extra or {}).get("quality")
        return sent if sent in QUALITIES else "auto"

    @property
    def with_data(self) -> bool:
        """True where the answer holds the pictures' bytes."""
        return self.response_format != "url"

    def release(self) -> None:
        """Drop what only the submission needs: the request may stay open for long."""
        extra = self.model_extra
        if extra is not None:
            kept = {"quality": self.quality}
            extra.clear()
            extra.update(kept)


class SourcePicture(InputModel):
    """A picture of a JSON request: an uploaded file, a URL, a data URI or bare base64."""

    file_id: str | None = Field(None, examples=["file_01jd8w7n4tq0c3v5x9y2z6k8m1"])
    image_url: str | None = None

    @property
    def name(self) -> str | None:
        """The picture as the native API takes it; None where the object names none."""
        return self.file_id or self.image_url


def _as_object(value: Any) -> Any:
    """A picture that is given as text alone, as an object."""
    value = _parsed(value)
    return {"image_url": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    """One picture as a list of one."""
    value = _parsed(value)
    return value if isinstance(value, list) else [value]


Source = Annotated[SourcePicture, BeforeValidator(_as_object)]
Sources = Annotated[list[Source], BeforeValidator(_as_list), Field(max_length=MAX_SOURCES)]


class EditFields(ImageFields):
    """The fields of a request for an edit, as JSON."""

    images: Sources | None = Field(None, description="The pictures to edit")
    image: Sources | None = Field(None, description="The same, as forms name them")
    mask: Source | None = Field(
        None,
        description="Of the size of the first picture: its transparent area is repainted. Without "
        "one, that of the first picture itself",
    )

    def release(self) -> None:
        """Drop also the pictures, which may be whole files."""
        super().release()
        self.images = self.image = self.mask = None
