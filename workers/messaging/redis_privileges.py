"""Powers in Redis of the service's users: `deploy/redis/users.acl` gives each what it needs."""

from collections.abc import Sequence

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

_ADMINISTRATION = {
    ("CONFIG", "GET", "maxmemory"): "may configure Redis",
    ("ACL", "USERS"): "may manage Redis' users",
    ("CLIENT", "LIST"): "may see and end the connections of others",
}
"""Harmless commands, each of a group that includes harmful ones, and the power that they show."""


class RedisUserError(Exception):
    """Redis refuses the user of REDIS_URL, or what a worker does; the message says the remedy."""


def check_may_take_tickets(settings: WorkerSettings, queues: Sequence[str]) -> None:
    """Check that a worker may take tickets from its queues; it takes none.

    A Redis that does not answer passes: a worker waits for it.

    Raises:
        RedisUserError: Redis refuses the user, or does not let it take them.
    """
    with redis_client(settings) as redis:
        for queue in queues:
            try:
                # A wrong time limit: privileges are checked before it, and nothing is taken.
                redis.execute_command("BRPOP", queue, "no number")
            except NoPermissionError as error:
                raise RedisUserError(
                    f"REDIS_URL's user may not take tickets of {queue}: use bottega_worker's, who "
                    "may do what deploy/redis/users.acl says"
                ) from error
            except AuthenticationError as error:
                raise RedisUserError(
                    "Redis refuses the user or the password of REDIS_URL: use bottega_worker's"
                ) from error
            except RedisError:
                continue


def excess_powers(settings: WorkerSettings) -> list[str]:
    """The powers of the service's user that it must not have, as sentences.

    Raises:
        redis.exceptions.RedisError: Redis does not answer, or refuses the user.
    """
    with redis_client(settings) as redis:
        redis.ping()
        found = [
            f"the user {fault}" for words, fault in _ADMINISTRATION.items() if _may(redis, *words)
        ]
    return found + ["anybody may sign in without a password"] * _is_open(settings)


def _may(redis: Redis, *words: str) -> bool:
    try:
        redis.execute_command(*words)  # type: ignore[no-untyped-call]
    except ResponseError:  # forbidden, or a command that a hosted Redis does not have
        return False
    return True


def _is_open(settings: WorkerSettings) -> bool:
    """True when Redis answers a client that names neither a user nor a password."""
    with redis_client(settings) as redis:
        for name in ("username", "password"):
            redis.connection_pool.connection_kwargs.pop(name, None)
        try:
            redis.ping()
        except NoPermissionError:
            return True
        except AuthenticationError:
            return False
    return True
