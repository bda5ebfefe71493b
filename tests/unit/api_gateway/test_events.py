"""What of a change goes into the open event stream."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from api_gateway.events.fanout import as_event
from broker.ports import CHANGES, Record
from schemas.change import Change, State, decode_change, encode_change

AT = datetime(2026, 7, 1, tzinfo=UTC)


def test_the_entitys_state_does_not_travel_in_the_stream() -> None:
    """Attributes that a reader may not see are taken out of what changed; the state would show them all."""
    state = State(doc=msgspec.Raw(b'{"secret":{"type":"Property","value":1}}'), created_at=AT, modified_at=AT)
    change = Change(
        tenant="fukui", entity="urn:x:1", type=("T",), op="update", version=2, at=AT,
        attributes={"level": {"type": "Property", "value": 1}}, state=state,
    )  # fmt: skip
    event = as_event(Record(CHANGES, 0, 7, b"k", encode_change(change), AT), position := {0: 0})
    assert event is not None
    assert b"secret" not in event.value
    assert decode_change(event.value) == msgspec.structs.replace(change, state=None)
    assert position == {0: 8}
