"""Clients that take their time: a silent connection, a head in drops, a body in drops. None is held for ever."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from api_gateway import body, patience

LIMIT = 0.5
TRICKLE = 0.1


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", LIMIT)
    monkeypatch.setattr(body, "_SECONDS", LIMIT)


async def answer_to(base_url: str, drops: list[bytes]) -> bytes:
    """What comes back, while one drop after the other is sent; it ends when the server closes."""
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    async def trickle() -> None:
        for drop in drops:
            writer.write(drop)
            await asyncio.sleep(TRICKLE)

    sending = asyncio.create_task(trickle())
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""
    finally:
        sending.cancel()
        writer.close()


async def test_a_silent_connection_is_closed(base_url: str) -> None:
    assert await answer_to(base_url, []) == b""


async def test_a_head_in_drops_is_cut_off(base_url: str) -> None:
    drops = [b"GET / HTTP/1.1\r\n", *(b"X-Drop-%d: 1\r\n" % number for number in range(200))]
    assert await answer_to(base_url, drops) == b""


async def test_a_further_request_in_drops_is_cut_off(base_url: str) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: city\r\n\r\n"
    drops = [whole, b"GET / HTTP/1.1\r\n", *(b"X-Drop-%d: 1\r\n" % number for number in range(200))]
    assert (await answer_to(base_url, drops)).count(b"HTTP/1.1 ") == 1


async def test_a_body_in_drops_is_told_so(base_url: str) -> None:
    head = b"POST /ngsi-ld/v1/entityOperations/query HTTP/1.1\r\nHost: city\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    answer = await answer_to(base_url, [head, *([b" "] * 200)])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive" in answer
