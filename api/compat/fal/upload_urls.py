"""URLs that grant access by themselves: clients send no key with an upload, nor to read a file."""

from itsdangerous import URLSafeTimedSerializer

from api.core.artifact_urls import InvalidTokenError, open_token

UPLOADS = "/storage/upload"
FILES = "/files"


class UploadUrls:
    """Signs and verifies the tokens in the paths.

    Args:
        secret: the key that signs all URLs of the service.
    """

    def __init__(self, secret: str) -> None:
        self._uploads = URLSafeTimedSerializer(secret, salt="bottega.fal.upload")
        self._files = URLSafeTimedSerializer(secret, salt="bottega.fal.file")

    def upload_path(self, reservation_id: str) -> str:
        """The path, below the surface's prefix, to which the picture of a reserved id is sent."""
        return f"{UPLOADS}/{self._uploads.dumps(reservation_id)}"

    def file_path(self, reservation_id: str, file_name: str) -> str:
        """The path, below the surface's prefix, of the same picture; its id lets jobs name it."""
        return f"{FILES}/{reservation_id}/{self._files.dumps(reservation_id)}/{file_name}"

    def reservation_of(self, token: str, *, valid_seconds: float) -> str:
        """The reserved id that an upload's token opens.

        Raises:
            InvalidTokenError: the token was altered, or is too old.
        """
        return str(open_token(self._uploads, token, valid_seconds=valid_seconds))

    def check_file(self, token: str, file_id: str, *, valid_seconds: float) -> None:
        """Check that a token opens a file.

        Raises:
            InvalidTokenError: the token was altered, is too old, or opens another file.
        """
        if open_token(self._files, token, valid_seconds=valid_seconds) != file_id:
            raise InvalidTokenError
