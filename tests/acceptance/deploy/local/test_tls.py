"""The local stack by https, for clients that insist on it."""

import socket
import stat
from pathlib import Path

import httpx
import pytest

from tests.acceptance.stack import Client, Stack, run_bottega


@pytest.fixture
def secured(stack: Stack, tenant: Client, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """A client that knows the authority by the variable that the greeting names."""
    monkeypatch.setenv("SSL_CERT_FILE", stack.facts["tls_authority"])
    return httpx.Client(
        base_url=stack.facts["tls_url"], headers=dict(tenant.http.headers), timeout=60
    )


def test_a_job_by_https_has_https_urls_and_is_the_same_job(
    stack: Stack, tenant: Client, secured: httpx.Client
) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "a red circle", "seed": 3}}
    with secured:
        answer = secured.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"})
        job = answer.raise_for_status().json()
        origin = stack.facts["tls_url"]
        urls = [*job["urls"].values(), job["output"]["images"][0]["url"]]
        assert all(url.startswith(f"{origin}/") for url in urls)
        assert secured.get(urls[-1]).content.startswith(b"\x89PNG")
        # A promise to be reached by https alone would shut the other port to browsers.
        assert "strict-transport-security" not in answer.headers
    assert tenant.job(job["id"])["output"]["images"][0]["url"].startswith(f"{stack.url}/")


def test_the_greeting_tells_the_authority_and_only_the_owner_reads_the_keys(stack: Stack) -> None:
    authority = Path(stack.facts["tls_authority"])
    greeting = stack.output.read_text()
    assert f"export SSL_CERT_FILE={authority}" in greeting
    assert f"export NODE_EXTRA_CA_CERTS={authority}" in greeting
    modes = {stat.S_IMODE(path.stat().st_mode) for path in authority.parent.iterdir()}
    assert modes == {0o600}


def test_a_port_in_use_is_refused_by_the_option_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_bottega("up", "--data-dir", str(tmp_path), "--port", "0", "--tls", port)
    assert done.returncode == 1
    assert f"port {port} is in use; choose another --tls" in done.stderr


def test_an_api_without_a_certificate_for_its_tls_port_is_refused(tmp_path: Path) -> None:
    assert "belong together" in run_bottega("api", "--tls-port", "0").stderr
    empty = tmp_path / "empty.pem"
    empty.touch()
    done = run_bottega("api", "--tls-port", "0", "--tls-certificate", str(empty))
    assert done.returncode == 1
    assert "no TLS on port 0" in done.stderr
    assert "Traceback" not in done.stderr
