"""The guarded HTTP client. It is built on httpcore, whose network backend is a public seam.

No proxy and no credentials are taken from the environment, no cookies are kept. Each request has a
connection of its own, which ends with it.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore2

from workers.outbound.addresses import AddressPolicy, IPAddress
from workers.outbound.bodies import read_start, read_whole
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
    """How long a request may take, in seconds.

    Attributes:
        total: everything, from the first lookup to the last byte, redirects included.
        connect: a lookup; a connection; a TLS handshake.
        read: the longest silence.
    """

    total: float = 10
    connect: float = 5
    read: float = 5


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        headers: names in lower case; of repeated ones the last.
        body: of `get` and `ask` the whole, decompressed; of `post` the first bytes, as sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """Sends requests to URLs that users named. Safe to share between threads.

    Args:
        settings: what the operator allows.
        trusted: URLs that the operator named: their scheme, host and port are reached wherever
            they lead, a private network included.
        resolve: finds addresses; asked once for each request and redirect.
        connector: opens connections; is only ever given checked addresses.
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
        """Refuse now what a request would refuse before it connects; nothing is sent but a lookup.

        Raises:
            BadUrlError: the URL is not one that is requested.
            RefusedAddressError: one of the host's addresses must not be reached.
            UnreachableError: the host has no address.
            TimedOutError: the lookup took too long.
        """
        times = timeouts or Timeouts()
        self._addresses(self._parse(url), Deadline(times.total), times)

    def get(
        self, url: str, *, max_bytes: int, accept: str = "*/*", timeouts: Timeouts | None = None
    ) -> Answer:
        """Fetch a URL; up to three redirects are followed, each checked as the URL itself was.

        Args:
            url: what a user sent.
            max_bytes: the largest body, decompressed or not.
            accept: the media types that are wanted.
            timeouts: how long it may take.

        Raises:
            OutboundError: anything but a whole body with status 200.
        """
        times = timeouts or Timeouts()
        deadline = Deadline(times.total)
        for _ in range(1 + _MAX_REDIRECTS):
            target = self._parse(url)
            with self._sent("GET", target, {"Accept": accept}, b"", deadline, times) as response:
                headers = _headers(response)
                if response.status == _OK:
                    body = read_whole(response.iter_stream(), headers, max_bytes)
                    return Answer(response.status, headers, body)
                url = _next_url(target, response.status, headers)
        raise TooManyRedirectsError(f"there are more than {_MAX_REDIRECTS} redirects")

    def ask(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        max_bytes: int,
        timeouts: Timeouts | None = None,
    ) -> Answer:
        """Ask an API. No redirect is followed: every status is an answer, with its whole body.

        Raises:
            OutboundError: no answer came, or not all of it.
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
        """Send bytes to a URL. No redirect is followed: every status is an answer.

        What follows the answer's headers is kept as far as it comes in time: the status alone says
        whether the server took it.

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
        """Whether a URL has the scheme, host and port of one that the operator named.

        Raises:
            BadUrlError: it is no URL.
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
        """The checked addresses of a host: all of them must be permitted, or none is reached."""
        if target.address is not None:
            found: Sequence[IPAddress] = (target.address,)
        else:
            found = self._resolve(target.host, deadline.remaining(times.connect))
        if not found:
            raise UnreachableError(f"{target.host} has no address")
        if target.origin not in self._trusted and not all(map(self._policy.permits, found)):
            raise RefusedAddressError(target.host)
        return found[:_MAX_ADDRESSES_TRIED]

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
        """An answer whose headers have come; its connection ends with the block."""
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
    context = httpcore2.default_ssl_context()
    if settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
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
        # Its text may quote what the server sent, or where from.
        raise BrokenAnswerError("the answer is not HTTP, or broke off") from None
