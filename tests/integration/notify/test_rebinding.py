"""A receiver's name is looked up once, checked, and never again (DNS rebinding)."""

from __future__ import annotations

import socket

import httpx
import pytest

from services.notify.posting import post
from tests.integration.notify.receivers import HttpReceiver


async def test_what_was_checked_is_what_is_connected_to() -> None:
    """The name has no address at all: whoever looked it up again, between the check and the connection, would fail.

    So a name server that answers with a public address first and an inner one a moment later gains nothing.
    """
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("rebinding.invalid", 80)
    async with HttpReceiver() as receiver, httpx.AsyncClient(trust_env=False, timeout=20) as client:
        url = receiver.url.replace("127.0.0.1", "rebinding.invalid")
        answer = await post(client, url, "127.0.0.1", b"{}", {"content-length": "2"})
        assert answer.status_code == 200
        [(headers, body)] = receiver.got
        assert headers["host"] == httpx.URL(url).netloc.decode()
        assert body == b"{}"
        with pytest.raises(httpx.ConnectError):
            await client.post(url, content=b"{}")
