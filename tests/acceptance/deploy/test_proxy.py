"""The reference proxy: the real nginx with deploy/proxy/bottega.conf before a local stack."""

import shutil
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trustme

from api.web.shared.throttle import MAX_FAILURES
from deploy.local.servers.process import free_port
from tests.acceptance.stack import ROOT, Stack, events_of, eventually

pytestmark = pytest.mark.slow

NAME = "bottega.example.org"
PAINT = {"model": "flux.1-demo", "input": {"prompt": "a red circle on a blue background"}}
_MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/bottega.conf;
}}
"""


def nginx() -> str:
    unpacked = ROOT / ".venv" / "bin" / "nginx"
    found = shutil.which("nginx") or (str(unpacked) if unpacked.exists() else None)
    assert found, "`make nginx` unpacks it"
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "BOTTEGA_TRUSTED_PROXIES": '["127.0.0.1/32"]',
        "BOTTEGA_PUBLIC_URL": f"https://{NAME}",
    }
    running = Stack(tmp_path_factory.mktemp("proxied") / "data", settings=settings)
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.abandon()


@pytest.fixture(scope="module")
def proxy(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """The port of nginx, and a context that trusts its certificate."""
    folder, authority, port = tmp_path_factory.mktemp("nginx"), trustme.CA(), free_port()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    text = (ROOT / "deploy" / "proxy" / "bottega.conf").read_text()
    for written, here in {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{stack.url.rpartition(':')[2]};",
        "    server 127.0.0.1:8001;\n": "",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80 ": f"listen 127.0.0.1:{free_port()} ",
        "/etc/ssl/bottega/fullchain.pem": str(folder / "both.pem"),
        "/etc/ssl/bottega/privkey.pem": str(folder / "both.pem"),
    }.items():
        assert written in text
        text = text.replace(written, here)
    (folder / "bottega.conf").write_text(text)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    command = [nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with subprocess.Popen(command) as process:  # noqa: S603 - the server under test
        try:
            eventually(lambda: _answers(port, context), seconds=20)
            yield port, context
        finally:
            process.terminate()
    assert "[emerg]" not in Path(folder / "error.log").read_text()


def _answers(port: int, context: ssl.SSLContext) -> bool:
    try:
        with client(port, context) as asking:
            return asking.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


class _Named(httpx.HTTPTransport):
    """Connects to 127.0.0.1 and names the service in the handshake."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = NAME
        return super().handle_request(request)


def client(port: int, context: ssl.SSLContext, **headers: str) -> httpx.Client:
    """A client that reaches nginx under the service's name."""
    return httpx.Client(
        base_url=f"https://127.0.0.1:{port}",
        headers={"Host": NAME, **headers},
        transport=_Named(verify=context),
        timeout=60,
    )


@pytest.fixture
def browser(proxy: tuple[int, ssl.SSLContext]) -> Iterator[httpx.Client]:
    with client(*proxy, Origin=f"https://{NAME}") as opened:
        yield opened


@pytest.fixture
def tenant(proxy: tuple[int, ssl.SSLContext], stack: Stack) -> Iterator[httpx.Client]:
    with client(*proxy, Authorization=f"Bearer {stack.facts['api_key']}") as opened:
        yield opened


def test_a_job_runs_and_its_urls_are_those_of_the_service(tenant: httpx.Client) -> None:
    job = tenant.post("/v1/jobs", json=PAINT, headers={"Prefer": "wait=50"}).json()
    assert job["state"] == "succeeded"
    assert job["urls"]["self"].startswith(f"https://{NAME}/v1/jobs/")


def test_an_event_arrives_while_its_stream_goes_on(stack: Stack, tenant: httpx.Client) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.post("/v1/jobs", json=PAINT).json()
        path = f"/v1/jobs/{job['id']}/events"
        with tenant.stream("GET", path, timeout=10) as response:
            first = next(events_of(response))
        assert (first.type, first.data["state"]) == ("state", "queued")
        tenant.post(f"/v1/jobs/{job['id']}/cancel")


def test_a_stream_of_a_compatible_api_is_not_held_back(stack: Stack, tenant: httpx.Client) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.post("/fal/queue/bottega/flux.1-demo", json=PAINT["input"]).json()
        assert job["status_url"].startswith(f"https://{NAME}/fal/queue/")
        path = job["status_url"].removeprefix(f"https://{NAME}")
        with tenant.stream("GET", f"{path}/stream", timeout=10) as response:
            first = next(line for line in response.iter_lines() if line.startswith("data: "))
        assert '"IN_QUEUE"' in first
        tenant.put(f"{path.removesuffix('/status')}/cancel")


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz", "/%6detrics"])
def test_metrics_and_readiness_are_not_shown(tenant: httpx.Client, path: str) -> None:
    assert tenant.get(path).status_code == 404
    assert tenant.get("/livez").status_code == 200


def test_forged_headers_change_nothing(browser: httpx.Client) -> None:
    tries = [
        browser.post(
            "/dashboard/sign-in",
            data={"key": "bt_x"},
            headers={"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"},
        ).status_code
        for n in range(MAX_FAILURES + 1)
    ]
    assert tries == [401] * MAX_FAILURES + [429]
    # The stack signs browsers of this machine in: one behind a proxy is none of them.
    assert browser.get("/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 303


def test_bodies_and_headers_have_limits(browser: httpx.Client, tenant: httpx.Client) -> None:
    json = {"Content-Type": "application/json"}
    assert browser.post("/v1/jobs", content=b"x" * 5_000_000, headers=json).status_code == 401
    assert tenant.post("/v1/jobs", content=b"[" * 5_000_000, headers=json).status_code == 422
    assert tenant.post("/v1/jobs", content=b"x" * 70_000_000, headers=json).status_code == 413
    assert tenant.get("/livez", headers={"X": "x" * 40_000}).status_code in {400, 431}


def test_another_name_gets_no_certificate(proxy: tuple[int, ssl.SSLContext]) -> None:
    port, context = proxy
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://localhost:{port}/livez", verify=context)


def test_a_crowd_of_requests_is_limited(proxy: tuple[int, ssl.SSLContext]) -> None:
    with client(*proxy) as asking, ThreadPoolExecutor(16) as pool:
        statuses = Counter(pool.map(lambda _: asking.get("/livez").status_code, range(600)))
    assert set(statuses) == {200, 429}
    assert statuses[200] >= 200
