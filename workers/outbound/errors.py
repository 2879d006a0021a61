"""Errors of outgoing requests.

No text here quotes a URL: its path, query and userinfo may be secrets. Hosts are named, resolved
addresses are not: they would show the sender the network behind the service.
"""


class OutboundError(Exception):
    """A request had no usable result."""


class BadUrlError(OutboundError):
    """The URL is not allowed because of its scheme, port, host or form."""


class RefusedAddressError(OutboundError):
    """The host is, or resolves to, an address that is not allowed."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not on the public internet")
        self.host = host


class UnreachableError(OutboundError):
    """The host has no address, or none of them accepts a connection."""


class UntrustedCertificateError(UnreachableError):
    """TLS failed: mostly a certificate of another name, an expired or an untrusted one."""


class TimedOutError(OutboundError):
    """The request was not finished in time."""


class TooLargeError(OutboundError):
    """The response is larger than the limit, as received or after decompression."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the answer has more than {max_bytes} bytes")
        self.max_bytes = max_bytes


class TooManyRedirectsError(OutboundError):
    """The chain of redirects is longer than the limit."""


class BrokenAnswerError(OutboundError):
    """The response is not HTTP, or is incomplete."""


class UpstreamStatusError(OutboundError):
    """The server responded with another status than expected."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status
