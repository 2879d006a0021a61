"""Real servers for every test that asks: started at the first asking, stopped at the end."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import Child
from deploy.local.servers.redis import EmbeddedRedis
from tests.servers.swift import S3Server, keeps_attributes, running_swift

# The Makefile puts the libraries of quantisation aside, so that no other process pays for them.
# They are here before the first test imports diffusers, which notes what it can find.
sys.path.append(f"{sys.prefix}/quantization")

# An example's time says how busy the machine is: pytest's own limit ends what never ends.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server with the service's roles, and nothing in its databases."""
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(folder / "data", fast=True)
    with Child(server, folder / "log"):
        server.ensure_roles()
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """SQLAlchemy's URL of a server's `postgres` database, as superuser, nothing in it."""
    return postgres.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty Redis, which all tests of a session share."""
    folder = tmp_path_factory.mktemp("redis")
    server = EmbeddedRedis(folder / "data")
    with Child(server, folder / "log"):
        yield server.url


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server without buckets."""
    folder = tmp_path_factory.mktemp("swift")
    if keeps_attributes(folder):
        with running_swift(folder) as server:
            yield server
        return
    # /tmp in memory may keep no attributes; /var/tmp is on disk.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as on_disk,
        running_swift(Path(on_disk)) as server,
    ):
        yield server
