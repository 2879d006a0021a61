"""A real S3 server for the tests: OpenStack Swift with its s3api middleware.

Unlike a mock it checks signatures and lets presigned URLs expire. Four processes on free ports of
127.0.0.1, about 60 MB each, one replica; it needs a file system with user extended attributes.
"""

import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.servers.process import Account, Child, free_port

ACCESS_KEY_ID = "test:tester"
SECRET_ACCESS_KEY = "testing"
REGION = "us-east-1"

_STORAGE_KINDS = ("account", "container", "object")
_SCRIPTS = Path(sys.executable).parent

_SWIFT_CONF = """\
[swift-hash]
swift_hash_path_suffix = bottega-tests
[storage-policy:0]
name = Policy-0
default = yes
"""

_STORAGE_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
user = {user}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

_PROXY_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
workers = 0
user = {user}
[pipeline:main]
pipeline = catch_errors healthcheck cache s3api tempauth copy slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:tempauth]
use = egg:swift#tempauth
user_{account} = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
location = {region}
s3_acl = false
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
"""


@dataclass(frozen=True)
class S3Server:
    """The URL and the credentials of a running server."""

    endpoint_url: str
    access_key_id: str = ACCESS_KEY_ID
    secret_access_key: str = SECRET_ACCESS_KEY
    region: str = REGION


class SwiftProcess:
    """A `ManagedProcess`: one of Swift's servers."""

    stop_signal = signal.SIGTERM
    account: Account | None = None
    working_directory: Path | None = None

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind = kind
        self.name = f"swift-{kind}"
        self.port = port
        self._configuration = folder / f"{kind}-server.conf"

    def prepare(self) -> None:
        """Do nothing: the configuration of all four is written before."""

    def command(self) -> list[str]:
        script = _SCRIPTS / f"swift-{self.kind}-server"
        return [sys.executable, str(script), str(self._configuration)]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}

    def ready(self) -> bool:
        if self.kind == "proxy":
            return self._answers_healthcheck()
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _answers_healthcheck(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/healthcheck"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def keeps_attributes(folder: Path) -> bool:
    """True when the folder's file system has user extended attributes, which Swift needs."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            os.setxattr(file.name, "user.bottega", b"1")
        except OSError:
            return False
    return True


@contextmanager
def running_swift(folder: Path) -> Iterator[S3Server]:
    """Start all four servers in an empty folder; stop them at the end."""
    if not keeps_attributes(folder):
        raise RuntimeError(
            f"the S3 tests need user extended attributes, and {folder} has none: "
            "choose another file system with --basetemp"
        )
    ports = {kind: free_port() for kind in (*_STORAGE_KINDS, "proxy")}
    _configure(folder, ports)
    processes = [SwiftProcess(kind, folder, port) for kind, port in ports.items()]
    children = [Child(process, folder / f"{process.name}.log") for process in processes]
    with ExitStack() as stack:
        for child in children:
            child.start()
            stack.callback(child.stop)
        for child in children:
            child.wait_ready()
        yield S3Server(f"http://127.0.0.1:{ports['proxy']}")


def _configure(folder: Path, ports: dict[str, int]) -> None:
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(_SWIFT_CONF)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for kind in _STORAGE_KINDS:
        text = _STORAGE_CONF.format(kind=kind, folder=folder, port=ports[kind], user=user)
        (folder / f"{kind}-server.conf").write_text(text)
        _make_ring(folder / f"{kind}.builder", ports[kind])
    account = ACCESS_KEY_ID.replace(":", "_")
    proxy = _PROXY_CONF.format(
        folder=folder,
        port=ports["proxy"],
        user=user,
        account=account,
        secret=SECRET_ACCESS_KEY,
        region=REGION,
    )
    (folder / "proxy-server.conf").write_text(proxy)


def _make_ring(builder: Path, port: int) -> None:
    device = f"--region 1 --zone 1 --ip 127.0.0.1 --port {port} --device d1 --weight 1"
    for step in ("create 4 1 1", f"add {device}", "rebalance"):
        subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, _SCRIPTS / "swift-ring-builder", builder, *step.split()],
            check=True,
            capture_output=True,
        )
