"""Digests of images: asked of a registry on loopback, with the sign-in of the public ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from click.testing import CliRunner

from deploy.supply_chain import pin_images
from deploy.supply_chain.pin_images import FILES, DigestError, named_images, pin, pinned

DIGEST = f"sha256:{'a1' * 32}"
NEWER = f"sha256:{'b2' * 32}"


@contextmanager
def registry(digests: dict[str, str]) -> Iterator[str]:
    """A registry that gives digests to whoever fetched a token first; yields its host."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            _, _, *name, _, tag = self.path.split("/")
            if self.headers.get("Authorization") != "Bearer anonymous":
                where = f"http://{self.headers['Host']}/token"
                scope = f'realm="{where}",service="test",scope="repository:x:pull"'
                self._answer(401, {"WWW-Authenticate": f"Bearer {scope}"})
            elif digest := digests.get(f"{'/'.join(name)}:{tag}"):
                assert "index" in self.headers["Accept"]
                self._answer(200, {"Docker-Content-Digest": digest})
            else:
                self._answer(404, {})

        def do_GET(self) -> None:
            self._answer(200, {}, b'{"token": "anonymous"}')

        def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def files_naming(host: str, folder: Path) -> list[Path]:
    dockerfile, compose = folder / "x.Dockerfile", folder / "compose.yaml"
    dockerfile.write_text(f"FROM {host}/python:3.11-slim AS build\nFROM {host}/python:3.11-slim\n")
    compose.write_text(f"services:\n  a:\n    image: {host}/team/store:8\n    image: bottega-api\n")
    return [dockerfile, compose]


def test_every_image_of_others_gets_its_digest_and_follows_its_tag(tmp_path: Path) -> None:
    digests = {"python:3.11-slim": DIGEST, "team/store:8": NEWER}
    with registry(digests) as host:
        dockerfile, compose = files = files_naming(host, tmp_path)
        pin(files, insecure=True)
        assert dockerfile.read_text().count(f"{host}/python:3.11-slim@{DIGEST}") == 2
        assert f"{host}/team/store:8@{NEWER}\n" in compose.read_text()
        assert "image: bottega-api\n" in compose.read_text()
        once = dockerfile.read_text()
        pin(files, insecure=True)
        assert dockerfile.read_text() == once
        digests["python:3.11-slim"] = NEWER
        pin(files, insecure=True)
        assert dockerfile.read_text() == once.replace(DIGEST, NEWER)


@pytest.mark.parametrize("known", [{}, {"python:3.11-slim": DIGEST}, {"team/store:8": "latest"}])
def test_nothing_is_written_unless_every_digest_is_known(
    known: dict[str, str], tmp_path: Path
) -> None:
    with registry(known) as host:
        files = files_naming(host, tmp_path)
        before = [file.read_text() for file in files]
        with pytest.raises(DigestError, match="names no digest"):
            pin(files, insecure=True)
    assert [file.read_text() for file in files] == before


def test_a_registry_out_of_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_naming("127.0.0.1:9", tmp_path)
    monkeypatch.setattr(pin_images, "FILES", files)
    result = CliRunner().invoke(pin_images.main)
    assert result.exit_code == 1
    assert "nothing was written" in result.output
    assert "was not reached" in result.output


def test_the_images_of_the_deployment_are_found() -> None:
    named = named_images(file.read_text() for file in FILES)
    assert {name.partition(":")[0] for name in named} == {
        "postgres",
        "python",
        "valkey/valkey",
        "versity/versitygw",
    }


def test_a_pinned_file_is_still_yaml() -> None:
    text = FILES[-1].read_text()
    digests = dict.fromkeys(named_images([text]), DIGEST)
    assert yaml.safe_load(pinned(text, digests)).keys() == yaml.safe_load(text).keys()
