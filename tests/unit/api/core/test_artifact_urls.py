"""Tokens of artifacts: their holder may read, and nobody can forge one."""

import string
import time

import pytest

from api.core.artifact_urls import ArtifactUrls, InvalidTokenError

JOB = "job_01jd8w7n4tq0c3v5x9y2z6k8m1"
SECRET = "s" * 32
ALPHABET = string.ascii_letters + string.digits + "-_"


def token_of(urls: ArtifactUrls) -> str:
    return urls.path(JOB, 0, "image/png").split("/")[3]


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("image/png", "2.png"), ("image/jpeg", "2.jpeg"), ("image/webp", "2.webp")],
)
def test_a_path_ends_with_the_pictures_suffix_and_has_no_query(media_type: str, name: str) -> None:
    path = ArtifactUrls(SECRET, valid_seconds=60).path(JOB, 2, media_type)
    assert path.startswith("/v1/artifacts/")
    assert path.endswith(f"/{name}")
    assert "?" not in path


def test_a_token_opens_its_job_in_every_process_with_the_secret() -> None:
    token = token_of(ArtifactUrls(SECRET, valid_seconds=60))
    assert ArtifactUrls(SECRET, valid_seconds=60).job_of(token) == JOB


def test_another_secret_does_not_open_it() -> None:
    token = token_of(ArtifactUrls(SECRET, valid_seconds=60))
    with pytest.raises(InvalidTokenError):
        ArtifactUrls("t" * 32, valid_seconds=60).job_of(token)


def test_no_altered_token_opens_anything() -> None:
    urls = ArtifactUrls(SECRET, valid_seconds=60)
    token = token_of(urls)
    for n, character in enumerate(token):
        altered = token[:n] + ("A" if character != "A" else "B") + token[n + 1 :]
        with pytest.raises(InvalidTokenError):
            urls.job_of(altered)


def test_a_signature_has_one_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = ArtifactUrls(SECRET, valid_seconds=60)
    began = int(time.time())
    for second in range(64):  # a signature's last character is one of sixteen, by lot
        monkeypatch.setattr(time, "time", lambda second=second: began + second)
        token = token_of(urls)
        for other in ALPHABET.replace(token[-1], ""):
            with pytest.raises(InvalidTokenError):
                urls.job_of(token[:-1] + other)


@pytest.mark.parametrize("nonsense", ["", ".", "..", "a.b.c", "é", "\0", "x" * 10_000])
def test_nonsense_is_no_token(nonsense: str) -> None:
    with pytest.raises(InvalidTokenError):
        ArtifactUrls(SECRET, valid_seconds=60).job_of(nonsense)


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = ArtifactUrls(SECRET, valid_seconds=60)
    token = token_of(urls)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert urls.job_of(token) == JOB
    monkeypatch.setattr(time, "time", lambda: now + 62)
    with pytest.raises(InvalidTokenError):
        urls.job_of(token)
