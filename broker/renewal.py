"""Certificates that are renewed while a server runs: found by looking at their files, taken for connections to come."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

from broker.errors import Invalid

_LOOK_EVERY_SECONDS = 30.0
_log = logging.getLogger(__name__)
_Stamp = tuple[int, int, int] | None


def load_chain(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Give a context its certificate chain and key.

    Raises `Invalid` where the two are no good; the context may hold a certificate without its key then.
    """
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"{certificate} and {key}: {error}", field="tls_certificate") from error


def take_chain(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Give a context that is in use a renewed certificate chain and key.

    Raises `Invalid`, and leaves the context as it was, where the two are no good.
    """
    # One that fails half-way is of no use any more: so another one tries first.
    for each in (ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), context):
        load_chain(each, certificate, key)


async def follow(
    files: Iterable[Path | None], renew: Callable[[], None], *, every: float = _LOOK_EVERY_SECONDS
) -> None:
    """Call `renew` when any of `files` was replaced, until cancelled.

    Only what has stood still from one look to the next is taken: certificate and key are replaced one after the
    other. What `renew` refuses (`Invalid`) is logged, and tried again when the files change once more.
    """
    paths = [path for path in files if path is not None]
    tried = seen = _stamps(paths)
    while True:
        await asyncio.sleep(every)
        before, seen = seen, _stamps(paths)
        if seen == tried or seen != before:
            continue
        tried = seen
        try:
            renew()
        except Invalid as error:
            _log.error("the renewed certificate is not used, the one from before stays: %s", error)
        else:
            _log.info("the renewed certificate is used from now on")


def _stamps(paths: Iterable[Path]) -> list[_Stamp]:
    return [_stamp(path) for path in paths]


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns
