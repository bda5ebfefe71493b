"""Certificates that devices show (RFC 5280), read before they are bound. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """What is kept of a device's certificate: SHA-256 of its DER, its number in hexadecimal, its last moment."""

    fingerprint: bytes
    serial: str
    expires_at: datetime


def read_certificate(pem: str, name: str, now: datetime) -> Certificate:
    """The one certificate in `pem`, of the device called `name` (``tenant/device``).

    Whether somebody trustworthy signed it is the endpoint's to check, at every connection. Raises ValueError saying
    what is wrong and what would be right.
    """
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ValueError(f"this is no certificate in PEM (-----BEGIN CERTIFICATE-----): {error}") from error
    if len(found) != 1:
        raise ValueError(
            f"there are {len(found)} certificates in it: send the device's own alone, without its authority's"
        )
    made = found[0]
    names = [str(each.value) for each in made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [name]:
        raise ValueError(
            f"its common name is {', '.join(names) or 'missing'}; the endpoint knows this device by {name}"
        )
    if made.not_valid_after_utc <= now:
        raise ValueError(f"it was good until {made.not_valid_after_utc:%Y-%m-%d}: issue a new one")
    fingerprint = hashlib.sha256(made.public_bytes(Encoding.DER)).digest()
    return Certificate(fingerprint, f"{made.serial_number:x}", made.not_valid_after_utc)
