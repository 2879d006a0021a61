"""Settings of the store, read from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.storage.local import LocalStore
from db.storage.object_store import ObjectStore, StoreMisconfiguredError


class StorageSettings(BaseSettings):
    """The settings of a folder or of a bucket; `open_store` refuses none and both.

    Attributes:
        store_dir: the folder of a local store (`BOTTEGA_STORE_DIR`).
        bucket: an existing bucket (`S3_BUCKET`).
        endpoint_url: the S3 server's URL; None is Amazon's (`S3_ENDPOINT_URL`).
        public_endpoint_url: the server's URL as clients reach it, for presigned URLs, where it
            differs (`S3_PUBLIC_ENDPOINT_URL`).
        region: the bucket's region (`S3_REGION`).
        access_key_id: the id of the access key (`S3_ACCESS_KEY_ID`); without it and the secret, the
            AWS SDK searches its usual places, such as the machine's role.
        secret_access_key: the secret of the access key (`S3_SECRET_ACCESS_KEY`).
        presign: redirect clients to the store instead of serving its objects
            (`BOTTEGA_PRESIGN`).
    """

    model_config = SettingsConfigDict(
        env_prefix="S3_", populate_by_name=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    store_dir: Path | None = Field(None, validation_alias="BOTTEGA_STORE_DIR")
    bucket: str | None = None
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    presign: bool = Field(default=False, validation_alias="BOTTEGA_PRESIGN")


def open_store(settings: StorageSettings) -> ObjectStore:
    """Make the store that the settings name, without touching disk or network.

    Raises:
        StoreMisconfiguredError: the settings name none or two, or one incompletely.
    """
    names_s3 = settings.bucket is not None or settings.endpoint_url is not None
    if settings.store_dir is not None and names_s3:
        raise StoreMisconfiguredError("set BOTTEGA_STORE_DIR or S3_BUCKET, not both")
    if settings.store_dir is not None:
        return LocalStore(settings.store_dir)
    if not names_s3:
        raise StoreMisconfiguredError("set BOTTEGA_STORE_DIR, or S3_BUCKET and what it needs")
    return _open_s3(settings)


def _open_s3(settings: StorageSettings) -> ObjectStore:
    if not settings.bucket:
        raise StoreMisconfiguredError("S3_ENDPOINT_URL is set, but not S3_BUCKET")
    if (settings.access_key_id is None) != (settings.secret_access_key is None):
        raise StoreMisconfiguredError("set both S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or none")
    # Imported here, so that a process with a local store does not load boto3's 37 MB.
    from db.storage.s3 import S3Account, S3Store  # noqa: PLC0415

    secret = settings.secret_access_key
    return S3Store(
        S3Account(
            bucket=settings.bucket,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            public_endpoint_url=settings.public_endpoint_url,
            access_key_id=settings.access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
        )
    )
