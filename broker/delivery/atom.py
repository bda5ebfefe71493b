"""An Atom feed (RFC 4287) of the latest messages, each linked to its CAP document. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lxml import etree

from broker.delivery.cap import xml_text
from schemas.clock import iso

_ATOM = "http://www.w3.org/2005/Atom"


class Entry(NamedTuple):
    """One message in the feed. `mode` is actual, exercise or test."""

    identifier: str
    sent_at: datetime
    headline: str
    summary: str
    mode: str


def atom_feed(
    entries: Sequence[Entry], *, title: str, author: str, url: str, updated: datetime, name: str = "alerts"
) -> str:
    """The feed called `name`, newest first. `url` is the city's public address; relative when empty."""
    address = f"{url}/feeds/{name}.atom"
    root = etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM}, attrib={_lang(): "ja"})
    _add(root, "id", address)
    _add(root, "title", title)
    _add(root, "updated", iso(entries[0].sent_at if entries else updated))
    etree.SubElement(root, f"{{{_ATOM}}}link", rel="self", href=address, type="application/atom+xml")
    _add(etree.SubElement(root, f"{{{_ATOM}}}author"), "name", author)
    for entry in entries:
        item = etree.SubElement(root, f"{{{_ATOM}}}entry")
        _add(item, "id", f"urn:cap:{entry.identifier}")
        _add(item, "title", entry.headline)
        _add(item, "updated", iso(entry.sent_at))
        _add(item, "summary", entry.summary)
        etree.SubElement(item, f"{{{_ATOM}}}category", term=entry.mode)
        href = f"{url}/cap/{entry.identifier}.xml"
        etree.SubElement(item, f"{{{_ATOM}}}link", rel="alternate", href=href, type="application/cap+xml")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def _lang() -> str:
    return "{http://www.w3.org/XML/1998/namespace}lang"


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{_ATOM}}}{name}").text = xml_text(text)
