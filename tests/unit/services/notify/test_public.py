"""No exercise leaves by a channel that the public reads, whatever is in its queue; a sign cannot hear one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from broker.delivery.notice import PUBLIC_CHANNELS, Filter, Notice, reaches
from broker.delivery.queue import Subscriber
from schemas.river import Mode
from services.notify.channel import NotDelivered
from services.notify.export import Export, ExportChannel
from services.notify.mqtt import MqttChannel
from services.notify.settings import NotifySettings
from services.notify.social import SERVICES, SocialChannel

REAL = Notice(
    id="n1", kind="evacuation.order", mode=Mode.ACTUAL, subject="s", text="t", body={}, topic="evacuation/orders"
)
SETTINGS = NotifySettings(allow_private_targets=True, timeout_s=1)
NOT_FOR_ALL = [replace(REAL, mode=Mode.EXERCISE), replace(REAL, mode=Mode.TEST), replace(REAL, staff=True)]


@pytest.mark.parametrize("channel", sorted(PUBLIC_CHANNELS))
@pytest.mark.parametrize("notice", NOT_FOR_ALL)
async def test_a_public_channel_refuses_what_is_not_for_all(channel: str, notice: Notice) -> None:
    every = Filter(modes=tuple(Mode), staff=True)
    assert every.takes(notice)
    assert not reaches(channel, every, notice)
    assert reaches("mail", every, notice)
    assert reaches(channel, every, REAL)
    social = SERVICES.get(channel)
    driver = (
        SocialChannel(social, SETTINGS) if social else ExportChannel(lambda _: Export(b"x", "text/plain"), SETTINGS)
    )
    # Nobody listens there: what is sent at all fails otherwise, and not for good.
    nowhere = Subscriber(1, "fukui", channel, "http://127.0.0.1:1", b"token", 0)
    with pytest.raises(NotDelivered, match="never goes to a public channel") as refused:
        await driver.send(nowhere, notice)
    assert refused.value.final
    with pytest.raises(NotDelivered, match="Connect"):
        await driver.send(nowhere, REAL)
    await driver.close()


async def test_a_sign_that_listens_for_the_real_thing_hears_no_exercise() -> None:
    topics: list[str] = []

    async def publish(topic: str, _: bytes) -> None:
        topics.append(topic)

    channel = MqttChannel(publish, SETTINGS)
    for notice in (REAL, *NOT_FOR_ALL[:2]):
        await channel.send(Subscriber(1, "fukui", "mqtt", "signs", None, 0), notice)
    assert topics == [
        "city/notices/signs/evacuation/orders",
        "city/notices/signs/exercise/evacuation/orders",
        "city/notices/signs/test/evacuation/orders",
    ]
