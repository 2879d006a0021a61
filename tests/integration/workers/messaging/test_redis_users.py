"""Redis' users: each does all of its own work, and nothing beyond."""

import asyncio
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from api.core.metrics import count_submitted_job
from api.resources.credentials import Credential
from api.resources.event_hub import EventHub
from api.resources.forwarded_counts import REDIS_KEY, ForwardedCounts
from api.resources.rate_limiter import RateLimiter
from db.core.session import Database
from deploy.cli.doctor import FindingError, _redis_user
from deploy.local.servers.process import Child
from deploy.local.servers.redis import EmbeddedRedis
from tests.support.jobs import add_tenant
from tests.support.waiting import await_true
from workers import catalog
from workers.messaging.events import CHANNEL, Publisher, preview_key, stream_key
from workers.messaging.queue import QueueNotifier, Ticket, make_celery
from workers.messaging.redis_privileges import (
    RedisUserError,
    check_may_take_tickets,
    excess_powers,
)
from workers.runtime.consumer import TicketConsumer
from workers.settings import WorkerSettings

VARIANT = "flux.1-demo"


@pytest.fixture
def server(own_redis: Child) -> EmbeddedRedis:
    """A Redis of the test's own."""
    assert isinstance(own_redis.process, EmbeddedRedis)
    return own_redis.process


@pytest.fixture
def admin(server: EmbeddedRedis) -> Iterator[Redis]:
    """The administrator's connection."""
    with Redis.from_url(server.url, decode_responses=True) as client:
        yield client


def settings_of(url: str) -> WorkerSettings:
    """Settings of a process that connects by a URL."""
    return WorkerSettings(redis_url=SecretStr(url))


def refusals(admin: Redis) -> set[tuple[str, str, str]]:
    """The refusals by user; but for the client's library, which introduces itself."""
    entries: Any = admin.acl_log(128)
    found = {(entry["username"], entry["reason"], entry["object"]) for entry in entries}
    return {row for row in found if row[2] != "client"}


def test_tickets_go_from_the_api_to_a_worker(server: EmbeddedRedis, admin: Redis) -> None:
    answered: Queue[str] = Queue()
    app = make_celery(settings_of(server.worker_url), queues=(VARIANT,))
    TicketConsumer(lambda name: bool(answered.put(name)), answered.put, seconds=60).register(app)
    notifiers = [QueueNotifier(settings_of(url)) for url in (server.api_url, server.worker_url)]
    for notifier in notifiers:
        assert notifier.answers()
        for _ in range(20):
            assert notifier.notify(Ticket(VARIANT))
        assert notifier.waiting_tickets(VARIANT)
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False):
        assert [answered.get(timeout=20) for _ in range(40)] == [VARIANT] * 40
    for notifier in notifiers:
        notifier.close()
    app.close()
    assert refusals(admin) == set()


def test_a_worker_learns_at_its_start_whether_it_may_take_tickets(
    server: EmbeddedRedis, admin: Redis
) -> None:
    assert QueueNotifier(settings_of(server.api_url)).notify(Ticket(VARIANT))
    check_may_take_tickets(settings_of(server.worker_url), [VARIANT])
    assert admin.llen(VARIANT) == 1
    assert refusals(admin) == set()
    with pytest.raises(RedisUserError, match=r"may not take tickets of .+: use bottega_worker"):
        check_may_take_tickets(settings_of(server.api_url), [VARIANT])
    wrong = server.worker_url.replace(":", ":x", 2).replace(":x", ":", 1)
    with pytest.raises(RedisUserError, match="refuses the user or the password"):
        check_may_take_tickets(settings_of(wrong), [VARIANT])
    check_may_take_tickets(settings_of("redis://127.0.0.1:1"), [VARIANT])


def test_events_go_from_either_to_the_api(server: EmbeddedRedis, admin: Redis) -> None:
    for n, url in enumerate((server.api_url, server.worker_url)):
        publisher = Publisher(settings_of(url))
        publisher.publish_state(f"job_{n}", "running", attempt=1)
        publisher.publish_preview(f"job_{n}", {"step": 1})
        publisher.publish_done(f"job_{n}", "succeeded")
        publisher.close()
        assert admin.xlen(stream_key(f"job_{n}")) >= 3

    async def read() -> list[str]:
        hub = EventHub(settings_of(server.api_url), lambda _ids: [], lambda _keys: [])
        await hub.start()
        try:
            subscribed = lambda: admin.pubsub_numsub(CHANNEL)[0][1]  # noqa: E731
            assert await asyncio.to_thread(await_true, subscribed)
            with hub.watch("job_1", Credential("key_1")) as waiter:
                return [each.event.type for each in await hub.replay("job_1", waiter)]
        finally:
            await hub.stop()

    assert asyncio.run(read())[-1] == "done"
    assert refusals(admin) == set()


def test_the_api_counts_requests_and_what_commands_did(
    server: EmbeddedRedis, admin: Redis, database: Database
) -> None:
    tenant_id = add_tenant(database, tier="free")

    async def count() -> list[object]:
        limiter = RateLimiter(database, settings_of(server.api_url))
        try:
            return [await limiter.count(tenant_id, "key_1") for _ in range(3)]
        finally:
            await limiter.close()

    assert all(asyncio.run(count()))
    counts = ForwardedCounts(settings_of(server.api_url))
    with counts.forwarding():
        count_submitted_job(VARIANT)
    assert admin.llen(REDIS_KEY) == 1
    counts.collect()
    assert admin.llen(REDIS_KEY) == 0
    counts.close()
    assert refusals(admin) == set()


RULES = (
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SHUTDOWN",),
    ("DEBUG", "SLEEP", "0"),
    ("ACL", "SETUSER", "bottega_worker", "+@all"),
    ("SCRIPT", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("MONITOR",),
    ("SAVE",),
    ("REPLICAOF", "127.0.0.1", "9"),
    ("MODULE", "LIST"),
    ("PUBLISH", "/0.celery.pidbox", "shutdown"),
    ("SET", "anything", "1"),
    ("EVAL", "return 1", "0"),
)
"""Commands of administrators, and keys and channels that are not the service's."""


def test_nobody_but_the_administrator_rules(server: EmbeddedRedis) -> None:
    for url in (server.api_url, server.worker_url):
        for words in RULES:
            with Redis.from_url(url) as client, pytest.raises(NoPermissionError):
                client.execute_command(*words)


OF_THE_API = (
    ("SUBSCRIBE", CHANNEL),
    ("GET", preview_key("job_1")),
    ("GETRANGE", preview_key("job_1"), "0", "1"),
    ("XRANGE", stream_key("job_1"), "-", "+"),
    ("DEL", "bottega:rate"),
    ("LPUSH", "bottega:forwarded-counts", "{}"),
)
"""Commands on what is the API's alone."""


def test_a_worker_reads_no_events_and_touches_nothing_of_the_apis(
    server: EmbeddedRedis,
) -> None:
    for words in OF_THE_API:
        with Redis.from_url(server.worker_url) as client, pytest.raises(NoPermissionError):
            client.execute_command(*words)


def test_the_default_user_is_off(server: EmbeddedRedis) -> None:
    password = (server.data_dir / "password").read_text()
    for text in ("", f":{password}@"):
        with (
            Redis.from_url(f"redis://{text}127.0.0.1:{server.port}") as client,
            pytest.raises(AuthenticationError),
        ):
            client.ping()


def test_every_variants_queue_is_within_the_users_keys(server: EmbeddedRedis) -> None:
    for url in (server.api_url, server.worker_url):
        with Redis.from_url(url) as client:
            assert {client.llen(row.id) for row in catalog.variants()} == {0}


def test_the_doctor_finds_the_services_users_in_order(server: EmbeddedRedis) -> None:
    for url in (server.api_url, server.worker_url):
        assert excess_powers(settings_of(url)) == []
        assert "a password is needed" in _redis_user(settings_of(url))


def test_the_doctor_finds_an_administrator(server: EmbeddedRedis) -> None:
    with pytest.raises(FindingError) as caught:
        _redis_user(settings_of(server.url))
    for part in ("configure", "manage Redis' users", "connections of others", "users.acl"):
        assert part in str(caught.value)
    assert "without a password" not in str(caught.value)


@pytest.mark.parametrize(
    ("rights", "command"),
    [
        ("+config|get", "may configure Redis"),
        ("+@admin -config -client", "may manage Redis' users"),
        ("+client|list", "may see and end the connections of others"),
    ],
)
def test_the_doctor_finds_each_power(
    server: EmbeddedRedis, admin: Redis, rights: str, command: str
) -> None:
    admin.execute_command(
        "ACL", "SETUSER", "extra", "reset", "on", ">word", "+ping", *rights.split()
    )
    url = f"redis://extra:word@127.0.0.1:{server.port}/0"
    assert excess_powers(settings_of(url)) == [f"the user {command}"]
    admin.execute_command("ACL", "DELUSER", "extra")


@pytest.mark.parametrize("rights", ["+@all ~*", "-@all +get"])
def test_the_doctor_finds_a_redis_without_a_password(
    server: EmbeddedRedis, admin: Redis, rights: str
) -> None:
    admin.execute_command("ACL", "SETUSER", "default", "on", "nopass", *rights.split())
    try:
        with pytest.raises(FindingError, match="anybody may sign in without a password"):
            _redis_user(settings_of(server.api_url))
    finally:
        admin.execute_command("ACL", "SETUSER", "default", "reset", "off")
    assert excess_powers(settings_of(server.api_url)) == []


def test_the_doctor_says_that_redis_does_not_answer_or_refuses_the_user(
    server: EmbeddedRedis,
) -> None:
    for url in ("redis://127.0.0.1:9/0", f"redis://bottega_api:no@127.0.0.1:{server.port}/0"):
        with pytest.raises(FindingError, match="does not answer"):
            _redis_user(settings_of(url))
