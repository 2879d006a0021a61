"""`python -m deploy.cli.make_bucket`: create the bucket that S3_BUCKET names, if it is missing.

A new bucket lets pages of every origin read by presigned URL, where the server has such rules.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from db.storage.settings import StorageSettings

_EXISTS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_NO_RULES = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_CONFIG = Config(
    s3={"addressing_style": "path"},
    connect_timeout=5,
    read_timeout=10,
    retries={"total_max_attempts": 5},
)
_READABLE: Any = {
    "CORSRules": [
        {
            # A browser that follows a redirect to another host names the origin "null".
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "HEAD"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "Content-Length", "Content-Range", "Accept-Ranges"],
            "MaxAgeSeconds": 7200,
        }
    ]
}


def make_bucket(settings: StorageSettings) -> bool:
    """Create the bucket; returns False when it exists already.

    Raises:
        botocore.exceptions.ClientError: the server refuses, or another account owns the name.
        ValueError: S3_BUCKET is not set.
    """
    if not settings.bucket:
        raise ValueError("S3_BUCKET is not set")
    client = _client(settings)
    try:
        client.create_bucket(Bucket=settings.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _EXISTS:
            raise
        client.head_bucket(Bucket=settings.bucket)  # refused if another account owns it
        return False
    _let_pages_read(client, settings.bucket)
    return True


def _let_pages_read(client: Any, bucket: str) -> None:
    """Allow the reading of presigned URLs to pages of every origin, where the server has rules."""
    try:
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration=_READABLE)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_RULES:
            raise


def _client(settings: StorageSettings) -> Any:
    secret = settings.secret_access_key
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=_CONFIG,
    )


def main() -> None:
    """Create the bucket and print the result."""
    created = make_bucket(StorageSettings())
    print("the bucket was created" if created else "the bucket exists")


if __name__ == "__main__":
    main()
