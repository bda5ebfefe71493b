"""Keeps webhooks from being used to reach into the city's own network (server-side request forgery)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from services.notify.channel import NotDelivered

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also behind IPv4-mapped, 6to4, Teredo or NAT64 forms."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(part is not None and not part.is_global for part in inner):
            return False
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped.is_global and not ip.ipv4_mapped.is_multicast
    return ip.is_global and not ip.is_multicast


HTTP, MQTT = ("http", "https"), ("mqtt", "mqtts")
"""Schemes, the plain one and the one with TLS."""
_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}


def url_fault(url: str, *, allow_private: bool, schemes: tuple[str, str] = HTTP) -> str | None:
    """What is wrong with a receiver's address as it is written; None where nothing is. Nothing is looked up."""
    plain, tls = schemes
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
        return f"is no {plain} or {tls} address without credentials in it"
    if parts.scheme == plain and not allow_private:
        return f"is not {tls}: messages go encrypted"
    return None


async def resolve(url: str, *, allow_private: bool, within: float, schemes: tuple[str, str] = HTTP) -> str:
    """The address to connect to for `url`, checked; connect to this very address, so that a second look-up cannot
    answer otherwise. Raises `NotDelivered`, final where the URL itself is wrong."""
    if fault := url_fault(url, allow_private=allow_private, schemes=schemes):
        raise NotDelivered(f"{url!r} {fault}", final=True)
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    try:
        look_up = asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        found = await asyncio.wait_for(look_up, within)
    except UnicodeError as error:
        raise NotDelivered(f"{url!r} names no host that can be: {error}", final=True) from error
    except (OSError, TimeoutError) as error:
        raise NotDelivered(f"{parts.hostname} is not found: {error or 'no answer'}") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and (hidden := [address for address in addresses if not is_public(address)]):
        raise NotDelivered(f"{parts.hostname} is {hidden[0]}, an address that is not of the public internet")
    return addresses[0]
