"""What is about persons, before the log: tags become pseudonyms, messages are sealed, clocks are put right. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from broker.errors import Invalid
from broker.ingest.checks import check_time
from broker.ingest.ports import Inbound
from broker.veil import Veil, is_sealed
from schemas.detection import CLOCK_AHEAD, CLOCK_CORRECTED, ROTATING, SENT_LATE, Detection, Sighting
from schemas.device import DeviceProfile
from schemas.observation import Reason, Rejection

MESSAGE = "rejected-message"
"""The use under which a rejected message is sealed."""
RADIUS_M = 50.0
"""How far a detector hears a tag, where nothing better is known: the metres around it in which the tag may be."""
_TOLERATED = timedelta(seconds=5)
_LATE = timedelta(minutes=1)
_LARGEST_CORRECTION = timedelta(days=2)
_LARGEST_WITHOUT_SENT = timedelta(minutes=10)


class Curtain:
    """Between a personal family's decoder and the log."""

    def __init__(self, veil: Veil) -> None:
        self._veil = veil

    def seal(self, message: Inbound) -> bytes:
        """Topic and bytes of a message, sealed for its city."""
        clear = msgspec.msgpack.encode((message.topic, message.payload))
        return self._veil.seal(message.tenant, MESSAGE, clear)

    def open(self, tenant: str, payload: bytes) -> bytes:
        """The inverse of `seal`, packed. Raises `Invalid`."""
        return self._veil.open(tenant, MESSAGE, payload)

    def detection(self, seen: Sighting, message: Inbound, profile: DeviceProfile) -> Detection | Rejection:
        """The sighting under the pseudonym of its time, at its detector's place; or why it is not accepted."""
        at, flags = _time_of(seen, message.received_at)
        if refused := check_time(at, seen.device, now=message.received_at, profile=profile):
            return refused
        place = seen.place or (profile.location.coordinates if profile.location else None)
        if place is None:
            detail = "where this detector is is not known: register its location, or let it send lon and lat"
            return Rejection(reason=Reason.WRONG_SHAPE, field="location", detail=detail, device=seen.device)
        epoch = self._veil.epoch_of(at)
        return Detection(
            device=seen.device,
            tag=self._veil.pseudonym(message.tenant, seen.tag, epoch),
            epoch=epoch,
            observed_at=at,
            rssi=seen.rssi,
            place=place,
            accuracy=RADIUS_M + (seen.accuracy or 0.0),
            battery=seen.battery,
            flags=flags,
            rotating=seen.tag.startswith(ROTATING),
        )


def unsealed(curtain: Curtain | None, message: Inbound) -> Inbound:
    """A kept message with its own topic and bytes again, to be judged anew. Raises `Invalid` without the right key."""
    if not is_sealed(message.payload):
        return message
    if curtain is None:
        raise Invalid("sealed messages of watch tags need CITYOS_TAGS_KEY to be sent in again", field="key")
    clear = curtain.open(message.tenant, message.payload)
    topic, payload = msgspec.msgpack.decode(clear, type=tuple[str, bytes])
    return message._replace(topic=topic, payload=payload)


def _time_of(seen: Sighting, received_at: datetime) -> tuple[datetime, tuple[str, ...]]:
    """When the tag was heard, by the city's clock.

    A detector whose clock stands later than the arrival of what it says it just sent is ahead by at least that, and
    its times are put right. One whose message comes late may have been out of reach or have a slow clock: nobody can
    tell, so it is believed and flagged. Nothing was heard after it arrived.
    """
    if seen.observed_at is None:
        return received_at, ()
    if seen.sent_at is not None:
        ahead = seen.sent_at - received_at
        if _TOLERATED < ahead <= _LARGEST_CORRECTION:
            return min(seen.observed_at - ahead, received_at), (CLOCK_CORRECTED,)
        if -ahead > _LATE:
            return seen.observed_at, (SENT_LATE,)
    beyond = seen.observed_at - received_at
    if timedelta() < beyond <= _LARGEST_WITHOUT_SENT:
        return received_at, (CLOCK_AHEAD,) if beyond > _TOLERATED else ()
    return seen.observed_at, ()
