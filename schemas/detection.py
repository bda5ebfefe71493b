"""A watch tag seen by a detector: with its own id while it is decoded, under a pseudonym from then on."""

from __future__ import annotations

from datetime import datetime

import msgspec

CLOCK_CORRECTED = "clock-corrected"
"""The detector's clock was off; the time is corrected by how far off it was when it sent the message."""
CLOCK_AHEAD = "clock-ahead"
"""The detector's clock was a little ahead; the time is that of arrival."""
SENT_LATE = "sent-late"
"""The message took more than a minute: the detector was out of reach, or its clock is slow."""
ROTATING = "eddystone-eid:"
"""How the names begin of tags that send another one every few minutes."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A detector heard a tag: what a decoder makes of a frame. **It carries the tag's own id and leaves no process.**

    `device` is the detector, `tag` the id in one spelling whatever gateway read it (``ibeacon:UUID:major:minor``).
    `rssi` is dBm, `power` what the tag says is heard at one metre (dBm). `observed_at` is the detector's time, None
    where it gives none; `sent_at` its clock when it sent the message. `place` (longitude, latitude in degrees) and
    `accuracy` (metres) are a moving detector's own. `battery` is per cent.
    """

    device: str
    tag: str
    rssi: int
    power: int | None = None
    observed_at: datetime | None = None
    sent_at: datetime | None = None
    place: tuple[float, float] | None = None
    accuracy: float | None = None
    battery: float | None = None

    def __repr__(self) -> str:
        """Without the tag: what is printed or logged must not name it."""
        return f"Sighting(device={self.device!r})"


class Detection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A sighting as the log carries it: the tag is a pseudonym of one city and one `epoch` (`broker.veil`).

    `place` is where the detector was, `accuracy` how far around it the tag may have been, in metres. `flags` say what
    was amiss and mended or is in doubt. `rotating`: the tag sends another name every few minutes, so that one tag is
    several pseudonyms within an hour.
    """

    device: str
    tag: str
    epoch: int
    observed_at: datetime
    rssi: int
    place: tuple[float, float]
    accuracy: float
    battery: float | None = None
    flags: tuple[str, ...] = ()
    rotating: bool = False
