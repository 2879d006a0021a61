"""Tokens in paths of compatible APIs have one spelling, as those of artifacts have."""

import string
import time
from collections.abc import Callable

import pytest

from api.compat.fal.upload_urls import UploadUrls
from api.compat.replicate.signed_urls import SignedUrls, StreamClaim
from api.core.artifact_urls import InvalidTokenError

SECRET = "s" * 32
FILE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
ALPHABET = string.ascii_letters + string.digits + "-_"
FAL, REPLICATE = UploadUrls(SECRET), SignedUrls(SECRET)
CLAIM = StreamClaim("job_1", "ten_1", "key_1")

Make = Callable[[], str]
Open = Callable[[str], object]
TOKENS: dict[str, tuple[Make, Open]] = {
    "fal upload": (
        lambda: FAL.upload_path(FILE).rpartition("/")[2],
        lambda token: FAL.reservation_of(token, valid_seconds=90),
    ),
    "fal file": (
        lambda: FAL.file_path(FILE, "a.png").split("/")[-2],
        lambda token: FAL.check_file(token, FILE, valid_seconds=90),
    ),
    "replicate stream": (
        lambda: REPLICATE.stream_path(CLAIM).rpartition("/")[2],
        lambda token: REPLICATE.stream_claim(token, valid_seconds=90),
    ),
    "replicate download": (
        lambda: REPLICATE.download_path("ten_1", FILE, "image/png").rpartition("/")[2][:-4],
        lambda token: REPLICATE.tenant_of_download(token, FILE, valid_seconds=90),
    ),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_has_one_spelling(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, open_ = TOKENS[name]
    began = int(time.time())
    for second in range(32):  # a signature's last character is one of sixteen, by lot
        monkeypatch.setattr(time, "time", lambda second=second: began + second)
        token = make()
        open_(token)
        for other in ALPHABET.replace(token[-1], ""):
            with pytest.raises(InvalidTokenError):
                open_(token[:-1] + other)
