"""A store in an S3 bucket, Amazon's or any that speaks its API.

Imported only when S3 is used: boto3 costs every process that imports it some 37 MB.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore import exceptions as aws
from botocore.config import Config

from db.storage.object_store import (
    ObjectInfo,
    ObjectNotFoundError,
    StoredObject,
    StoreError,
    StoreMisconfiguredError,
    StoreUnavailableError,
    check_key,
    check_lifetime,
    check_media_type,
    check_prefix,
)

_NO_OBJECT = {"NoSuchKey", "404"}  # a HEAD's answer has no body to name the code
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect"}
_MAY_PASS = {"SlowDown", "RequestTimeout", "RequestTimeoutException", "Throttling", "429"}
_UNAUTHORIZED = {401, 403}
_CHUNK_BYTES = 2**20
_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True)
class S3Account:
    """A bucket and who may use it.

    Attributes:
        bucket: the bucket's name.
        region: its region.
        endpoint_url: the server's URL; None is Amazon's.
        public_endpoint_url: the server's URL in presigned URLs, where clients need another.
        access_key_id: None, with the secret: the AWS SDK searches its usual places.
        secret_access_key: see above.
    """

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


class S3Store:
    """An `ObjectStore` of one bucket, which must exist.

    Args:
        account: bucket, endpoint and credentials.
        connect_timeout_seconds: for one attempt to connect.
        read_timeout_seconds: for the server's silence during one attempt.
        attempts: how often a call is tried in all; between, up to 1 s, then up to 2 s pass.
    """

    def __init__(
        self,
        account: S3Account,
        *,
        connect_timeout_seconds: float = 2.0,
        read_timeout_seconds: float = 20.0,
        attempts: int = 3,
    ) -> None:
        self._bucket = account.bucket
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            # Stores other than Amazon's reject, or garble, the newer checksum trailers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=32,
        )
        self._client = _client(account, account.endpoint_url, config)
        public = account.public_endpoint_url
        self._presigner = _client(account, public, config) if public else self._client

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """One PUT."""
        check_key(key)
        check_media_type(media_type)
        with _translated(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=media_type)

    def put_file(self, key: str, path: Path, media_type: str) -> None:
        """One PUT, of a file of at most 5 GiB."""
        check_key(key)
        check_media_type(media_type)
        with path.open("rb") as file, _translated(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=file, ContentType=media_type)

    def get(self, key: str) -> StoredObject:
        """One GET."""
        check_key(key)
        with _translated(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return StoredObject(answer["Body"].read(), answer["ContentType"])

    def get_file(self, key: str, path: Path) -> None:
        """One GET, written as it arrives."""
        check_key(key)
        with path.open("wb") as file, _translated(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                file.write(chunk)

    def head(self, key: str) -> ObjectInfo:
        """One HEAD."""
        check_key(key)
        with _translated(key):
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        return ObjectInfo(key, answer["ContentLength"], answer["LastModified"])

    def presign(self, key: str, seconds: int) -> str | None:
        """Computed here; nothing is sent."""
        check_key(key)
        check_lifetime(seconds)
        with _translated(key):
            url: str = self._presigner.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
            )
        return url

    def delete(self, key: str) -> None:
        """One DELETE, which S3 answers alike whether or not the object was there."""
        check_key(key)
        try:
            with _translated(key):
                self._client.delete_object(Bucket=self._bucket, Key=key)
        except ObjectNotFoundError:
            return

    def remove_unfinished(self, *, before: datetime) -> int:  # noqa: ARG002 - of the Protocol
        """0: the bucket's rule for incomplete multipart uploads removes them."""
        return 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """One request per thousand objects, sent as they are asked for."""
        check_prefix(prefix)
        return self._pages(prefix)

    def _pages(self, prefix: str) -> Iterator[ObjectInfo]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        with _translated(prefix):
            for page in pages:
                for entry in page.get("Contents", []):
                    yield ObjectInfo(entry["Key"], entry["Size"], entry["LastModified"])


def _client(account: S3Account, endpoint_url: str | None, config: Config) -> Any:
    # A session of its own: boto3's shared one is not safe to use from several threads.
    return Session().client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=account.region,
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        config=config,
    )


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except aws.ClientError as error:
        meaning = _meaning(what, error)
        if meaning is None:
            raise
        raise meaning from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError) as error:
        raise StoreMisconfiguredError(str(error)) from error
    except (
        aws.ConnectionError,  # refused, timed out
        aws.HTTPClientError,  # silent for too long, broken off
        aws.IncompleteReadError,
    ) as error:
        raise StoreUnavailableError(f"{what}: {error}") from error


def _meaning(what: str, error: aws.ClientError) -> StoreError | None:
    code = str(error.response["Error"].get("Code", ""))
    status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    if code in _NO_OBJECT:
        return ObjectNotFoundError(what)
    if code in _MAY_PASS or status >= _FIRST_SERVER_ERROR:
        return StoreUnavailableError(f"{what}: {error}")
    if code in _NO_BUCKET or status in _UNAUTHORIZED:
        return StoreMisconfiguredError(f"{what}: {error}")
    return None
