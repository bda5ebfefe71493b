"""The server's side of a connection without sockets: what goes out, when, and in which order."""

from __future__ import annotations

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.downlink import DeliveryState, Downlink, Outbox
from adapters.mqtt.handshake import Refused, negotiate
from adapters.mqtt.packets.codec import V5, V311, Codec
from adapters.mqtt.packets.framing import Framer
from adapters.mqtt.peer import Offer, Peer
from adapters.mqtt.session import Opened, Sessions, TooManySessions
from adapters.mqtt.settings import BrokerClientSettings, EndpointSettings
from broker.ingest.ports import Principal

PRINCIPAL = Principal("fukui", "g1", ("river/g1/#",), ("commands/g1/#",))
SETTINGS = EndpointSettings(receive_maximum=50)


def peer_of(opened: Opened, codec: Codec = V5) -> Peer:
    terms = negotiate(mqtt5.ConnectPacket("c", session_expiry_interval=60), codec, SETTINGS, "fresh")
    peer = Peer(codec, PRINCIPAL, opened.session, terms, SETTINGS, will=None, wake=lambda: None)
    opened.session.peer = peer
    return peer


def open_session(sessions: Sessions | None = None) -> Opened:
    return (Sessions(SETTINGS) if sessions is None else sessions).open(PRINCIPAL, "c", clean=False, expiry=60)


def publish(packet_id: int, qos: int, topic: str = "river/g1/level") -> mqtt5.PublishPacket:
    return mqtt5.PublishPacket(topic, b"x", qos=mqtt5.QoS(qos), packet_id=packet_id)


def said(peer: Peer, codec: Codec = V5) -> list[tuple[str, int]]:
    framer = Framer(1 << 20)
    framer.feed(peer.output())
    packets = [codec.decode(frame) for frame in framer.frames()]
    return [(type(packet).__name__, getattr(packet, "packet_id", 0)) for packet in packets]


def offered(peer: Peer, packet: mqtt5.PublishPacket) -> Offer:
    offer = peer.handle(packet)
    assert offer is not None
    return offer


@given(st.lists(st.integers(1, 2), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_acknowledgements_keep_the_order_of_arrival_whatever_the_order_of_outcomes(qualities: list[int], rng) -> None:  # type: ignore[no-untyped-def]
    peer = peer_of(open_session())
    pending = [offered(peer, publish(number, qos)).pending for number, qos in enumerate(qualities, 1)]
    outcomes = list(pending)
    rng.shuffle(outcomes)
    heard: list[tuple[str, int]] = []
    for done, each in enumerate(outcomes, 1):
        assert each is not None
        each.done(None)
        heard += said(peer)
        assert len(heard) <= done
    names = {1: "PubAckPacket", 2: "PubRecPacket"}
    assert heard == [(names[qos], number) for number, qos in enumerate(qualities, 1)]


def test_a_failure_stops_all_acknowledgements_behind_it() -> None:
    peer = peer_of(open_session())
    first, second = (offered(peer, publish(number, 1)).pending for number in (1, 2))
    assert first is not None
    assert second is not None
    first.done(OSError("full"))
    second.done(None)
    assert said(peer) == []
    assert isinstance(peer.failure, OSError)


def test_an_outcome_after_the_end_says_nothing() -> None:
    peer = peer_of(open_session())
    pending = offered(peer, publish(1, 1)).pending
    peer.close()
    assert pending is not None
    pending.done(None)
    assert peer.output() == b""


def test_the_peer_is_full_at_the_receive_maximum_and_relieved_at_half() -> None:
    peer = peer_of(open_session())
    pending = [offered(peer, publish(number, 1)).pending for number in range(1, 51)]
    assert peer.full
    for each in pending[:24]:
        assert each is not None
        each.done(None)
    assert not peer.full
    assert not peer.relieved
    assert pending[24] is not None
    pending[24].done(None)
    assert peer.relieved


@given(st.lists(st.tuples(st.sampled_from(["offer", "take", "ack", "ack-old"]), st.integers(0, 2)), max_size=60))
def test_an_outbox_is_bounded_and_forgets_nothing(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox(most=5, most_bytes=40)
    kept: list[Downlink] = []
    sent: list[Downlink] = []
    for step, number in steps:
        if step == "offer":
            downlink = Downlink("t", b"x" * 10, number)
            if outbox.offer(downlink):
                kept.append(downlink)
            else:
                assert len(outbox) * 10 > 30
        elif step == "take":
            sent += outbox.take(3, 0.0)
        elif outbox.inflight():
            outbox.settle(outbox.inflight()[0 if step == "ack" else -1].packet_id)
        assert len(outbox) <= 4
        assert len(outbox.inflight()) <= 3
        assert len({each.packet_id for each in outbox.inflight()}) == len(outbox.inflight())
    assert sent == kept[: len(sent)]
    settled = [each for each in kept if each.state is DeliveryState.ACKNOWLEDGED]
    at_once = [each for each in sent if not each.qos]
    assert len(settled) + len(outbox) + len(at_once) == len(kept)


def test_packet_ids_come_round_without_meeting_one_in_use() -> None:
    outbox = Outbox(most=10, most_bytes=1000)
    slow = Downlink("t", b"", 1)
    outbox.offer(slow)
    assert list(outbox.take(5, 0.0)) == [slow]
    for _ in range(0xFFFF):
        downlink = Downlink("t", b"", 1)
        outbox.offer(downlink)
        list(outbox.take(5, 0.0))
        assert downlink.packet_id not in (0, slow.packet_id)
        outbox.settle(downlink.packet_id)


def test_sessions_end_when_their_time_is_over() -> None:
    sessions = Sessions(SETTINGS)
    opened = open_session(sessions)
    sessions.close(opened.session, peer_of(opened), now=100.0)
    sessions.expire(now=159.0)
    assert len(sessions) == 1
    sessions.expire(now=160.0)
    assert len(sessions) == 0
    assert not open_session(sessions).present


def test_a_connection_that_was_replaced_does_not_end_the_session() -> None:
    sessions = Sessions(SETTINGS)
    opened = open_session(sessions)
    old = peer_of(opened)
    again = open_session(sessions)
    assert (again.present, again.displaced) == (True, old)
    peer_of(again)
    sessions.close(again.session, old, now=1.0)
    sessions.expire(now=1e9)
    assert len(sessions) == 1


def test_subscriptions_that_are_no_longer_permitted_are_dropped_on_return() -> None:
    sessions = Sessions(SETTINGS)
    opened = open_session(sessions)
    peer = peer_of(opened)
    peer.handle(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("commands/g1/#")]))
    sessions.close(opened.session, peer, now=0.0)
    demoted = PRINCIPAL._replace(subscribe=())
    assert sessions.open(demoted, "c", clean=False, expiry=60).session.subscriptions == {}


def test_connected_sessions_are_not_thrown_out_for_new_ones() -> None:
    sessions = Sessions(EndpointSettings(sessions_per_device=1))
    peer_of(sessions.open(PRINCIPAL, "a", clean=True, expiry=0))
    with pytest.raises(TooManySessions):
        sessions.open(PRINCIPAL, "b", clean=True, expiry=0)


def test_version_3_clients_may_choose_no_keep_alive_and_version_5_clients_get_ours() -> None:
    connect = mqtt5.ConnectPacket("c", keep_alive=0)
    assert negotiate(connect, V311, SETTINGS, "fresh").keep_alive == 0
    assert negotiate(connect, V5, SETTINGS, "fresh").keep_alive == SETTINGS.max_keep_alive
    with pytest.raises(Refused):
        negotiate(mqtt5.ConnectPacket("c" * 300), V5, SETTINGS, "fresh")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"port": None}, "port or tls_port"),
        ({"tls_port": 8883}, "tls_certificate"),
        ({"require_client_certificate": True}, "client_authorities"),
    ],
)
def test_settings_that_cannot_work_are_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EndpointSettings.model_validate(wrong)


def test_a_subscription_that_is_no_filter_is_named() -> None:
    good = {"host": "h", "client_id": "c", "tenant": "t", "device": "d"}
    with pytest.raises(ValueError, match="river/#/level"):
        BrokerClientSettings.model_validate({**good, "subscriptions": ("river/#/level",)})
    BrokerClientSettings.model_validate({**good, "subscriptions": ("$share/g/river/#", "v3/+/devices/+/up")})
