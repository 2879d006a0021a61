"""A server that speaks the hub's protocol: lists, files, redirects to a storage host, and faults.

The storage host is another port, so another origin: the hub's token must not arrive there.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import _http

from workers.adapters import load_progress
from workers.adapters.hub import client

LARGE_BYTES = 4096
"""Files from this size on are large: named by SHA-256, and sent by the storage host."""

BLOCK_BYTES = 16 * 1024


@dataclass
class HubRepository:
    """A repository: its files at one commit, and who may read it."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    branch: str = "main"
    gated: bool = False
    private: bool = False

    def etag(self, name: str) -> str:
        """The hash by which the hub names a file."""
        content = self.files[name]
        if self.is_large(name):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324

    def is_large(self, name: str) -> bool:
        """True for a file that the storage host sends."""
        return len(self.files[name]) >= LARGE_BYTES


@dataclass(frozen=True)
class HubRequest:
    """A request that arrived."""

    method: str
    path: str
    range: str
    has_token: bool
    on_storage: bool


@dataclass
class HubServer:
    """The server's content, its faults, and what it was asked.

    Attributes:
        repositories: by "owner/name".
        accepted: tokens whose account has accepted the licences.
        tokens: all tokens that the hub knows.
        bytes_per_second: speed of the storage host; 0 for as fast as it can.
        cut_after_bytes: the storage host breaks a response off after so many bytes, while
            `cuts` is above 0.
        without_range: the storage host ignores `Range`.
        wrong: files that the storage host sends with a changed byte.
        statuses: answers to the next requests in place of the right ones.
        instead: what answers every request in the hub's place, as a sign-in page does.
        redirect: where every request of the hub is sent to in place of an answer.
    """

    url: str = ""
    storage_url: str = ""
    repositories: dict[str, HubRepository] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    bytes_per_second: int = 0
    cut_after_bytes: int = 0
    cuts: int = 0
    without_range: bool = False
    wrong: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    instead: bytes | None = None
    redirect: str = ""
    requests: list[HubRequest] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_folder(self, repo: str, folder: Path, **values: object) -> HubRepository:
        """Offer a folder as a repository."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        self.repositories[repo] = HubRepository(files, **values)  # type: ignore[arg-type]
        return self.repositories[repo]

    def environment(self, home: Path) -> dict[str, str]:
        """Variables of a process that uses this hub, with a cache of its own."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}

    def sent_bytes(self, name: str) -> int:
        """Bytes of a file that were sent, over all requests."""
        with self.lock:
            return self.sent[name]

    def ranges(self, name: str) -> list[str]:
        """The ranges that were asked of a large file, in order."""
        asked = [each for each in self.requests if each.on_storage and each.path.endswith(name)]
        return [each.range for each in asked if each.range]


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Run a hub and its storage host until the block ends."""
    hub = HubServer()
    api = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, storage=False))
    storage = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, storage=True))
    hub.url = f"http://127.0.0.1:{api.server_port}"
    hub.storage_url = f"http://127.0.0.1:{storage.server_port}"
    servers = (api, storage)
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in servers]
    for each in servers:
        each.daemon_threads = True
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()


def _handler(hub: HubServer, *, storage: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_of = hub
        on_storage = storage

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: HubServer
    on_storage: bool

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _serve(self) -> None:
        hub, path = self.server_of, unquote(urlsplit(self.path).path)
        with hub.lock:
            has_token = "Authorization" in self.headers
            asked = self.headers.get("Range", "")
            hub.requests.append(HubRequest(self.command, path, asked, has_token, self.on_storage))
            status = hub.statuses.pop(0) if hub.statuses else 0
        if status:
            self._answer(status, {"Retry-After": "0"}, hub.instead or b"")
        elif hub.redirect:
            self._answer(302, {"Location": hub.redirect})
        elif hub.instead is not None:
            self._answer(200, {"Content-Type": "text/html"}, hub.instead)
        elif self.on_storage:
            self._send_stored(*path.removeprefix("/stored/").split("|"))
        elif path.startswith("/api/models/"):
            self._describe(path.removeprefix("/api/models/"))
        else:
            self._resolve(path.removeprefix("/"))

    def _describe(self, path: str) -> None:
        parts = path.split("/")
        repo, kind, revision = "/".join(parts[:2]), parts[2], "/".join(parts[3:])
        repository = self._readable(repo)
        if repository is None:
            return
        if revision not in (repository.commit, repository.branch):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif kind == "tree":
            self._answer_json([_tree_entry(repository, name) for name in repository.files])
        else:
            siblings = [_sibling(repository, name) for name in repository.files]
            gated = "auto" if repository.gated else False
            self._answer_json(
                {"id": repo, "sha": repository.commit, "gated": gated, "siblings": siblings}
            )

    def _resolve(self, path: str) -> None:
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        repository = self._readable(repo, file=True)
        if repository is None:
            return
        if revision not in (repository.commit, repository.branch):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif name not in repository.files:
            self._refuse(404, "EntryNotFound", "Entry not found")
        else:
            self._send_file(repo, repository, name)

    def _send_file(self, repo: str, repository: HubRepository, name: str) -> None:
        content, etag = repository.files[name], repository.etag(name)
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{etag}"'}
        if not repository.is_large(name):
            self._answer(200, headers, content)
            return
        linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        target = f"{self.server_of.storage_url}/stored/{repo}|{name}?signature=abc"
        self._answer(302, {**headers, **linked, "Location": target})

    def _readable(self, repo: str, *, file: bool = False) -> HubRepository | None:
        """The repository when the sender may read it; else None, and the refusal is sent."""
        hub = self.server_of
        repository = hub.repositories.get(repo)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in hub.tokens:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repository is None or (repository.private and token not in hub.accepted):
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif repository.gated and file and token not in hub.accepted:
            self._refuse(403 if token else 401, "GatedRepo", "Access to this model is restricted")
        else:
            return repository
        return None

    def _send_stored(self, repo: str, name: str) -> None:
        hub = self.server_of
        content = hub.repositories[repo].files[name]
        if name in hub.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = self.headers.get("Range", "")
        first = 0 if hub.without_range or not asked else int(asked[6:].rstrip("-"))
        headers = {"Content-Length": str(len(content) - first)}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.send_response(206 if first else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self._send_slowly(name, content[first:])

    def _send_slowly(self, name: str, content: bytes) -> None:
        hub, sent = self.server_of, 0
        with hub.lock:
            cut, hub.cuts = hub.cuts > 0, max(0, hub.cuts - 1)
        for start in range(0, len(content), BLOCK_BYTES):
            block = content[start : start + BLOCK_BYTES]
            if cut and sent + len(block) > hub.cut_after_bytes:
                self.close_connection = True
                return
            try:
                self.wfile.write(block)
            except OSError:  # the client is gone
                self.close_connection = True
                return
            sent += len(block)
            with hub.lock:
                hub.sent[name] += len(block)
            if hub.bytes_per_second:
                sleep(len(block) / hub.bytes_per_second)

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message}
        self._answer(status, headers | ({"X-Error-Code": code} if code else {}))

    def _answer_json(self, content: object) -> None:
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):  # a client may not want all of it
                self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _sibling(repository: HubRepository, name: str) -> dict[str, object]:
    size, etag = len(repository.files[name]), repository.etag(name)
    if not repository.is_large(name):
        return {"rfilename": name, "size": size, "blobId": etag}
    lfs = {"sha256": etag, "size": size, "pointerSize": 134}
    return {"rfilename": name, "size": size, "blobId": "f" * 40, "lfs": lfs}


def _tree_entry(repository: HubRepository, name: str) -> dict[str, object]:
    size, etag = len(repository.files[name]), repository.etag(name)
    entry: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": etag}
    if repository.is_large(name):
        entry |= {"oid": "f" * 40, "lfs": {"oid": etag, "size": size, "pointerSize": 134}}
    return entry


@contextmanager
def hub_of_this_process(home: Path, patch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Run a hub that this process uses, with an empty cache and short pauses between tries."""
    patch.delenv("HF_TOKEN", raising=False)
    patch.setattr(client, "FIRST_RETRY_SECONDS", 0.01)
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    with hub_server() as server:
        patch.setattr(constants, "ENDPOINT", server.url)
        patch.setattr(hf_api.api, "endpoint", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        try:
            yield server
        finally:
            _http.close_session()
            load_progress.end()
