"""Origins of `BOTTEGA_CORS_ORIGINS`."""

import pytest
from pydantic import ValidationError

from api.core.settings import ApiSettings

READ = {
    "": (),
    "*": ("*",),
    "https://a.example": ("https://a.example",),
    "https://a.example, http://localhost:5173": ("https://a.example", "http://localhost:5173"),
    '["https://a.example", "http://b.example"]': ("https://a.example", "http://b.example"),
    "HTTPS://A.Example:443/": ("https://a.example",),
    "http://[::1]:3000": ("http://[::1]:3000",),
    "http://a.example:80,https://a.example:80": ("http://a.example", "https://a.example:80"),
    "capacitor://localhost": ("capacitor://localhost",),
}
NO_ORIGINS = (
    *("a.example", "https://a.example/app", "https://a.example?x", "https://a.example#x", "null"),
    *("https://*.example.org", "file:///x", "https://u@a.example", "//a.example", "https://"),
    *("https://a.example:99999", '["https://a.example"', "[1]", "https://a b.example"),
)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_URL_SECRET", "4f1c9a523c0e4d8e9a760e6d2f1b8c44a7")


@pytest.mark.parametrize(("text", "origins"), READ.items())
def test_origins_are_read_as_browsers_spell_them(
    monkeypatch: pytest.MonkeyPatch, text: str, origins: tuple[str, ...]
) -> None:
    monkeypatch.setenv("BOTTEGA_CORS_ORIGINS", text)
    assert ApiSettings().cors_origins == origins


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_what_is_no_origin_is_refused_with_a_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("BOTTEGA_CORS_ORIGINS", text)
    with pytest.raises(ValidationError, match="is no origin; write a scheme and a host"):
        ApiSettings()
