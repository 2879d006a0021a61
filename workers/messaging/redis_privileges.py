"""Powers in Redis that the service's user must not have; `deploy/redis/users.acl` gives it none."""

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

_ADMINISTRATION = {
    ("CONFIG", "GET", "maxmemory"): "may configure Redis",
    ("ACL", "USERS"): "may manage Redis' users",
    ("CLIENT", "LIST"): "may see and end the connections of others",
}
"""Harmless commands, each of a group that includes harmful ones, and the power that they show."""


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
