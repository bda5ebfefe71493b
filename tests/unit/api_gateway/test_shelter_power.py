"""Which shelter the vehicles at a charging station could feed."""

from __future__ import annotations

from api_gateway.shelter_power import power_of
from services.charging.desk import ShelterFeed
from services.charging.disaster import Feed
from services.evacuation.shelters.shelter import Shelter

FEED = Feed(2, 1, 0, 24.0, 6000, 3000, 8.0)
GYM = Shelter(id="gym", name="体育館", location=(136.0, 35.9))
HALL = Shelter(id="hall", name="公民館", location=(136.01, 35.9))


def test_by_its_id_or_by_its_place() -> None:
    by_id = ShelterFeed("gym", "体育館の駐車場", ((136.5, 35.9),), FEED)
    beside = ShelterFeed("car-park", "公民館前", ((136.5, 35.9), (136.009, 35.9005)), FEED)
    far = ShelterFeed("station", "駅前", ((136.02, 35.9),), FEED)
    found = power_of([GYM, HALL], [by_id, beside, far])
    assert {name: one["site"] for name, one in found.items()} == {"gym": "体育館の駐車場", "hall": "公民館前"}
    assert found["gym"]["hours"] == 8.0
    assert power_of([], [by_id, beside]) == {}
