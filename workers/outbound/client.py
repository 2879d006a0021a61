"""The guarded HTTP client, built on httpcore, whose network backend is a public interface.

It uses no proxy and no credentials from the environment, and stores no cookies. Each request has a
connection of its own, which is closed with it.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import httpcore2

from workers.outbound.addresses import AddressPolicy, IPAddress
from workers.outbound.bodies import read_start, read_whole, write_whole
from workers.outbound.connection import Connector, PinnedBackend, connect_tcp
from workers.outbound.deadline import Deadline
from workers.outbound.errors import (
    BrokenAnswerError,
    RefusedAddressError,
    TooManyRedirectsError,
    UnreachableError,
    UpstreamStatusError,
)
from workers.outbound.resolver import Resolver, SystemResolver
from workers.outbound.settings import OutboundSettings
from workers.outbound.urls import Target, parse

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_MAX_ADDRESSES_TRIED = 4


@dataclass(frozen=True)
class Timeouts:
    """Time limits of a request, in seconds.

    Attributes:
        total: the whole request, from the first lookup to the last byte, redirects included.
        connect: each of lookup, connection and TLS handshake.
        read: the longest pause between bytes.
    """

    total: float = 10
    connect: float = 5
    read: float = 5


@dataclass(frozen=True)
class Answer:
    """A server's response.

    Attributes:
        headers: names in lower case; the last one of repeated headers.
        body: for `get` and `ask` the whole, decompressed; for `post` the first bytes, as sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """A client for URLs that users name. Safe to share between threads.

    Args:
        settings: the operator's exceptions.
        trusted: URLs that the operator names: any address is allowed for their scheme, host and
            port, also in a private network.
        resolve: resolves host names; called once for each request and redirect.
        connector: opens connections, to checked addresses only.
        ssl_context: verifies certificates; by default against the system's and `ca_file`.
    """

    def __init__(
        self,
        settings: OutboundSettings,
        *,
        trusted: Sequence[str] = (),
        resolve: Resolver | None = None,
        connector: Connector = connect_tcp,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._policy = AddressPolicy(settings.allow, settings.deny)
        self._trusted = frozenset(parse(url, allow_http=True).origin for url in trusted)
        self._resolve = resolve or SystemResolver()
        self._connector = connector
        self._ssl_context = ssl_context or _ssl_context(settings)

    def check(self, url: str, timeouts: Timeouts | None = None) -> None:
        """Check a URL as a request does before it connects; this does no more than a DNS lookup.

        Raises:
            BadUrlError: the URL is not allowed.
            RefusedAddressError: one of the host's addresses is not allowed.
            UnreachableError: the host has no address.
            TimedOutError: the lookup took too long.
        """
        times = timeouts or Timeouts()
        self._addresses(self._parse(url), Deadline(times.total), times)

    def get(
        self, url: str, *, max_bytes: int, accept: str = "*/*", timeouts: Timeouts | None = None
    ) -> Answer:
        """Fetch a URL; up to three redirects are followed, each checked like the URL itself.

        Args:
            url: the URL from a user.
            max_bytes: size limit of the body, before and after decompression.
            accept: the accepted media types.
            timeouts: the time limits.

        Raises:
            OutboundError: the result is not a whole body with status 200.
        """
        with self._followed(url, accept, timeouts or Timeouts()) as response:
            headers = _headers(response)
            body = read_whole(response.iter_stream(), headers, max_bytes)
            return Answer(response.status, headers, body)

    def download(
        self,
        url: str,
        path: Path,
        *,
        max_bytes: int,
        accept: str = "*/*",
        timeouts: Timeouts | None = None,
    ) -> str:
        """Fetch a URL as `get` does, into a file, without holding the body in memory.

        Returns:
            The SHA-256 of the body, in hexadecimal.

        Raises:
            OutboundError: the result is not a whole body with status 200; the file may hold a part.
        """
        with (
            path.open("wb") as file,
            self._followed(url, accept, timeouts or Timeouts()) as response,
        ):
            return write_whole(response.iter_stream(), _headers(response), max_bytes, file)

    @contextmanager
    def _followed(self, url: str, accept: str, times: Timeouts) -> Iterator[httpcore2.Response]:
        """The response with status 200 to a GET, after up to three redirects."""
        deadline = Deadline(times.total)
        for _ in range(1 + _MAX_REDIRECTS):
            target = self._parse(url)
            with self._sent("GET", target, {"Accept": accept}, b"", deadline, times) as response:
                if response.status == _OK:
                    yield response
                    return
                url = _next_url(target, response.status, _headers(response))
        raise TooManyRedirectsError(f"there are more than {_MAX_REDIRECTS} redirects")

    def ask(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        max_bytes: int,
        timeouts: Timeouts | None = None,
    ) -> Answer:
        """Send GET to an API. No redirect is followed: every status is a response, with its body.

        Raises:
            OutboundError: no response came, or not all of it.
        """
        times = timeouts or Timeouts()
        deadline = Deadline(times.total)
        with self._sent("GET", self._parse(url), headers, b"", deadline, times) as response:
            answered = _headers(response)
            body = read_whole(response.iter_stream(), answered, max_bytes)
            return Answer(response.status, answered, body)

    def post(
        self,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        max_answer_bytes: int = 4096,
        timeouts: Timeouts | None = None,
    ) -> Answer:
        """Send bytes to a URL by POST. No redirect is followed: every status is a response.

        The body is returned as far as it arrives in time: the status alone decides whether the
        server accepted the request.

        Raises:
            OutboundError: no status came.
        """
        times = timeouts or Timeouts()
        deadline = Deadline(times.total)
        sent = {**headers, "Content-Length": str(len(content))}
        with self._sent("POST", self._parse(url), sent, content, deadline, times) as response:
            body = read_start(response.iter_stream(), max_answer_bytes)
            return Answer(response.status, _headers(response), body)

    def trusts(self, url: str) -> bool:
        """True when a URL has the scheme, host and port of one that the operator names.

        Raises:
            BadUrlError: the text is no URL.
        """
        return parse(url, allow_http=True).origin in self._trusted

    def _parse(self, url: str) -> Target:
        settings = self._settings
        if self._trusted and self.trusts(url):
            return parse(url, allow_http=True)
        return parse(url, allow_http=settings.allow_http, ports=settings.ports)

    def _addresses(
        self, target: Target, deadline: Deadline, times: Timeouts
    ) -> Sequence[IPAddress]:
        """The checked addresses of a host: if one of them is not allowed, none is used."""
        if target.address is not None:
            addresses: Sequence[IPAddress] = (target.address,)
        else:
            addresses = self._resolve(target.host, deadline.remaining(times.connect))
        if not addresses:
            raise UnreachableError(f"{target.host} has no address")
        if target.origin not in self._trusted and not all(map(self._policy.permits, addresses)):
            raise RefusedAddressError(target.host)
        return addresses[:_MAX_ADDRESSES_TRIED]

    @contextmanager
    def _sent(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        content: bytes,
        deadline: Deadline,
        times: Timeouts,
    ) -> Iterator[httpcore2.Response]:
        """Send a request and yield its response after the headers; the block closes both."""
        addresses = self._addresses(target, deadline, times)
        backend = PinnedBackend(addresses, self._connector, deadline, times.connect, times.read)
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        request = httpcore2.Request(
            method, url, headers=_request_headers(target, headers), content=content
        )
        with (
            _as_outbound_errors(),
            httpcore2.HTTPConnection(
                url.origin, ssl_context=self._ssl_context, network_backend=backend
            ) as connection,
        ):
            yield connection.handle_request(request)


def _ssl_context(settings: OutboundSettings) -> ssl.SSLContext:
    return _context_trusting(settings.ca_file)


# A process has several clients, and to read the system's authorities takes each 25 ms.
@cache
def _context_trusting(ca_file: Path | None) -> ssl.SSLContext:
    context = httpcore2.default_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _request_headers(target: Target, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    own = {
        "Host": target.host_header,
        "User-Agent": "bottega",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    return [(name.encode(), value.encode()) for name, value in {**headers, **own}.items()]


def _headers(response: httpcore2.Response) -> Mapping[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _next_url(target: Target, status: int, headers: Mapping[str, str]) -> str:
    location = headers.get("location")
    if status not in _REDIRECTS or not location:
        raise UpstreamStatusError(status)
    try:
        return urljoin(target.url, location)
    except ValueError:  # brackets that hold no address
        raise BrokenAnswerError("the server redirects to what is no URL") from None


@contextmanager
def _as_outbound_errors() -> Iterator[None]:
    try:
        yield
    except (httpcore2.RemoteProtocolError, httpcore2.NetworkError):
        # Its text may quote the server's bytes or its address.
        raise BrokenAnswerError("the answer is not HTTP, or broke off") from None
