"""The bodies of requests, and the shapes of answers for the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.jobs import ShortText
from workers.catalog.validation import InputModel

_MAX_URL = 2_000

Events = Literal["start", "output", "logs", "completed"]
"""The events of webhooks."""


def _absent(value: Any) -> Any:
    """An empty object in place of null, which stands for an absent field."""
    return {} if value is None else value


class PredictionBody(InputModel):
    """A prediction to make, of a model that the path names; other fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"input": {"prompt": "a red circle on a blue background", "seed": 7}}]
        }
    )

    input: Annotated[dict[str, Any], BeforeValidator(_absent)] = Field(
        default_factory=dict, description="The model's input, see the schema of its version"
    )
    webhook: str | None = Field(None, max_length=_MAX_URL, description="The receiver of events")
    webhook_events_filter: list[Events] | None = Field(
        None, max_length=20, description="The events to send; by default all"
    )
    webhook_completed: str | None = Field(
        None, max_length=_MAX_URL, description="A receiver of the event `completed` alone"
    )
    stream: bool | None = Field(None, description="Without effect: every prediction has a stream")


class VersionedPredictionBody(PredictionBody):
    """A prediction to make, of a version or a model; other fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "bottega/flux.1-demo",
                    "input": {"prompt": "a red circle on a blue background"},
                }
            ]
        }
    )

    version: ShortText | None = Field(
        None, description="64 hexadecimal digits, `owner/name`, or both: `owner/name:digits`"
    )
    model: ShortText | None = Field(None, description="`owner/name`, in place of a version")


class PredictionUrls(BaseModel):
    """The links of a prediction."""

    get: str
    cancel: str
    web: str
    stream: str | None = None


class Prediction(BaseModel):
    """A prediction."""

    id: str
    model: str
    version: str
    status: Literal["starting", "processing", "succeeded", "failed", "canceled"]
    input: dict[str, Any]
    output: Any
    logs: str
    error: str | None
    metrics: dict[str, float]
    created_at: str
    started_at: str | None
    completed_at: str | None
    data_removed: bool
    source: str
    urls: PredictionUrls


class Page(BaseModel):
    """A page of a list; `next` is the URL of the page that follows."""

    previous: str | None
    next: str | None
    results: list[dict[str, Any]]


def page(results: list[dict[str, Any]], following: str | None = None) -> dict[str, Any]:
    """A page of a list."""
    return {"previous": None, "next": following, "results": results}
