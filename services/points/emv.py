"""Codes that a shop shows: EMVCo merchant-presented QR (EMV QRCPS MPM 1.1), tag-length-value with a CRC in tag 63."""

from __future__ import annotations

import binascii
from typing import NamedTuple

from broker.errors import Invalid

SCHEME = "jp.city.points"
"""The globally unique identifier (sub-tag 00) under which our merchant account information stands in tag 26."""
_YEN = "392"
_POINT_OF_SALE = {False: "11", True: "12"}


class ShopCode(NamedTuple):
    """What a code says. A static code (`amount` None) is printed once; a dynamic one is for one payment."""

    tenant: str
    shop: str
    name: str
    city: str
    amount: int | None = None
    reference: str | None = None


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF) over the bytes of `text`, as four hexadecimal digits."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def build(code: ShopCode) -> str:
    """The text of the QR code. Names are shortened to what the standard allows (25 and 15 characters).

    Tags 59 and 60 take the common (Latin) characters alone: names in Japanese stand in tag 64, and the ids in their
    place for readers that do not know it.
    """
    name, city = code.name[:25], code.city[:15]
    account = _tlv("00", SCHEME) + _tlv("01", code.tenant) + _tlv("02", code.shop)
    parts = [
        _tlv("00", "01"),
        _tlv("01", _POINT_OF_SALE[code.amount is not None]),
        _tlv("26", account),
        _tlv("52", "0000"),
        _tlv("53", _YEN),
        _tlv("54", str(code.amount)) if code.amount is not None else "",
        _tlv("58", "JP"),
        _tlv("59", name if name.isascii() else code.shop[:25]),
        _tlv("60", city if city.isascii() else code.tenant[:15]),
        _tlv("62", _tlv("05", code.reference)) if code.reference else "",
        "" if name.isascii() and city.isascii() else _tlv("64", _tlv("00", "JA") + _tlv("01", name) + _tlv("02", city)),
        "6304",
    ]
    text = "".join(parts)
    return text + crc(text)


def parse(text: str) -> ShopCode:
    """What a scanned code says. Raises `Invalid`: not such a code, damaged, or of another scheme."""
    if len(text) > 512 or not text.startswith("000201"):
        raise Invalid("this is not a payment code of the EMVCo layout", field="code")
    if text[-8:-4] != "6304" or crc(text[:-4]) != text[-4:].upper():
        raise Invalid("the code is damaged: its check value (CRC) does not fit; scan it again", field="code")
    tags = _read(text)
    account = _read(tags.get("26", ""))
    if account.get("00") != SCHEME:
        raise Invalid("the code is of another payment service, not of the city's points", field="code")
    if tags.get("53") != _YEN or not account.get("01") or not account.get("02"):
        raise Invalid("the code names no shop, or another currency than yen", field="code")
    japanese = _read(tags.get("64", ""))
    amount = tags.get("54")
    if amount is not None and not (amount.isascii() and amount.isdigit() and int(amount) > 0):
        raise Invalid("the code's amount is not a whole number of yen", field="code")
    return ShopCode(
        tenant=account["01"],
        shop=account["02"],
        name=japanese.get("01") or tags.get("59", ""),
        city=japanese.get("02") or tags.get("60", ""),
        amount=int(amount) if amount else None,
        reference=_read(tags.get("62", "")).get("05"),
    )


def _tlv(tag: str, value: str) -> str:
    if not 0 < len(value) <= 99:
        raise Invalid(f"tag {tag} takes 1 to 99 characters", field="code")
    return f"{tag}{len(value):02d}{value}"


def _read(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    at = 0
    while at < len(text):
        tag, length = text[at : at + 2], text[at + 2 : at + 4]
        if not (tag.isascii() and tag.isdigit() and length.isascii() and length.isdigit()):
            raise Invalid("the code's parts are not tag, length, value", field="code")
        value = text[at + 4 : at + 4 + int(length)]
        if len(value) != int(length) or tag in tags:
            raise Invalid("the code's parts do not have the lengths they say, or come twice", field="code")
        tags[tag] = value
        at += 4 + int(length)
    return tags
