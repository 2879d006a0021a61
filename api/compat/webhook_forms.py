"""The forms of webhooks of the compatible APIs, for the courier's process."""

import json
from collections.abc import Mapping

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.compat.bfl import rendering as bfl
from api.compat.fal import rendering as fal
from api.compat.replicate import rendering as replicate
from api.compat.shared.webhook_rendering import WebhookRenderer, event_of
from api.core.artifact_urls import ArtifactUrls
from db.core.secret_strength import require_strong
from db.values.surfaces import SurfaceName
from db.webhooks.types import DeliveryClaim, ForeignFacts
from workers.outbound.ed25519 import WebhookKey

RENDERERS: Mapping[SurfaceName, WebhookRenderer] = {
    SurfaceName.REPLICATE: replicate.webhook_body,
    SurfaceName.FAL: fal.webhook_body,
    SurfaceName.BFL: bfl.webhook_body,
}
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
    """Renders webhooks, and has the key that signs them, both by one URL secret.

    Args:
        url_secret: the API's.
        renderers: the JSON of each surface.
    """

    def __init__(
        self, url_secret: str, renderers: Mapping[SurfaceName, WebhookRenderer] = RENDERERS
    ) -> None:
        self._secret = url_secret
        self._renderers = renderers
        # It signs alone: the API, which verifies, knows how long a URL is valid.
        self._urls = ArtifactUrls(url_secret, valid_seconds=1)
        self._key = WebhookKey(url_secret)

    @property
    def key(self) -> WebhookKey:
        """The key that signs where a form demands the service's own."""
        return self._key

    def render(self, claim: DeliveryClaim, facts: ForeignFacts) -> str:
        """The body of a delivery in the form of its surface.

        Raises:
            KeyError: the surface has no webhooks of its own.
        """
        event = event_of(claim, facts, self._urls)
        body = self._renderers[facts.surface](event, self._secret)
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def forms_of_environment() -> WebhookForms | None:
    """The forms by the environment's URL secret; None where it has none.

    Raises:
        pydantic.ValidationError: the secret can be guessed.
    """
    secret = FormSettings().url_secret
    return None if secret is None else WebhookForms(secret.get_secret_value())
