"""TLS for the endpoints: the server's certificate, and the name on a device's."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from broker.errors import Invalid
from broker.renewal import load_chain


class TlsFiles(Protocol):
    """The settings of an endpoint with TLS, whichever protocol it speaks."""

    @property
    def tls_certificate(self) -> Path | None: ...
    @property
    def tls_key(self) -> Path | None: ...
    @property
    def client_authorities(self) -> Path | None: ...
    @property
    def require_client_certificate(self) -> bool: ...


def server_context(settings: TlsFiles) -> ssl.SSLContext:
    """The context for `tls_port`: TLS 1.2 or newer. Raises `Invalid` naming the setting whose file is no good."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, settings)
    if settings.client_authorities is not None:
        required = settings.require_client_certificate
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def renew(context: ssl.SSLContext, settings: TlsFiles) -> None:
    """Take renewed files into a context that is in use, for the connections to come.

    An authority that is new counts from now on; one that was removed counts until the process is started again.
    Raises `Invalid`, and leaves the context as it was, where a file is no good.
    """
    server_context(settings)  # one that fails half-way is of no use any more: so another one tries first
    _load(context, settings)


def _load(context: ssl.SSLContext, settings: TlsFiles) -> None:
    if settings.tls_certificate is None or settings.tls_key is None:
        raise Invalid("TLS needs a certificate and its key", field="tls_certificate")
    load_chain(context, settings.tls_certificate, settings.tls_key)
    if settings.client_authorities is not None:
        try:
            context.load_verify_locations(settings.client_authorities)
        except (OSError, ssl.SSLError) as error:
            raise Invalid(f"{settings.client_authorities}: {error}", field="client_authorities") from error


def tls_files(settings: TlsFiles) -> tuple[Path | None, ...]:
    """The files whose renewal is to be followed."""
    return settings.tls_certificate, settings.tls_key, settings.client_authorities


def certificate_name(certificate: Mapping[str, Any] | None) -> str | None:
    """The name on a verified certificate (as `SSLSocket.getpeercert` gives it): the subject's common name, or else
    the first DNS name or URI among the alternative names. None without a certificate."""
    if not certificate:
        return None
    for part in certificate.get("subject", ()):
        for kind, value in part:
            if kind == "commonName":
                return str(value)
    names = certificate.get("subjectAltName", ())
    return next((str(value) for kind, value in names if kind in ("DNS", "URI")), None)


def fingerprint(connection: ssl.SSLObject | None) -> bytes | None:
    """SHA-256 of the certificate that the device showed (in DER), or None without one."""
    shown = connection.getpeercert(binary_form=True) if connection is not None else None
    return hashlib.sha256(shown).digest() if shown else None
