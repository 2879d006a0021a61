"""Numbers of the environment: each is finite, as it ends in SQL, in timers and in intervals."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from api.core.settings import ApiSettings
from db.core.settings import DatabaseSettings
from db.storage.settings import StorageSettings
from workers.adapters.hosted.settings import HostedSettings
from workers.moderation.settings import ModerationSettings
from workers.outbound.settings import OutboundSettings
from workers.settings import WorkerSettings

CLASSES: list[type[BaseSettings]] = [
    *(ApiSettings, DatabaseSettings, HostedSettings, ModerationSettings, OutboundSettings),
    *(StorageSettings, WorkerSettings),
]
FLOATS = [
    pytest.param(each, name, id=f"{each.__name__}.{name}")
    for each in CLASSES
    for name, info in each.model_fields.items()
    if info.annotation is float
]


def test_there_are_numbers_to_check() -> None:
    assert len(FLOATS) >= 12


@pytest.mark.parametrize(("settings", "name"), FLOATS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e999"])
def test_a_number_that_is_not_finite_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], name: str, value: str
) -> None:
    prefix = str(settings.model_config.get("env_prefix"))
    monkeypatch.setenv(f"{prefix}{name}".upper(), value)
    with pytest.raises(ValidationError) as caught:
        settings()
    errors: list[Any] = [each for each in caught.value.errors() if name in each["loc"]]
    assert errors
