"""The OpenAPI document, where FastAPI's own is not enough."""

import inspect
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from api.core.documented_responses import HEADERS, complete_responses, problem_responses
from api.core.errors import InvalidItem, Problem
from api.schemas import jobs as schemas
from api.schemas import webhooks as webhook_schemas
from api.schemas.admin_examples import EXAMPLES

Json = dict[str, Any]

_MODULES = (schemas, webhook_schemas)


class DescribedApp(FastAPI):
    """FastAPI whose OpenAPI document states every status, header and key of each call."""

    def openapi(self) -> Json:
        """The OpenAPI 3.1 document, built at the first call."""
        if self.openapi_schema is None:
            self._complete(super().openapi())
        return super().openapi()

    @staticmethod
    def _complete(document: Json) -> None:
        described: Json = document["components"]["schemas"]
        described.update((model.__name__, _schema_of(model)) for model in (Problem, InvalidItem))
        _restore_examples(described)
        for name in EXAMPLES.keys() & described.keys():
            described[name]["examples"] = [EXAMPLES[name]]
        for unused in ("HTTPValidationError", "ValidationError"):
            described.pop(unused, None)
        document["components"] |= {"headers": HEADERS, "responses": problem_responses()}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                # Stated, so that a reader need not know the default: without it, no key is needed.
                operation.setdefault("security", [])
                complete_responses(path, operation)
        _drop_newer_keywords(document)


def _schema_of(model: type[BaseModel]) -> Json:
    own = model.model_json_schema(ref_template="#/components/schemas/{model}")
    own.pop("$defs", None)
    return own


def _restore_examples(described: Json) -> None:
    """Restore the examples: FastAPI strips every null from its document, and so from them."""
    models = [pair for module in _MODULES for pair in inspect.getmembers(module, inspect.isclass)]
    for name, model in models:
        extra = getattr(model, "model_config", {}).get("json_schema_extra")
        if name in described and isinstance(extra, dict):
            described[name]["examples"] = extra["examples"]


def _drop_newer_keywords(document: Json) -> None:
    """Drop the schemas of event streams.

    `itemSchema` is OpenAPI 3.2, which a 3.1 reader refuses, and a stream is no text of one schema.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            for name in ("schema", "itemSchema"):
                content.get("text/event-stream", {}).pop(name, None)
