"""Pictures that a submission names, resolved to stored objects.

An accepted job depends on no other host.

A picture is named by a data URI, an uploaded file's id, the URL of an artifact of one of the
tenant's own jobs, or a URL on the public internet.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from api.core.artifact_urls import InvalidTokenError
from api.core.domain_errors import InvalidField, InvalidSubmissionError
from api.jobs import data_uris
from api.resources.remote_files import RemoteFileError
from api.services import Services
from db.artifacts import file_names
from db.artifacts import inputs as stored_inputs
from db.artifacts import uploads as files
from db.artifacts.file_names import NamedFile, NewName
from db.artifacts.uploads import NewUpload
from db.jobs.queries import find_artifact, find_job
from db.storage.keys import input_key
from db.storage.object_store import ObjectNotFoundError
from db.tables import Artifact, File
from db.values import pictures
from db.values.pictures import PictureError, PictureLimits
from workers.catalog import PictureSize

_FILE_ID = re.compile(r"file_[0-9a-z]{26}")
_URL = re.compile(r"https?://", re.IGNORECASE)
# The service's public URL may have a path of its own.
_ARTIFACT_PATH = re.compile(
    r"https?://[^/?#]+(?:/[^/?#]+){0,4}?/(?:v1/)?artifacts/([^/]+)/([0-9]{1,4})\.[a-z]+"
)
# A file's URL in any API of ours, whatever host or prefix it carries.
_FILE_PATH = re.compile(r"https?://[^/?#]+(?:/[^/?#]+){0,6}?/files/(file_[0-9a-z]{26})(?:/[^?#]*)?")

_T = TypeVar("_T")


@dataclass(frozen=True)
class InputPicture:
    """A picture of a submission.

    Attributes:
        key: its storage key.
        size: width and height in pixels when upright.
        read: reads its file; raises `PictureError` where it is not stored any more.
    """

    key: str
    size: PictureSize
    read: Callable[[], bytes]


class PictureResolver:
    """Resolves the pictures of one tenant's submission.

    Args:
        services: the process's services.
        tenant_id: the tenant.
        stores: False to validate and measure pictures only, for a quote.
    """

    def __init__(self, services: Services, tenant_id: str, *, stores: bool = True) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._stores = stores

    def resolve(self, name: str) -> InputPicture:
        """Find or store the picture that a parameter names.

        Raises:
            PictureError: there is no such picture, or it is not acceptable.
            db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
            db.artifacts.storage_limit.StorageFullError: it exceeds the tenant's limit.
            api.core.domain_errors.TooManyFetchesError: too many are being fetched by URL.
        """
        if data_uris.is_data_uri(name):
            return self._accept(data_uris.decode(name))
        if name.startswith("file_"):
            return self._from_file(name)
        if is_artifact_url(name):
            return self._from_artifact(name)
        if (own := _FILE_PATH.fullmatch(name)) is not None:
            return self._from_file(own[1])
        if _URL.match(name):
            return self._from_url(name)
        raise PictureError(
            "this is not a picture that can be had: send an https URL, a data URI, the id of an "
            "uploaded file (POST /v1/files), or the URL of an artifact of one of your jobs"
        )

    def _from_url(self, url: str) -> InputPicture:
        max_bytes = self._services.settings.max_picture_bytes
        try:
            data = self._services.remote_pictures.fetch(self._tenant_id, url, max_bytes=max_bytes)
        except RemoteFileError as error:
            raise PictureError(str(error)) from error
        return self._accept(data)

    def _accept(self, data: bytes) -> InputPicture:
        if self._stores:
            stored = store_picture(self._services, self._tenant_id, data, is_upload=False)
            return InputPicture(stored.key, (stored.width, stored.height), lambda: data)
        picture = check_picture(self._services, self._tenant_id, data)
        return InputPicture(picture.key, (picture.width, picture.height), lambda: data)

    def _from_file(self, file_id: str) -> InputPicture:
        row = self._file(file_id) if _FILE_ID.fullmatch(file_id) else None
        if row is None:
            raise PictureError("there is no such uploaded file, or it has expired")
        return self._stored(row)

    def _stored(self, row: File) -> InputPicture:
        def read() -> bytes:
            try:
                return self._services.store.get(row.key).data
            except ObjectNotFoundError as error:
                raise PictureError("this picture has been deleted") from error

        return InputPicture(row.key, (row.width, row.height), read)

    def _file(self, file_id: str) -> File | None:
        with self._services.database.transaction(durable=False) as session:
            row = files.find(session, tenant_id=self._tenant_id, file_id=file_id)
            if row is None or not self._stores:
                return row
            stored_inputs.record_use(session, row.key, size_bytes=row.bytes)
            # Read again: a concurrent removal is finished by now, or will not happen any more.
            return files.find(session, tenant_id=self._tenant_id, file_id=file_id)

    def _from_artifact(self, url: str) -> InputPicture:
        with self._services.database.transaction(durable=False) as session:
            artifact = find_own_artifact(self._services, session, self._tenant_id, url)
            if stored := self._find_stored(session, artifact.sha256):
                return self._stored(stored)
        # Stored as an input of its own: the artifact may expire before the new job runs.
        try:
            data = self._services.store.get(artifact.key).data
        except ObjectNotFoundError as error:
            raise PictureError("this artifact has expired") from error
        return self._accept(data)

    def _find_stored(self, session: Session, sha256: str) -> File | None:
        """The tenant's stored picture of these bytes, whose use is recorded."""
        key = input_key(self._tenant_id, sha256)
        found = files.find_by_keys(session, self._tenant_id, [key]).get(key)
        if found is None or not self._stores:
            return found
        stored_inputs.record_use(session, key, size_bytes=found.bytes)
        # Read again: a concurrent removal is finished by now, or will not happen any more.
        return files.find_by_keys(session, self._tenant_id, [key]).get(key)


def refused_picture(place: Sequence[str | int], error: PictureError) -> InvalidSubmissionError:
    """The refusal of a picture, whose message names the field: a job may have several pictures."""
    return InvalidSubmissionError.of_fields(
        [InvalidField(tuple(place), str(error), "invalid_image")]
    )


def is_artifact_url(name: str) -> bool:
    """True when a name has the form of an artifact's URL."""
    return _ARTIFACT_PATH.fullmatch(name) is not None


def find_own_artifact(services: Services, session: Session, tenant_id: str, url: str) -> Artifact:
    """The artifact of one of the tenant's own jobs that a URL names.

    Raises:
        PictureError: it names none, or has expired.
    """
    match = _ARTIFACT_PATH.fullmatch(url)
    try:
        job_id = services.artifact_urls.job_of(match[1] if match else "")
    except InvalidTokenError as error:
        raise PictureError(str(error)) from error
    owned = find_job(session, tenant_id=tenant_id, job_id=job_id)
    row = find_artifact(session, job_id, int(match[2]) if match else 0)
    if owned is None or row is None:
        raise PictureError("there is no such artifact among your jobs")
    return row


def store_input(services: Services, key: str, data: bytes, media_type: str) -> None:
    """Store an input of a job; its use is recorded first, so that retention does not remove it.

    Raises:
        db.artifacts.storage_limit.StorageFullError: it exceeds the tenant's limit.
        db.storage.object_store.StoreError: the object store failed.
    """
    with services.database.transaction(durable=False) as session:
        stored_inputs.record_use(session, key, size_bytes=len(data))
    services.store.put(key, data, media_type)


def store_input_file(services: Services, key: str, path: Path, media_type: str) -> None:
    """Store an input of a job as `store_input` does, from a file.

    Raises:
        db.artifacts.storage_limit.StorageFullError: it exceeds the tenant's limit.
        db.storage.object_store.StoreError: the object store failed.
    """
    with services.database.transaction(durable=False) as session:
        stored_inputs.record_use(session, key, size_bytes=path.stat().st_size)
    services.store.put_file(key, path, media_type)


def store_picture(
    services: Services, tenant_id: str, data: bytes, *, is_upload: bool = True
) -> File:
    """Validate a picture, store it under its own hash, and return its row.

    A picture that was sent with a job, `is_upload` False, is deleted with its last job.

    Raises:
        PictureError: the picture is not acceptable.
        db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
        db.artifacts.storage_limit.StorageFullError: it exceeds the tenant's limit.
        db.storage.object_store.StoreError: the object store failed.
    """
    return _store(services, tenant_id, data, lambda _session, row: row, is_upload=is_upload)


def store_upload(services: Services, tenant_id: str, data: bytes, new: NewName) -> NamedFile:
    """Store a picture as `store_picture` does, and give it a name of its own.

    Raises:
        db.artifacts.file_names.TooManyNamesError: the tenant has too many.
        Exception: as `store_picture`.
    """

    def name(session: Session, row: File) -> NamedFile:
        return file_names.add(session, row, new)

    return _store(services, tenant_id, data, name)


def fulfil_upload(services: Services, tenant_id: str, data: bytes, name_id: str) -> None:
    """Store a picture as `store_picture` does, under a name that was given out before.

    Raises:
        db.artifacts.file_names.NameTakenError: another picture came under it.
        Exception: as `store_picture`.
    """

    def fulfil(session: Session, row: File) -> None:
        file_names.fulfil(session, name_id, row.id)

    _store(services, tenant_id, data, fulfil)


def _store(
    services: Services,
    tenant_id: str,
    data: bytes,
    use: Callable[[Session, File], _T],
    *,
    is_upload: bool = False,
) -> _T:
    """Store a picture and its row; return what the use of the row gives, in its transaction."""
    picture = check_picture(services, tenant_id, data)
    while True:
        store_input(services, picture.key, data, picture.media_type)
        # Also for a picture sent with a job: a later form finds its size without decoding it again.
        with services.database.transaction() as session:
            # A removal of the same content may have come between: then it is stored again.
            if not stored_inputs.have_been_removed(session, {"picture": picture.key}):
                return use(session, files.add(session, tenant_id, picture, is_upload=is_upload))


def check_picture(services: Services, tenant_id: str, data: bytes) -> NewUpload:
    """Validate and measure a picture, and store nothing.

    Raises:
        PictureError: the picture is not acceptable.
        db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
    """
    settings = services.settings
    limits = PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)
    facts = pictures.inspect(data, limits, services.decode_budget.of(tenant_id))
    return NewUpload(
        key=input_key(tenant_id, facts.sha256),
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
    )
