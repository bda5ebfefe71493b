"""The city's small certificate authority for devices: made at first use, its key readable to its owner alone."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.errors import Conflict, Invalid, NotFound
from cityos.files import write_whole

CERTIFICATE, KEY = "ca.pem", "ca.key"
_YEARS = timedelta(days=3652)
_BEFORE = timedelta(minutes=5)
_LONGEST_NAME = 64


class Issued(NamedTuple):
    """A device's new certificate, and its key where we made that (else the device made its own and sent a request)."""

    certificate: bytes
    key: bytes | None
    fingerprint: bytes
    serial: str
    expires_at: datetime


def found_authority(folder: Path, city: str, now: datetime) -> Path:
    """Make the authority's key and certificate, good for ten years. Raises `Conflict` where there is one."""
    if (folder / KEY).exists():
        raise Conflict(f"{folder} holds an authority already; move it away to found another")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{city} devices"[:_LONGEST_NAME])])
    builder = _builder(name, name, key.public_key(), now, now + _YEARS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / KEY, _pem(key).decode(), mode=0o600)
    path = folder / CERTIFICATE
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def issue(folder: Path, name: str, now: datetime, days: int, request: bytes | None = None) -> Issued:
    """A certificate for the device `name` (``tenant/device``), over its own request (PKCS #10, PEM) where it sent one.

    Whatever the request says of itself, only its key is taken. Raises `NotFound` without an authority, `Invalid`.
    """
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"{name!r} is longer than the {_LONGEST_NAME} characters of a certificate's name", field="device")
    authority, authority_key = _load(folder)
    if request is None:
        made = ec.generate_private_key(ec.SECP256R1())
        public: ec.EllipticCurvePublicKey = made.public_key()
        key: bytes | None = _pem(made)
    else:
        public, key = _requested(request), None
    expires = min(now + timedelta(days=days), authority.not_valid_after_utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, authority.subject, public, now, expires)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = builder.add_extension(issuer_key, critical=False).sign(authority_key, hashes.SHA256())
    der = certificate.public_bytes(serialization.Encoding.DER)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return Issued(pem, key, hashlib.sha256(der).digest(), f"{certificate.serial_number:x}", expires)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _BEFORE).not_valid_after(until)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _requested(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        asked = x509.load_pem_x509_csr(request)
        good = asked.is_signature_valid
        key = asked.public_key()
    except (ValueError, InvalidSignature) as error:
        raise Invalid(f"the request is no PKCS #10 in PEM: {error}", field="request") from error
    if not good or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.key_size < 256:
        raise Invalid("the request must be signed by an elliptic-curve key of 256 bits or more", field="request")
    return key


def _load(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
    except FileNotFoundError as error:
        raise NotFound(f"{folder} holds no authority; make one with `cityos ca init`") from error
    except (OSError, ValueError) as error:
        raise Invalid(f"{folder}: {error}", field="folder") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Invalid(f"{folder / KEY} is no elliptic-curve key", field="folder")
    return certificate, key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
