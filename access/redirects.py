"""Where an authorisation may be sent back to: exactly what the app registered (OAuth 2.1, 2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LONGEST = 2000


def redirect_fault(uri: str) -> str | None:
    """What is wrong with a redirect URI to be registered, or None.

    Good are https, http on loopback (native apps and development), and private-use schemes with a dot in them
    (RFC 8252, 7.1). No fragment, no user name, nothing that is not printable ASCII.
    """
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri or len(uri) > _LONGEST:
        return "a redirect URI is at most 2000 printable ASCII characters without blanks and backslashes"
    parts = _split(uri)
    if parts is None:
        return "this is not a URI"
    if parts.fragment or "#" in uri:
        return "a redirect URI has no fragment"
    if parts.username is not None or parts.password is not None:
        return "a redirect URI has no user name"
    if parts.scheme == "https" and parts.hostname:
        return None
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return None
    if "." in parts.scheme and not parts.netloc:
        return None
    return "a redirect URI is https://…, http:// on loopback, or a private scheme with a dot such as com.example.app:/"


def may_redirect(registered: Iterable[str], uri: str) -> bool:
    """Whether `uri` is exactly one of those registered; on loopback the port may differ (RFC 8252, 7.3)."""
    return any(uri == known or _same_but_port(known, uri) for known in registered)


def _same_but_port(known: str, uri: str) -> bool:
    one, other = _split(known), _split(uri)
    if one is None or other is None or redirect_fault(uri) is not None:
        return False
    if one.scheme != "http" or one.hostname not in {"127.0.0.1", "::1"}:
        return False
    return (one.scheme, one.hostname, one.path, one.query) == (other.scheme, other.hostname, other.path, other.query)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
