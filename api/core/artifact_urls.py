"""Unguessable, signed, expiring tokens for artifacts: any holder of the URL may read."""

from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from db.values.artifact_kinds import SUFFIXES

DIRECT_ARTIFACTS = "/artifacts"


class InvalidTokenError(Exception):
    """The token was altered, or has expired."""

    def __init__(self) -> None:
        super().__init__("this artifact URL is not valid any more; GET the job for a fresh one")


class ArtifactUrls:
    """Signs and verifies tokens. One token opens all artifacts of one job, until it expires."""

    def __init__(self, secret: str, *, valid_seconds: int) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="bottega.artifact")
        self._valid_seconds = valid_seconds

    def path(self, job_id: str, n: int, media_type: str, *, direct: bool = False) -> str:
        """The path below the service's URL, with the file's suffix and without a query string.

        Args:
            job_id: the job.
            n: the artifact's number in the job.
            media_type: its media type, for the suffix.
            direct: true for the path that answers with the bytes wherever they are stored: clients
                of the compatible APIs follow no redirect.
        """
        token = self._serializer.dumps(job_id)
        room = DIRECT_ARTIFACTS if direct else "/v1/artifacts"
        return f"{room}/{token}/{n}.{SUFFIXES[media_type]}"

    def job_of(self, token: str) -> str:
        """The job that a token opens.

        Raises:
            InvalidTokenError: the token was altered, or has expired.
        """
        return str(open_token(self._serializer, token, valid_seconds=self._valid_seconds))


def open_token(serializer: URLSafeTimedSerializer, token: str, *, valid_seconds: float) -> Any:
    """The signed content of a token, which has one spelling.

    Raises:
        InvalidTokenError: the token was altered, or is older than `valid_seconds`.
    """
    try:
        content = serializer.loads(token, max_age=int(valid_seconds))
    except BadSignature as error:
        raise InvalidTokenError from error
    if not _is_canonical(token.rpartition(".")[2]):
        raise InvalidTokenError
    return content


def _is_canonical(signature: str) -> bool:
    """True for the canonical spelling: decoding drops bits of base64's last character."""
    return base64_encode(base64_decode(signature)) == signature.encode()
