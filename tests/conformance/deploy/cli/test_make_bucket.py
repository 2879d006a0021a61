"""The bucket of a deployment is made once, on a real S3 server."""

from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from db.storage.settings import StorageSettings, open_store
from deploy.cli.make_bucket import make_bucket
from tests.servers.swift import S3Server


def settings(server: S3Server, secret: str) -> StorageSettings:
    """A deployment's settings, with a bucket that does not exist yet."""
    return StorageSettings(
        bucket=f"made-{uuid4().hex}",
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key_id,
        secret_access_key=SecretStr(secret),
    )


def test_a_bucket_is_made_once_and_can_be_used(s3_server: S3Server) -> None:
    wanted = settings(s3_server, s3_server.secret_access_key)
    assert make_bucket(wanted)
    open_store(wanted).put("a/b.txt", b"here", "text/plain")
    assert not make_bucket(wanted)
    assert open_store(wanted).get("a/b.txt").data == b"here"


def test_without_permission_no_bucket_is_made(s3_server: S3Server) -> None:
    with pytest.raises(ClientError):
        make_bucket(settings(s3_server, "wrong"))


def test_without_a_name_there_is_nothing_to_make() -> None:
    with pytest.raises(ValueError, match="S3_BUCKET"):
        make_bucket(StorageSettings())
