"""The files that create roles and users, run as the guide tells operators to."""

import os
import re
import secrets
import subprocess
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import make_url

from db.core.privileges import APP_ROLE, OWNER_ROLE
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.postgres_binaries import postgres_programs
from deploy.local.servers.process import Child
from deploy.local.servers.redis import API_USER, WORKER_USER, EmbeddedRedis
from tests.support.databases import DatabaseMaker
from tests.support.guides import ROOT, steps_of


def command_of_the_guide(start: str) -> str:
    """The one command of the guide that begins so."""
    steps = steps_of(ROOT / "deploy" / "README.md")
    [found] = [step.command for step in steps if step.command.startswith(start)]
    return found


def type_in_the_repository(command: str, **variables: str) -> str:
    """Run a command of the guide; return its output."""
    done = subprocess.run(  # noqa: S603 - a command of the guide
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guides_command_creates_roles_that_can_sign_in(
    database_maker: DatabaseMaker, postgres: EmbeddedPostgres
) -> None:
    """With the passwords that the roles have already, which other tests use."""
    own = {role: make_url(url).password for role, url in role_urls(postgres).items()}
    with database_maker.empty() as url:
        type_in_the_repository(
            command_of_the_guide("psql "),
            PATH=f"{postgres_programs(None)}:{os.environ['PATH']}",
            ADMIN_DATABASE_URL=url.replace("+psycopg", ""),
            POSTGRES_MIGRATE_PASSWORD=str(own[OWNER_ROLE]),
            POSTGRES_APP_PASSWORD=str(own[APP_ROLE]),
        )
        for role, password in own.items():
            there = make_url(url).set(username=role, password=password, drivername="postgresql")
            with psycopg.connect(there.render_as_string(hide_password=False)) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role,)


def role_urls(postgres: EmbeddedPostgres) -> dict[str, str]:
    """The URLs of the service's roles."""
    return {OWNER_ROLE: postgres.migration_url, APP_ROLE: postgres.app_url}


@pytest.fixture
def users_file(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The file that the guide's command writes, and the passwords."""
    passwords = {f"REDIS_{name}PASSWORD": secrets.token_hex(24) for name in ("", "API_", "WORKER_")}
    command = command_of_the_guide("sh deploy/redis/users.sh")
    file = tmp_path / "users.acl"
    type_in_the_repository(re.sub(r"> users\.acl.*", f"> {file}", command), **passwords)
    return file, passwords


def test_the_guides_command_writes_users_that_can_sign_in(
    users_file: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    file, passwords = users_file
    assert not any(password in file.read_text() for password in passwords.values())
    server = EmbeddedRedis(tmp_path / "redis")
    names = {"": "password", "API_": f"{API_USER}.password", "WORKER_": f"{WORKER_USER}.password"}
    server.data_dir.mkdir()
    for name, password_file in names.items():
        (server.data_dir / password_file).write_text(passwords[f"REDIS_{name}PASSWORD"])
    with Child(server, tmp_path / "log"):
        assert (server.data_dir / "users.acl").read_text() == file.read_text()
        for url in (server.url, server.api_url, server.worker_url):
            with Redis.from_url(url) as client:
                assert client.ping()
