"""What can go wrong on the way out.

No text here quotes a URL: its path, query and userinfo may be secrets. Hosts are named, resolved
addresses are not: they would tell the sender what the network behind the service looks like.
"""


class OutboundError(Exception):
    """Nothing usable came of a request."""


class BadUrlError(OutboundError):
    """The URL is not one that is ever requested: its scheme, port, host or form."""


class RefusedAddressError(OutboundError):
    """The host is, or resolves to, an address that must not be reached."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not on the public internet")
        self.host = host


class UnreachableError(OutboundError):
    """The host has no address, or none of them takes a connection."""


class UntrustedCertificateError(UnreachableError):
    """TLS failed: mostly a certificate that is of another name, expired or signed by nobody."""


class TimedOutError(OutboundError):
    """It was not over in time."""


class TooLargeError(OutboundError):
    """The answer has more bytes than are wanted, sent or after decompression."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the answer has more than {max_bytes} bytes")
        self.max_bytes = max_bytes


class TooManyRedirectsError(OutboundError):
    """The chain of redirects is longer than is followed."""


class BrokenAnswerError(OutboundError):
    """What came is not HTTP, or broke off."""


class UpstreamStatusError(OutboundError):
    """The server answered, but not with what was asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status
