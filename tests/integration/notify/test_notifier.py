"""Deliveries reach who can be reached, at least once, in order, and nobody waits for the dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from broker.delivery.notice import Filter, Notice
from broker.delivery.queue import claim, enqueue, revive, subscribe, succeeded
from broker.errors import Conflict, Invalid, Unavailable
from schemas.clock import utc_now
from schemas.river import Mode
from services.notify.role import run
from services.notify.settings import NotifySettings
from tests.conftest import CityDatabase
from tests.integration.notify.receivers import HttpReceiver, MailSink

SECRET = b"k" * 32
FAST = {"allow_private_targets": True, "first_pause_s": 0.05, "longest_pause_s": 0.2, "poll_s": 0.05, "timeout_s": 0.5}


def notice(number: int, mode: Mode = Mode.ACTUAL) -> Notice:
    return Notice(
        id=f"n-{number}",
        kind="flood.alert",
        mode=mode,
        subject=f"天王川（江波） 氾濫危険水位に到達 {number}",
        text="水位は 2.03 m です。",
        body={"number": number},
        topic="flood/alerts/124",
    )


class Outbox:
    def __init__(self, database: CityDatabase) -> None:
        self.database = database.system

    async def add(self, channel: str, target: str, **options: Any) -> int:
        async with self.database.transaction() as tx:
            secret = SECRET if channel == "webhook" else None
            return await subscribe(tx, "fukui", channel=channel, target=target, secret=secret, **options)

    async def put(self, *notices: Notice) -> int:
        async with self.database.transaction() as tx:
            return await enqueue(tx, "fukui", notices, at=utc_now())

    async def states(self) -> list[tuple[str, str, int]]:
        async with self.database.transaction() as tx:
            rows = await tx.fetch("select notice_id, state, attempts from delivery order by subscriber_id, id")
        return [tuple(row.values()) for row in rows]

    async def until(self, state: str, count: int, seconds: float = 60.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if sum(1 for row in await self.states() if row[1] == state) >= count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"not {count} {state}: {await self.states()}")

    @asynccontextmanager
    async def notifier(self, publish: Any = None, **changes: Any) -> AsyncIterator[None]:
        stop = asyncio.Event()
        settings = NotifySettings(**{**FAST, **changes})
        task = asyncio.create_task(run(self.database, settings, stop, publish=publish))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 60)


@pytest.fixture
def outbox(database: CityDatabase) -> Outbox:
    return Outbox(database)


async def test_a_webhook_is_signed_and_delivered_in_order(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        await outbox.add("webhook", receiver.url)
        await outbox.put(*(notice(i) for i in range(50)))
        async with outbox.notifier():
            await outbox.until("done", 50)
        assert [body["data"]["number"] for body in receiver.bodies()] == list(range(50))
        assert receiver.genuine(SECRET, int(time.time()))
        assert receiver.got[0][0]["webhook-id"] == "n-0"
        assert receiver.bodies()[0]["status"] == "actual"


async def test_a_notice_queued_twice_is_delivered_once(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        await outbox.add("webhook", receiver.url)
        assert await outbox.put(notice(1)) == 1
        assert await outbox.put(notice(1)) == 0


async def test_dead_slow_and_failing_subscribers_delay_nobody(outbox: Outbox) -> None:
    async with HttpReceiver() as slow, HttpReceiver() as failing, HttpReceiver() as well:
        slow.delay, failing.status = 30.0, 500
        for number in range(5):
            await outbox.add("webhook", f"http://127.0.0.1:1/dead/{number}")
        await outbox.add("webhook", slow.url)
        await outbox.add("webhook", failing.url)
        await outbox.add("webhook", well.url)
        await outbox.put(*(notice(i) for i in range(20)))
        async with outbox.notifier(attempts=1000):
            start = time.monotonic()
            await well.wait_for(20)
            took = time.monotonic() - start
            await slow.wait_for(2)
            await failing.wait_for(2)
        assert took < 5.0
        assert {body["data"]["number"] for body in failing.bodies()} == {0}


async def test_a_subscriber_that_heals_gets_everything_with_the_same_ids(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        receiver.status = 503
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1), notice(2))
        async with outbox.notifier(attempts=1000):
            await receiver.wait_for(3)
            receiver.status = 200
            await outbox.until("done", 2)
        ids = [headers["webhook-id"] for headers, _ in receiver.got]
        assert ids[-2:] == ["n-1", "n-2"]
        assert set(ids[:-2]) == {"n-1"}


async def test_after_the_last_attempt_it_is_a_dead_letter_and_can_be_revived(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        receiver.status = 500
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1))
        async with outbox.notifier(attempts=3):
            await outbox.until("dead", 1)
            assert await outbox.states() == [("n-1", "dead", 3)]
            receiver.status = 200
            async with outbox.database.transaction() as tx:
                dead = await tx.fetchval("select id from delivery where state = 'dead'")
                assert await revive(tx, [dead]) == 1
            await outbox.until("done", 1)


async def test_what_the_receiver_calls_hopeless_is_not_repeated(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        receiver.status = 422
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1), notice(2))
        async with outbox.notifier():
            await outbox.until("dead", 2)
        assert await outbox.states() == [("n-1", "dead", 1), ("n-2", "dead", 1)]


async def test_a_receiver_that_is_gone_is_left_in_peace(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        receiver.status = 410
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1))
        async with outbox.notifier():
            await outbox.until("dead", 1)
        async with outbox.database.transaction() as tx:
            assert await tx.fetchval("select status from subscriber") == "gone"
        assert await outbox.put(notice(2)) == 0


async def test_retry_after_is_respected(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        receiver.status, receiver.extra = 429, "retry-after: 2\r\n"
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1))
        async with outbox.notifier(longest_pause_s=60):
            await receiver.wait_for(2)
    assert receiver.times[1] - receiver.times[0] > 1.9


async def test_a_redirect_is_not_followed(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver, HttpReceiver() as inside:
        receiver.status, receiver.extra = 302, f"location: {inside.url}\r\n"
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1))
        async with outbox.notifier(attempts=1):
            await outbox.until("dead", 1)
        assert inside.got == []


async def test_a_private_address_is_refused_unless_allowed(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        await outbox.add("webhook", receiver.url.replace("http:", "https:"))
        await outbox.put(notice(1))
        async with outbox.notifier(allow_private_targets=False, attempts=1):
            await outbox.until("dead", 1)
        assert receiver.got == []
        async with outbox.database.transaction() as tx:
            assert "not of the public internet" in await tx.fetchval("select last_error from delivery")


async def test_two_notifiers_share_the_work_without_repeating_it(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        for number in range(10):
            await outbox.add("webhook", f"{receiver.url}/{number}")
        await outbox.put(*(notice(i) for i in range(10)))
        async with outbox.notifier(), outbox.notifier():
            await outbox.until("done", 100)
        assert len(receiver.got) == 100


async def test_a_worker_that_dies_loses_its_lease_and_another_goes_on(outbox: Outbox) -> None:
    async with HttpReceiver() as receiver:
        await outbox.add("webhook", receiver.url)
        await outbox.put(notice(1))
        async with outbox.database.transaction() as tx:
            options = {"subscribers": 5, "each": 5, "channels": ["webhook"]}
            (held,) = await claim(tx, now=utc_now(), lease=0.5, **options)
            assert await claim(tx, now=utc_now(), lease=0.5, **options) == []
        assert held.deliveries[0].notice.id == "n-1"
        async with outbox.notifier():
            await outbox.until("done", 1)
        assert len(receiver.got) == 1


async def test_mail_arrives_readable(outbox: Outbox) -> None:
    sink = MailSink()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await outbox.add("mail", "kawa@city.example")
        await outbox.add("mail", "refused@city.example")
        await outbox.put(notice(1))
        async with outbox.notifier(smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False, timeout_s=5):
            await outbox.until("done", 1)
            await outbox.until("dead", 1)
    (mail,) = [message_from_bytes(content) for content in sink.mails]
    assert str(make_header(decode_header(mail["Subject"]))) == "天王川（江波） 氾濫危険水位に到達 1"
    assert "2.03 m" in mail.get_payload(decode=True).decode("utf-8")
    assert mail["Message-ID"].startswith("<n-1.")
    assert sorted(row[1] for row in await outbox.states()) == ["dead", "done"]


async def test_mqtt_goes_through_the_publisher_given(outbox: Outbox) -> None:
    published: list[tuple[str, bytes]] = []
    tries = 0

    async def publish(topic: str, payload: bytes) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unavailable("the broker is away")
        published.append((topic, payload))

    await outbox.add("mqtt", "signs")
    await outbox.put(notice(1))
    async with outbox.notifier(publish=publish):
        await outbox.until("done", 1)
    ((topic, payload),) = published
    assert topic == "city/notices/signs/flood/alerts/124"
    assert b'"status":"actual"' in payload


async def test_a_webhook_without_a_secret_and_a_subscriber_twice_are_refused(outbox: Outbox) -> None:
    with pytest.raises(Invalid) as caught:
        async with outbox.database.transaction() as tx:
            await subscribe(tx, "fukui", channel="webhook", target="https://city.example/hook")
    assert caught.value.field == "secret"
    await outbox.add("mail", "a@city.example")
    with pytest.raises(Conflict):
        await outbox.add("mail", "a@city.example")


async def test_deliveries_appear_only_if_the_transaction_commits(outbox: Outbox) -> None:
    await outbox.add("mail", "a@city.example", wants=Filter())
    with pytest.raises(RuntimeError, match="fails"):
        await _put_and_fail(outbox)
    assert await outbox.states() == []


async def _put_and_fail(outbox: Outbox) -> None:
    async with outbox.database.transaction() as tx:
        await enqueue(tx, "fukui", [notice(1)], at=utc_now())
        raise RuntimeError("the power fails here")


async def test_what_was_settled_long_ago_is_forgotten(outbox: Outbox) -> None:
    await outbox.add("mail", "a@city.example")
    await outbox.put(notice(1), notice(2))
    async with outbox.database.transaction() as tx:
        await tx.execute("update delivery set state = 'done', settled_at = '2020-01-01Z' where notice_id = 'n-1'")
    async with outbox.notifier():
        for _ in range(200):
            if len(await outbox.states()) == 1:
                break
            await asyncio.sleep(0.02)
    assert await outbox.states() == [("n-2", "waiting", 0)]


async def test_a_recorded_success_is_not_repeated(outbox: Outbox) -> None:
    await outbox.add("mail", "a@city.example")
    await outbox.put(notice(1))
    options = {"lease": 0.0, "subscribers": 5, "each": 5, "channels": ["mail"]}
    async with outbox.database.transaction() as tx:
        (held,) = await claim(tx, now=utc_now(), **options)
        await succeeded(tx, held.deliveries[0], now=utc_now())
    async with outbox.database.transaction() as tx:
        assert await claim(tx, now=utc_now(), **options) == []
