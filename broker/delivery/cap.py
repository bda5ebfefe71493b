"""Pieces of a CAP 1.2 document (OASIS) that all of the city's alerts are made of. Pure."""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from schemas.clock import JST
from schemas.river import Mode

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
STATUS = {Mode.ACTUAL: "Actual", Mode.EXERCISE: "Exercise", Mode.TEST: "Test"}
"""CAP's `status` of a message's mode."""


def tag(name: str) -> str:
    """The element's name in CAP's namespace."""
    return f"{{{NAMESPACE}}}{name}"


def add(parent: etree._Element, name: str, text: str) -> None:
    """A child with a text."""
    etree.SubElement(parent, tag(name)).text = xml_text(text)


def add_named(parent: etree._Element, name: str, key: str, value: str) -> None:
    """A child that is a pair of `valueName` and `value`: a parameter, an eventCode, a geocode."""
    pair = etree.SubElement(parent, tag(name))
    add(pair, "valueName", key)
    add(pair, "value", value)


def cap_time(at: datetime) -> str:
    """CAP's DateTime: local time with its offset and never ``Z`` (CAP 1.2, 3.3.2)."""
    return at.astimezone(JST).isoformat(timespec="seconds")


def xml_text(text: str) -> str:
    """`text` without what XML 1.0 cannot hold: a gauge's name may come from anywhere."""
    return "".join(
        c for c in text if c in "\t\n\r" or ("\x20" <= c <= "\ud7ff") or (c >= "\ue000" and c not in "\ufffe\uffff")
    )


def as_text(root: etree._Element) -> str:
    """The document as it is stored and sent."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()
