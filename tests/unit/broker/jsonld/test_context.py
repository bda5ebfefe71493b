"""Names through a @context and back."""

from __future__ import annotations

import pytest

from broker.errors import Invalid
from broker.jsonld.context import CORE, Context, is_core, sources_of

RIVER = "https://models.example/river#"
TERMS = {"level": RIVER + "level", "river": RIVER, "Gauge": {"@id": "river:Gauge"}, "location": RIVER + "place"}


def test_a_term_becomes_its_iri_and_comes_back() -> None:
    context = Context("https://models.example/c.jsonld", [TERMS])
    assert context.expand("level") == RIVER + "level"
    assert context.expand("Gauge") == RIVER + "Gauge"
    assert context.compact(RIVER + "Gauge") == "Gauge"
    assert context.compact(RIVER + "bank") == "river:bank", "a compact IRI where no term says it"
    assert context.expand("river:bank") == RIVER + "bank"


def test_what_no_context_knows_is_of_the_default_vocabulary() -> None:
    assert CORE.expand("waterLevel") == "waterLevel"
    assert CORE.expand("https://uri.etsi.org/ngsi-ld/default-context/waterLevel") == "waterLevel"


def test_a_core_term_keeps_its_meaning() -> None:
    context = Context("c", [TERMS])
    assert context.expand("location") == "location"
    assert CORE.expand("https://uri.etsi.org/ngsi-ld/location") == "location"


def test_a_name_that_a_term_would_hide_is_told_in_full() -> None:
    context = Context("c", [TERMS])
    shown = context.compact("level")
    assert shown == "ngsi-ld:default-context/level"
    assert context.expand(shown) == "level"


def test_later_definitions_win() -> None:
    context = Context("c", [{"level": "https://a.example/level"}, {"level": "https://b.example/level"}])
    assert context.expand("level") == "https://b.example/level"


@pytest.mark.parametrize("given", [7, ["https://a.example/c", 7], "no-uri"])
def test_what_is_no_context_is_refused(given: object) -> None:
    with pytest.raises(Invalid, match=r"context|URI"):
        sources_of(given)


def test_a_circular_definition_is_refused() -> None:
    with pytest.raises(Invalid, match="by itself"):
        Context("c", [{"a": "b:x", "b": "a:y"}])


def test_every_version_of_the_core_context_is_built_in() -> None:
    assert is_core("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld")
    assert is_core("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld")
    assert not is_core("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-none.jsonld")
