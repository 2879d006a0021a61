"""The setting that names the operator's catalogue file."""

from pathlib import Path
from typing import Any

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class CatalogueSettings(BaseSettings):
    """The place of the operator's file.

    Attributes:
        catalog: the file of models (`BOTTEGA_CATALOG`); None, or empty, where there is none.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", hide_input_in_errors=True)

    catalog: Path | None = None

    @field_validator("catalog", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        # Compose passes a variable that is not set as an empty one.
        return value or None
