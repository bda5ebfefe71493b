"""Which waiting notifications go as one, and what that one says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.subscriptions.bundling import MOST_BYTES, MOST_ENTITIES, Waiting, parcels, singly


def entity(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", "level": number, **more}


def waiting(
    id_: int, *data: Any, attempts: int = 0, bundle: int | None = None, revision: int | None = 1, **more: Any
) -> Waiting:
    body = {
        "id": f"urn:ngsi-ld:Notification:{id_}",
        "type": "Notification",
        "subscriptionId": "urn:ngsi-ld:Subscription:1",
        "notifiedAt": f"2026-07-01T00:00:{id_ % 60:02}Z",
        "data": list(data),
        **more,
    }
    return Waiting(id_, json.dumps(body), attempts, bundle, revision)


def divided(*those: Waiting) -> list[tuple[int, ...]]:
    return [parcel.ids for parcel in parcels(those, together=True)]


def test_several_entities_are_told_in_one_notification() -> None:
    """5.3.1: `data` is an array of entities; an id of its own, since it is none of the notifications that it holds."""
    queue = [waiting(n, entity(n)) for n in (1, 2, 3)]
    (parcel,) = parcels(queue, together=True)
    body = json.loads(parcel.body)
    assert body["data"] == [entity(1), entity(2), entity(3)]
    assert body["notifiedAt"] == "2026-07-01T00:00:03Z"
    assert body["id"] not in {json.loads(one.body)["id"] for one in queue}
    assert (body["type"], body["subscriptionId"]) == ("Notification", "urn:ngsi-ld:Subscription:1")
    assert parcel.bundle == 1


def test_the_same_several_have_the_same_id_and_others_another() -> None:
    ids = [
        json.loads(parcels([waiting(n, entity(n)) for n in numbers], together=True)[0].body)["id"]
        for numbers in ((1, 2), (1, 2), (1, 2, 3))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_alone_it_is_what_it_was() -> None:
    queue = [waiting(1, entity(1)), waiting(2, entity(2))]
    assert parcels(queue, together=False) == singly(queue)
    assert [parcel.body for parcel in singly(queue)] == [one.body for one in queue]


def test_two_changes_of_an_entity_are_told_one_after_the_other() -> None:
    queue = [waiting(1, entity(1)), waiting(2, entity(2)), waiting(3, entity(1)), waiting(4, entity(3))]
    assert divided(*queue) == [(1, 2), (3, 4)]
    assert divided(waiting(1, entity(1)), waiting(2, entity(1))) == [(1,), (2,)]


def test_what_failed_before_goes_alone() -> None:
    queue = [waiting(1, entity(1), attempts=2), waiting(2, entity(2)), waiting(3, entity(3))]
    assert divided(*queue) == [(1,), (2, 3)]
    assert [parcel.attempts for parcel in parcels(queue, together=True)] == [2, 0]


def test_what_went_together_goes_together_again() -> None:
    queue = [waiting(1, entity(1), bundle=1), waiting(2, entity(2), bundle=1), waiting(3, entity(3))]
    assert divided(*queue) == [(1, 2), (3,)]
    assert [parcel.ids for parcel in parcels(queue, together=False)] == [(1, 2), (3,)]
    assert divided(waiting(0, entity(0)), *queue)[0] == (0,), "one that came to life before them is none of them"


@pytest.mark.parametrize(
    "other",
    [
        waiting(2, entity(2), **{"@context": "https://city.example/c.jsonld"}),
        waiting(2, {"type": "Gauge", "level": 2}),
        waiting(2, [2, "values of NGSIv2"]),
        waiting(2, data={"type": "FeatureCollection", "features": [entity(2)]}),
    ],
    ids=["another context", "an entity without its id", "values without an entity", "GeoJSON"],
)
def test_what_differs_or_does_not_say_of_which_entity_goes_alone(other: Waiting) -> None:
    assert divided(waiting(1, entity(1)), other) == [(1,), (2,)]
    assert divided(other, waiting(3, entity(3))) == [(2,), (3,)]


def test_what_was_made_for_two_states_of_the_subscription_never_goes_together() -> None:
    """Its format, attributes or sysAttrs may have changed meanwhile, which the entities alone do not always show."""
    queue = [waiting(1, entity(1)), waiting(2, entity(2)), waiting(3, entity(3), revision=2)]
    assert divided(*queue) == [(1, 2), (3,)]
    assert divided(*queue, waiting(4, entity(4), revision=2)) == [(1, 2), (3, 4)]


def test_features_of_geojson_become_one_collection() -> None:
    made = [waiting(n, data={"type": "FeatureCollection", "features": [entity(n)]}) for n in (1, 2)]
    (parcel,) = parcels(made, together=True)
    assert json.loads(parcel.body)["data"] == {"type": "FeatureCollection", "features": [entity(1), entity(2)]}


def test_a_notification_of_ngsi_v2_has_no_id_and_gets_none() -> None:
    queue = [Waiting(n, json.dumps({"subscriptionId": "51c0", "data": [entity(n)]}), 0, None, 1) for n in (1, 2)]
    (parcel,) = parcels(queue, together=True)
    assert json.loads(parcel.body) == {"subscriptionId": "51c0", "data": [entity(1), entity(2)]}


def test_it_is_bounded_in_entities_and_in_bytes() -> None:
    many = [waiting(n, entity(n)) for n in range(MOST_ENTITIES + 1)]
    assert [len(ids) for ids in divided(*many)] == [MOST_ENTITIES, 1]
    linked = [waiting(n, *(entity(n * 100 + k) for k in range(60))) for n in (1, 2)]
    assert divided(*linked) == [(1,), (2,)], "what an entity is linked to counts, too"
    large = [waiting(n, entity(n, name="川" * (MOST_BYTES // 7))) for n in (1, 2, 3)]
    assert divided(*large) == [(1, 2), (3,)] or divided(*large) == [(1,), (2,), (3,)]
    huge = [waiting(1, entity(1, name="x" * MOST_BYTES)), waiting(2, entity(2))]
    assert divided(*huge) == [(1,), (2,)], "one that is larger by itself is told all the same"
    assert all(len(parcel.body.encode()) <= MOST_BYTES for parcel in parcels(large, together=True))
