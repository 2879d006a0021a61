"""The setting that names the file of content filters."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.moderation.filter_file import Rules, read_rules


class ModerationSettings(BaseSettings):
    """The operator's content filters.

    Attributes:
        content_filters: a file as `workers.moderation.filter_file` reads it
            (`BOTTEGA_CONTENT_FILTERS`); None applies no filter.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", allow_inf_nan=False)

    content_filters: Path | None = None


def rules_of(settings: ModerationSettings) -> Rules:
    """The rules that the settings name.

    Raises:
        workers.moderation.filter_file.FilterFileError: the file cannot be used.
    """
    return Rules() if settings.content_filters is None else read_rules(settings.content_filters)
