"""The guarded client for requests to URLs that users name (against SSRF).

A host name is resolved once, all its addresses are checked, and the connection goes to a checked
address and to no other: a name that resolves differently a moment later (DNS rebinding) gains
nothing. Redirects are never followed unchecked, bytes are counted as they stream, one deadline
covers everything.
"""

from workers.outbound.addresses import AddressPolicy, is_public
from workers.outbound.client import Answer, Outbound, Timeouts
from workers.outbound.errors import (
    BadUrlError,
    BrokenAnswerError,
    OutboundError,
    RefusedAddressError,
    TimedOutError,
    TooLargeError,
    TooManyRedirectsError,
    UnreachableError,
    UntrustedCertificateError,
    UpstreamStatusError,
)
from workers.outbound.resolver import Resolver, SystemResolver
from workers.outbound.settings import OutboundSettings

__all__ = [
    "AddressPolicy",
    "Answer",
    "BadUrlError",
    "BrokenAnswerError",
    "Outbound",
    "OutboundError",
    "OutboundSettings",
    "RefusedAddressError",
    "Resolver",
    "SystemResolver",
    "TimedOutError",
    "Timeouts",
    "TooLargeError",
    "TooManyRedirectsError",
    "UnreachableError",
    "UntrustedCertificateError",
    "UpstreamStatusError",
    "is_public",
]
