"""What stations show: as many free connectors as somebody could really charge at."""

from __future__ import annotations

from services.charging.stations import Connector, status_of, uses_of


def test_a_station_that_is_out_of_order_as_a_whole_has_nothing_free() -> None:
    plugs = [Connector(1, "Available"), Connector(2, "Charging")]
    assert uses_of(plugs, connected=True) == ["free", "in-use"]
    for status in ("Unavailable", "Faulted"):
        broken = [Connector(0, status), *plugs]
        assert uses_of(broken, connected=True) == ["out-of-order", "out-of-order"]
        assert status_of(broken, connected=True) == "outOfService"
    assert uses_of([Connector(0, "Available"), *plugs], connected=True) == ["free", "in-use"]
    assert uses_of(plugs, connected=False) == ["unknown", "unknown"]
    assert status_of([], connected=True) == "outOfService"
