"""Unguessable, signed, expiring tokens for artifacts: whoever has the URL may read."""

from itsdangerous import BadSignature, URLSafeTimedSerializer

from db.pictures import SUFFIXES


class InvalidTokenError(Exception):
    """The token was altered, or its time is over."""

    def __init__(self) -> None:
        super().__init__("this artifact URL is not valid any more; GET the job for a fresh one")


class ArtifactUrls:
    """Mints and reads tokens. One token opens all artifacts of one job, until it expires."""

    def __init__(self, secret: str, *, valid_seconds: int) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="bottega.artifact")
        self._valid_seconds = valid_seconds

    def path(self, job_id: str, n: int, media_type: str) -> str:
        """The path below the service's URL: suffix in it, and no query string."""
        token = self._serializer.dumps(job_id)
        return f"/v1/artifacts/{token}/{n}.{SUFFIXES[media_type]}"

    def job_of(self, token: str) -> str:
        """The job that a token opens.

        Raises:
            InvalidTokenError: it was altered or has expired.
        """
        try:
            return str(self._serializer.loads(token, max_age=self._valid_seconds))
        except BadSignature as error:
            raise InvalidTokenError from error
