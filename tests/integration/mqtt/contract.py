"""What both ways in promise, written once: each way brings a `Way` and inherits the tests.

The acknowledgement under test is the one that our side sends: PUBACK to the device at the endpoint, PUBACK to the
broker for the client. A `Way` sees it on the wire.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from adapters.mqtt.patience import until
from tests.integration.mqtt.kit import PATIENCE, TENANT, TestIntake

QUIET = 0.3


class Way(Protocol):
    """A publisher on one end, our side in the middle, a `TestIntake` behind it."""

    intake: TestIntake
    plenty: int
    """So many messages of 4 kB that they do not fit into the buffers between the publisher and the intake."""

    async def publish(self, *payloads: bytes) -> None:
        """Send messages at QoS 1, in order, without waiting for anything."""

    def acknowledged(self) -> int:
        """How many acknowledgements our side has sent on the wire."""

    async def cut(self) -> None:
        """Break the connection that our side acknowledges on, without a word, and make it come back."""

    def unsent(self) -> int:
        """How many messages could not be written yet, because our side does not read."""


class WayInContract:
    """Inherited by the tests of each way in, which define the fixture `way`."""

    async def test_acknowledges_only_what_is_durable(self, way: Way) -> None:
        way.intake.hold = True
        await way.publish(b"1", b"2", b"3")
        await way.intake.until(3)
        await asyncio.sleep(QUIET)
        assert way.acknowledged() == 0
        way.intake.release(2)
        assert await until(lambda: way.acknowledged() == 2, within=PATIENCE)
        await asyncio.sleep(QUIET)
        assert way.acknowledged() == 2
        way.intake.release()
        assert await until(lambda: way.acknowledged() == 3, within=PATIENCE)

    async def test_keeps_order_and_loses_nothing(self, way: Way) -> None:
        sent = [b"%d" % number for number in range(2000)]
        await way.publish(*sent)
        await way.intake.until(len(sent))
        assert way.intake.payloads == sent
        assert await until(lambda: way.acknowledged() == len(sent), within=PATIENCE)

    async def test_says_who_sent_what_where_and_when(self, way: Way) -> None:
        await way.publish(b"{}")
        await way.intake.until(1)
        message = way.intake.messages[0]
        assert (message.tenant, message.sender, message.topic) == (TENANT, "g1", "river/g1/level")
        assert message.received_at.tzinfo is not None

    async def test_what_was_not_acknowledged_comes_again(self, way: Way) -> None:
        way.intake.hold = True
        await way.publish(b"kept", b"cut off")
        await way.intake.until(2)
        way.intake.release(1)
        assert await until(lambda: way.acknowledged() == 1, within=PATIENCE)
        await way.cut()
        await way.intake.until(3)
        assert way.intake.payloads == [b"kept", b"cut off", b"cut off"]
        way.intake.let_go()
        assert await until(lambda: way.acknowledged() == 2, within=PATIENCE)

    async def test_a_late_outcome_is_not_acknowledged_on_another_connection(self, way: Way) -> None:
        way.intake.hold = True
        await way.publish(b"1", b"2")
        await way.intake.until(2)
        await way.cut()
        await way.intake.until(4)
        assert way.intake.release(2) == 2
        await asyncio.sleep(QUIET)
        assert way.acknowledged() == 0
        way.intake.let_go()
        assert await until(lambda: way.acknowledged() == 2, within=PATIENCE)

    async def test_what_could_not_be_stored_is_not_acknowledged_and_comes_again(self, way: Way) -> None:
        way.intake.hold = True
        await way.publish(b"1", b"2")
        await way.intake.until(2)
        way.intake.release(error=OSError("the disk is full"))
        way.intake.hold = False
        await way.intake.until(4)
        assert way.intake.payloads == [b"1", b"2", b"1", b"2"]
        assert await until(lambda: way.acknowledged() == 2, within=PATIENCE)

    async def test_acknowledges_in_the_order_of_arrival(self, way: Way) -> None:
        way.intake.hold = True
        await way.publish(b"1", b"2")
        await way.intake.until(2)
        way.intake.release_last()
        await asyncio.sleep(QUIET)
        assert way.acknowledged() == 0
        way.intake.release()
        assert await until(lambda: way.acknowledged() == 2, within=PATIENCE)

    async def test_without_room_the_sender_waits_and_nothing_is_lost(self, way: Way) -> None:
        way.intake.hold, way.intake.capacity = True, 50
        sent = [b"%d" % number + b"." * 4000 for number in range(way.plenty)]
        publishing = asyncio.create_task(way.publish(*sent))
        await way.intake.until(50)
        await asyncio.sleep(QUIET)
        assert len(way.intake.messages) == 50
        assert await until(lambda: way.unsent() > 0, within=PATIENCE)
        assert way.intake.refusals < 100, "it should wait for room, not ask over and over"
        way.intake.let_go()
        async with asyncio.timeout(60):
            await publishing
            await way.intake.until(len(sent))
        assert way.intake.payloads == sent
        assert await until(lambda: way.acknowledged() == len(sent), within=PATIENCE)

    async def test_copies_are_handed_on_as_they_come(self, way: Way) -> None:
        await way.publish(b"same", b"same", b"same")
        await way.intake.until(3)
        assert way.intake.payloads == [b"same"] * 3

    async def test_any_payload_passes_and_hurts_nothing(self, way: Way) -> None:
        odd = [b"", b"\xff\xfe", b"\0" * 100, b"{", "水位".encode("shift_jis"), b"x" * 900_000]
        await way.publish(*odd, b"after")
        await way.intake.until(len(odd) + 1)
        assert way.intake.payloads == [*odd, b"after"]
        assert await until(lambda: way.acknowledged() == len(odd) + 1, within=PATIENCE)
