"""The catalogue as DCAT-AP 3 in JSON-LD, which other catalogues harvest."""

from __future__ import annotations

from typing import Any

from broker.catalogue.store import City
from broker.catalogue.values import DataSet
from schemas.clock import iso

_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "geo": "http://www.opengis.net/ont/geosparql#",
}
_RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
_MEDIA = "http://www.iana.org/assignments/media-types/"
_DOWNLOADS = (("csv", "text/csv"), ("geojson", "application/geo+json"))


def catalogue(address: str, city: City, sets: list[DataSet], readable: frozenset[str]) -> dict[str, Any]:
    """A dcat:Catalog at `address`. What is not in `readable` is listed as restricted, without distributions."""
    publisher = {"@type": "foaf:Agent", "foaf:name": _text(city.title)}
    return {
        "@context": _CONTEXT,
        "@id": f"{address}/api/v1/catalogue.jsonld",
        "@type": "dcat:Catalog",
        "dct:title": _text(f"{city.title} データカタログ"),
        "dct:description": _text("都市OSのデータセット"),
        "dct:publisher": publisher,
        "dct:language": {"@id": "http://publications.europa.eu/resource/authority/language/JPN"},
        "foaf:homepage": {"@id": f"{address}/catalogue.html"},
        "dcat:dataset": [_data_set(address, one, publisher, one.type in readable) for one in sets],
    }


def _data_set(address: str, one: DataSet, publisher: dict[str, Any], open_: bool) -> dict[str, Any]:
    said, figures = one.described, one.figures
    titles = [_text(said.title), *([_text(said.title_en, "en")] if said.title_en else [])]
    made: dict[str, Any] = {
        "@id": f"{address}/api/v1/catalogue/{said.type}",
        "@type": "dcat:Dataset",
        "dct:identifier": said.type,
        "dct:title": titles,
        "dct:description": _text(said.description or said.title),
        "dct:publisher": {"@type": "foaf:Agent", "foaf:name": _text(said.owner)} if said.owner else publisher,
        "dct:accessRights": {"@id": _RIGHTS + ("PUBLIC" if open_ else "RESTRICTED")},
        "dcat:keyword": [_text(word) for word in said.keywords],
    }
    if said.contact:
        made["dcat:contactPoint"] = {"@type": "vcard:Kind", "vcard:fn": said.contact}
    if figures.latest is not None and figures.since is not None:
        made["dct:modified"] = _time(iso(figures.latest))
        made["dct:temporal"] = {"@type": "dct:PeriodOfTime", "dcat:startDate": _time(iso(figures.since)),
                                "dcat:endDate": _time(iso(figures.latest))}  # fmt: skip
    if said.interval_s is not None:
        made["dcat:temporalResolution"] = {"@type": "xsd:duration", "@value": f"PT{said.interval_s}S"}
    if figures.box is not None:
        made["dct:spatial"] = {
            "@type": "dct:Location",
            "dcat:bbox": {"@type": "geo:wktLiteral", "@value": _wkt(figures.box)},
        }
    if open_:
        made["dcat:distribution"] = [_download(address, said.type, said.license, *kind) for kind in _DOWNLOADS]
    return made


def _download(address: str, type_: str, license_: str, format_: str, media: str) -> dict[str, Any]:
    place = f"{address}/api/v1/catalogue/{type_}/download?format={format_}"
    return {
        "@type": "dcat:Distribution",
        "dcat:accessURL": {"@id": place},
        "dcat:downloadURL": {"@id": place},
        "dcat:mediaType": {"@id": _MEDIA + media},
        "dct:license": {"@id": license_} if "://" in license_ else _text(license_),
    }


def _text(value: str, language: str = "ja") -> dict[str, str]:
    return {"@language": language, "@value": value}


def _time(value: str) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": value}


def _wkt(box: tuple[float, float, float, float]) -> str:
    west, south, east, north = box
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return f"POLYGON(({', '.join(f'{x} {y}' for x, y in corners)}))"
