"""Secrets that can be guessed are refused, wherever an operator sets one."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.core.settings import ApiSettings
from db.core.secret_strength import WeakSecretError, require_strong
from db.core.settings import DatabaseSettings
from tests.support.guides import ROOT
from workers.moderation.filter_file import FilterFileError, read_rules
from workers.settings import WorkerSettings

WEAK = [
    "",
    "short",
    "AT-LEAST-SIXTEEN-CHARACTERS",
    "aaaaaaaaaaaaaaaa",
    "x" * 500,
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdef0123456789abcdef",
    "deadbeef" * 6,
    "secretsecretsecretsecret",
    "bottega-bottega-bottega-secret",
    "my-super-secret-signing-key",
    "correct horse battery staple",
    "PASSWORD",
]


@pytest.mark.parametrize("secret", WEAK)
def test_a_weak_secret_is_refused_with_the_command_that_makes_a_good_one(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_URL_SECRET", secret)
    with pytest.raises(ValidationError) as caught:
        ApiSettings()
    said = str(caught.value)
    assert "BOTTEGA_URL_SECRET is" in said
    assert "openssl rand -hex 24" in said
    assert len(secret) < 6 or secret not in said


def test_random_secrets_of_sixteen_bytes_and_more_are_taken() -> None:
    for _ in range(20):
        for length in (16, 24, 32):
            require_strong("X", secrets.token_hex(length))
            require_strong("X", secrets.token_urlsafe(length))
            require_strong("X", base64.b64encode(secrets.token_bytes(length)).decode())


@pytest.mark.parametrize("word", ["PASSWORD", "SECRET", "changeme", "…"])
def test_the_text_of_an_example_is_refused_in_the_urls_of_the_servers(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://bottega:{word}@db.example.org/bottega")
    monkeypatch.setenv("REDIS_URL", f"redis://bottega:{word}@redis.example.org:6379/0")
    for settings in (DatabaseSettings, WorkerSettings):
        with pytest.raises(ValidationError, match="still the text of an example") as caught:
            settings()
        assert "example.org" not in str(caught.value)


def test_a_callouts_secret_of_equal_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "filters.toml"
    file.write_text(
        '[filters.judge]\nkind = "callout"\nurl = "http://127.0.0.1:9/check"\n'
        'secret_variable = "JUDGE_SECRET"\n[[rules]]\nfilters = ["judge"]\n'
    )
    monkeypatch.setenv("JUDGE_SECRET", "whsec_" + base64.b64encode(b"k" * 32).decode())
    with pytest.raises(FilterFileError, match="JUDGE_SECRET is too easy to guess"):
        read_rules(file)


def start(command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start a process of the service; the servers that its settings name do not answer."""
    environment: Mapping[str, str] = {
        "DATABASE_URL": f"postgresql://bottega:{secrets.token_hex(24)}@127.0.0.1:9/bottega",
        "REDIS_URL": f"redis://:{secrets.token_hex(24)}@127.0.0.1:9/0",
        "BOTTEGA_STORE_DIR": "/nonexistent/store",
    }
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "deploy.cli.main", command],
        cwd=ROOT,
        env={**os.environ, **environment, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_api_does_not_start_with_an_examples_secret() -> None:
    done = start("api", BOTTEGA_URL_SECRET="AT-LEAST-SIXTEEN-CHARACTERS")
    assert done.returncode == 1
    assert "openssl rand -hex 24" in done.stderr
    assert "AT-LEAST-SIXTEEN-CHARACTERS" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BOTTEGA_URL_SECRET", "aaaaaaaaaaaaaaaa"),
        ("DATABASE_URL", "postgresql://bottega:hunter2@127.0.0.1:9/bottega"),
        ("REDIS_URL", "redis://:abcabcabcabcabc@127.0.0.1:9/0"),
        ("S3_SECRET_ACCESS_KEY", "minioadmin"),
    ],
)
def test_the_doctor_names_a_weak_secret(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deploy.cli.doctor import _secrets  # noqa: PLC0415 - only this test needs the doctor

    monkeypatch.setenv("DATABASE_URL", "postgresql://bottega@127.0.0.1/bottega")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1/0")
    monkeypatch.setenv(variable, value)
    with pytest.raises(WeakSecretError, match=variable) as caught:
        _secrets()
    assert value not in str(caught.value)
