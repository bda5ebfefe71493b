"""Which part of a write goes where (ETSI GS CIM 009, 4.3.6.2, 4.3.6.3)."""

from __future__ import annotations

from broker.federation.dividing import divide
from broker.federation.source import Share, share_of, source_of
from broker.subscriptions.matching import Asked

NAMES = frozenset({"speed", "brand"})


def share(mode: str, *attributes: str, operations: tuple[str, ...] = ("redirectionOps",)) -> Share:
    doc = {
        "id": f"urn:ngsi-ld:csr:{mode}",
        "endpoint": "https://source.example",
        "mode": mode,
        "operations": list(operations),
        "information": [{"entities": [{"type": "Vehicle"}], "propertyNames": list(attributes)}],
    }
    found = share_of(source_of(doc, "1"), Asked(types=["Vehicle"]))
    assert found is not None
    return found


def test_what_is_held_exclusively_leaves_the_rest_here() -> None:
    division = divide([share("exclusive", "speed")], NAMES, "createEntity")
    assert [names for _, names in division.sent] == [{"speed"}]
    assert division.names == {"brand"}
    assert division.here


def test_nothing_is_left_to_do_where_all_is_held_elsewhere() -> None:
    assert not divide([share("exclusive", "speed", "brand")], NAMES, "createEntity").here
    assert not divide([share("redirect")], NAMES, "createEntity").here
    assert not divide([share("redirect")], None, "deleteEntity").here
    assert divide([share("exclusive", "speed")], None, "deleteEntity").here


def test_every_redirection_gets_its_part_and_inclusive_sources_a_copy_of_what_is_here() -> None:
    division = divide(
        [share("inclusive"), share("redirect", "speed"), share("redirect", "speed")], NAMES, "mergeEntity"
    )
    assert [(s.source.mode, n) for s, n in division.sent] == [
        ("redirect", {"speed"}),
        ("redirect", {"speed"}),
        ("inclusive", {"brand"}),
    ]
    assert division.names == {"brand"}


def test_who_holds_data_and_does_not_take_the_operation_refuses_it() -> None:
    readers = ("retrieveOps",)
    division = divide([share("exclusive", "speed", operations=readers)], NAMES, "createEntity")
    assert [names for _, names in division.refused] == [{"speed"}]
    assert division.names == {"brand"}
    # A copy that is not taken is no harm; and nobody writes to an auxiliary source.
    assert divide([share("inclusive", operations=readers), share("auxiliary")], NAMES, "createEntity") == (
        [],
        [],
        NAMES,
        True,
    )


def test_an_entity_without_attributes_goes_where_entities_go() -> None:
    nothing: frozenset[str] = frozenset()
    assert divide([share("inclusive", "speed")], nothing, "createEntity").here
    assert not divide([share("redirect")], nothing, "createEntity").here
