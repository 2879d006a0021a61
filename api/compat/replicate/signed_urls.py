"""URLs that grant access by themselves: clients send no key to streams and downloads."""

from dataclasses import astuple, dataclass

from itsdangerous import URLSafeTimedSerializer

from api.core.artifact_urls import InvalidTokenError, open_token
from db.values.artifact_kinds import SUFFIXES


@dataclass(frozen=True)
class StreamClaim:
    """The access that a stream's URL grants: one job's events, as one key may see them."""

    job_id: str
    tenant_id: str
    key_id: str


class SignedUrls:
    """Signs and verifies the tokens in the paths.

    Args:
        secret: the key that signs all URLs of the service.
    """

    def __init__(self, secret: str) -> None:
        self._streams = URLSafeTimedSerializer(secret, salt="bottega.replicate.stream")
        self._files = URLSafeTimedSerializer(secret, salt="bottega.replicate.file")

    def stream_path(self, claim: StreamClaim) -> str:
        """The path of a stream, below the service's URL."""
        return f"/replicate/stream/{self._streams.dumps(astuple(claim))}"

    def stream_claim(self, token: str, *, valid_seconds: int) -> StreamClaim:
        """The access that a stream's token grants.

        Raises:
            InvalidTokenError: the token was altered, or is older than `valid_seconds`.
        """
        return StreamClaim(*open_token(self._streams, token, valid_seconds=valid_seconds))

    def download_path(self, tenant_id: str, file_id: str, media_type: str) -> str:
        """The path of an uploaded file's bytes, below the service's URL."""
        token = self._files.dumps((tenant_id, file_id))
        return f"/replicate/v1/files/{file_id}/download/{token}.{SUFFIXES[media_type]}"

    def tenant_of_download(self, token: str, file_id: str, *, valid_seconds: int) -> str:
        """The tenant whose file a token opens.

        Raises:
            InvalidTokenError: the token was altered, is too old, or opens another file.
        """
        tenant_id, opened = open_token(self._files, token, valid_seconds=valid_seconds)
        if opened != file_id:
            raise InvalidTokenError
        return str(tenant_id)
