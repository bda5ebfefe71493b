"""Subscriptions come and go one by one, and a change finds those alone that it may concern."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from broker.jsonld.context import CORE
from broker.subscriptions.index import Index, Live
from schemas.change import Change

CITY = "fukui"
AT = datetime(2026, 7, 1, tzinfo=UTC)


def live(id_: str, revision: int = 1, **doc: Any) -> Live:
    about = orjson.dumps([doc.get("entities"), doc.get("watchedAttributes")])
    return Live(CITY, 1, id_, revision, doc, CORE, None, None, None, about, orjson.dumps(doc.get("q")))


def change(entity: str, type_: str, *names: str) -> Change:
    attributes = {name: {"type": "Property", "value": 1} for name in names}
    return Change(
        tenant=CITY, entity=entity, type=(type_,), op="update", version=2, at=AT, attributes=attributes, previous={}
    )


def found(index: Index, changed: Change) -> set[str]:
    return {one.id for some in index.candidates(changed) for one in some.lives}


def test_a_change_finds_them_by_entity_by_type_and_by_attribute() -> None:
    index = Index()
    index.put(live("by-id", entities=[{"type": "Park", "id": "urn:x:1"}]))
    index.put(live("by-type", entities=[{"type": "Park"}]))
    index.put(live("by-name", entities=[{"type": "Park"}], watchedAttributes=["level"]))
    index.put(live("of-anything", watchedAttributes=["level"]))
    index.put(live("by-clock", entities=[{"type": "Park"}], timeInterval=60))

    assert found(index, change("urn:x:1", "Park", "name")) == {"by-id", "by-type"}
    assert found(index, change("urn:x:2", "Park", "level")) == {"by-type", "by-name", "of-anything"}
    assert found(index, change("urn:x:2", "Lake", "level")) == {"of-anything"}
    assert found(index, change("urn:x:2", "Lake", "name")) == set()


def test_another_revision_takes_the_place_of_the_one_before() -> None:
    index = Index()
    index.put(live("s", 1, entities=[{"type": "Park"}]))
    index.put(live("s", 2, entities=[{"type": "Lake"}]))
    assert found(index, change("urn:x:1", "Park", "level")) == set()
    assert found(index, change("urn:x:1", "Lake", "level")) == {"s"}


def test_what_came_and_went_in_any_order_leaves_what_is_there() -> None:
    chance = random.Random(7)
    index, there = Index(), dict[str, Live]()
    for step in range(2000):
        id_ = f"s{chance.randrange(40)}"
        if chance.random() < 0.4:
            index.drop((1, id_))
            there.pop(id_, None)
        else:
            kind = chance.choice(["Park", "Lake"])
            watched = chance.choice([None, ["level"], ["name", "level"]])
            doc: dict[str, Any] = {"entities": [{"type": kind}], "q": chance.choice([None, "level>1"])}
            there[id_] = live(id_, step, **doc, **({"watchedAttributes": watched} if watched else {}))
            index.put(there[id_])
    for kind in ("Park", "Lake"):
        for name in ("level", "name", "other"):
            expected = {
                id_
                for id_, one in there.items()
                if one.doc["entities"][0]["type"] == kind and name in one.doc.get("watchedAttributes", [name])
            }
            assert found(index, change("urn:x:1", kind, name)) == expected
    for id_ in list(there):
        index.drop((1, id_))
    assert list(index) == []
    assert found(index, change("urn:x:1", "Park", "level")) == set()


def test_geometry_is_not_loaded_before_somebody_asks_for_it() -> None:
    asked = "import sys, broker.subscriptions.handler; sys.exit('shapely' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0
