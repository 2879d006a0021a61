"""The forms of webhooks of the compatible APIs, for the courier's process."""

import json
from collections.abc import Mapping

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.compat.fal import rendering as fal
from api.compat.shared.webhook_rendering import WebhookRenderer, event_of
from api.core.artifact_urls import ArtifactUrls
from db.core.secret_strength import require_strong
from db.values.surfaces import SurfaceName
from db.webhooks.types import DeliveryClaim, ForeignFacts
from workers.outbound.ed25519 import WebhookKey

RENDERERS: Mapping[SurfaceName, WebhookRenderer] = {SurfaceName.FAL: fal.webhook_body}
"""The JSON of each surface that has webhooks of its own."""


class FormSettings(BaseSettings):
    """The courier's settings for webhooks in foreign forms.

    Attributes:
        url_secret: the API's key for URLs (`BOTTEGA_URL_SECRET`); None where it is not given.
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", hide_input_in_errors=True)

    url_secret: SecretStr | None = None

    @field_validator("url_secret")
    @classmethod
    def _check_url_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            require_strong("BOTTEGA_URL_SECRET", secret.get_secret_value())
        return secret


class WebhookForms:
    """Renders and signs with one URL secret."""

    def __init__(self, url_secret: str) -> None:
        self._secret = url_secret
        # The lifetime of a URL is the API's, which reads it.
        self._urls = ArtifactUrls(url_secret, valid_seconds=1)
        self.key = WebhookKey(url_secret)

    def render(self, claim: DeliveryClaim, facts: ForeignFacts) -> str:
        """The body of a delivery in the form of its surface.

        Raises:
            KeyError: the surface has no webhooks of its own.
        """
        event = event_of(claim, facts, self._urls)
        body = RENDERERS[facts.surface](event, self._secret)
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
