"""A whole city with a mail server set: the links that confirm an address and renew a password arrive and work."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP

from tests.city import WholeCity
from tests.integration.notify.receivers import MailSink

LOGIN = "hanako@example.jp"
PASSWORD, NEW = "water rises quickly", "the river is calm today"


def link(mail: bytes, city: WholeCity, kind: str) -> str:
    """The token of the link in a mail, which leads to this city."""
    message = message_from_bytes(mail)
    assert (message["To"], message["From"]) == (LOGIN, "city-os@fukui.example")
    body: Any = message.get_payload(decode=True)
    found = re.search(rf"{re.escape(city.url)}/login\.html#{kind}=(\S+)", body.decode())
    assert found is not None, body.decode()
    return found[1]


async def test_a_running_city_mails_its_people(tmp_path: Path) -> None:
    sink = MailSink()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), "127.0.0.1", 0)
    settings = {
        "CITYOS_NOTIFY_SMTP_HOST": "127.0.0.1",
        "CITYOS_NOTIFY_SMTP_PORT": str(server.sockets[0].getsockname()[1]),
        "CITYOS_NOTIFY_SMTP_STARTTLS": "false",
        "CITYOS_NOTIFY_MAIL_FROM": "city-os@fukui.example",
        "CITYOS_GATEWAY_CONFIRM_MAIL": "true",
    }
    city = WholeCity(tmp_path / "city", **settings)
    try:
        await asyncio.to_thread(city.start)
        async with httpx.AsyncClient(base_url=city.url, timeout=60, headers={"X-CSRF-Token": ""}) as client:

            async def post(path: str, **body: str) -> int:
                return (await client.post(f"/account{path}", json=body)).status_code

            assert await post("/signup", login=LOGIN, name="福井 花子", password=PASSWORD) == 201
            await sink.wait_for(1)
            assert await post("/login", login=LOGIN, password=PASSWORD) == 401
            assert await post("/confirm", token=link(sink.mails[0], city, "confirm")) == 200
            assert await post("/login", login=LOGIN, password=PASSWORD) == 200

            assert await post("/password/forgotten", login=LOGIN) == 202
            await sink.wait_for(2)
            assert await post("/password/renew", token=link(sink.mails[1], city, "reset"), password=NEW) == 200
            client.cookies.clear()
            assert await post("/login", login=LOGIN, password=NEW) == 200
    finally:
        await asyncio.to_thread(city.stop)
        server.close()
        await server.wait_closed()
