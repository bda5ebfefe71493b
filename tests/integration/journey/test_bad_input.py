"""Everything that a device, or a stranger, can send wrong, to one running city: refused with a reason, and survived."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from broker.store.devices import Device, register
from broker.store.postgres import PostgresDatabase
from schemas.clock import iso
from tests.city import WholeCity, wait_until
from tests.integration.faults.kit import SECRET, entity, reading, sender, store_of

pytestmark = pytest.mark.timeout(300)

SECONDS = 60
NOW = datetime.now(UTC).replace(microsecond=0, second=0)
PROFILE = {"valid_range": {"waterLevel": [-1.0, 10.0]}, "max_age_s": 400 * 86_400}
PARTS = ("endpoint", "writer", "alerting", "notifier", "gateway", "postgres")


class Case(NamedTuple):
    """One wrong message, and what the rejection must say of it."""

    name: str
    payload: bytes
    reason: str
    says: str
    field: str = ""


CASES = (
    Case("text", b"the level is 2.7", "not-json", "not JSON"),
    Case("cut", b'{"t": "2023-07-13T07:20', "not-json", "not JSON"),
    Case("empty", b"", "not-json", "not JSON"),
    Case("quoted", reading(NOW, '"2.72"'), "wrong-shape", "without quotes", "level"),
    Case("bare", b"2.72", "wrong-shape", "a row is an object"),
    Case("nothing", b'{"t": "2023-07-13T07:20:00+09:00"}', "wrong-shape", "no measurement", "level"),
    Case("truth", reading(NOW, "true"), "wrong-shape", "true or false", "level"),
    Case("nan", reading(NOW, "NaN"), "not-a-number", "not a finite number", "level"),
    Case("infinite", reading(NOW, "1e999"), "not-a-number", "not a finite number", "level"),
    Case("latin", b'{"t": "\xff\xfe", "level": 1.0}', "not-utf8", "not UTF-8"),
    Case("shift-jis", '{"t": "七月", "level": 1.0}'.encode("shift_jis"), "not-utf8", "not UTF-8"),
    Case("half", b'{"t": "\\ud800", "level": 1.0}', "not-utf8", "half a character"),
    Case("timeless", b'{"level": 2.7}', "bad-time", "the time is missing", "t"),
    Case("timed", b'{"t": "13/07/2023", "level": 2.7}', "bad-time", "ISO 8601", "t"),
    Case("future", reading(NOW + timedelta(hours=3), 1.0), "time-in-future", "ahead of the city's clock", "observedAt"),
    Case("ago", reading(NOW - timedelta(days=5 * 365), 1.0), "time-too-old", "days old", "observedAt"),
    Case("high", reading(NOW, 99.5), "out-of-range", "-1 to 10", "waterLevel"),
    Case("low", reading(NOW, -3.5), "out-of-range", "-1 to 10", "waterLevel"),
    Case("fault", reading(NOW, "null"), "sensor-fault", "have the gauge checked", "level"),
    Case("marked", reading(NOW, '"欠測"'), "sensor-fault", "have the gauge checked", "level"),
    Case("nested", b"[" * 100_000, "not-json", "nested too deeply"),
)
"""Each is sent by a gauge of its own, ``bad-{name}``, so that its books can be looked at by themselves."""

MESS: Sequence[tuple[float, float]] = (
    (30, 1.0),
    (10, 1.1),  # out of order
    (20, 1.2),
    (20, 1.2),  # a duplicate
    (20, 1.2),
    (40, 1.4),
    (40, 1.4),
    (10, 9.9),  # a correction
    (300 * 1440, 0.5),  # three hundred days late
)
"""Minutes ago and level of one gauge's readings, in the order in which they arrive."""


async def _register(store: PostgresDatabase) -> None:
    names = [f"bad-{case.name}" for case in CASES] + ["mess", "huge", "witness"]
    async with store.transaction() as tx:
        await tx.execute("insert into tenant (name, unknown_devices) values ('strict', 'reject')")
        for tenant in ("fukui", "strict"):
            line = Device(tenant, "line", "river_gauge", kind="network")
            await register(tx, tenant, line, {"publish": ["city/river/+/up", "city/#"]}, SECRET)
        for name in names:
            gauge = Device("fukui", name, "river_gauge", entity_id=entity(name), entity_type="WaterObserved")
            await register(tx, "fukui", gauge, PROFILE, SECRET)
    await asyncio.sleep(1)


async def _send_everything(city: WholeCity) -> None:
    async with store_of(city) as store:
        await _register(store)
    async with sender(city, "line") as line:
        for case in CASES:
            await line.publish(f"city/river/bad-{case.name}/up", case.payload)
        for minutes, level in MESS:
            await line.publish("city/river/mess/up", reading(NOW - timedelta(minutes=minutes), level))
        await line.publish("city/toasters/kitchen/up", b'{"crumbs": 3}')
        for minutes, level in ((0, 0.25), (10, 0.5)):
            await line.publish("city/river/newcomer/up", reading(NOW - timedelta(minutes=minutes), level))
        await line.publish("city/river/no name/up", reading(NOW, 1.0))
        await line.publish("city/device/line/reply/c-1", b'{"t": 0, "outcome": "failed", "detail": "\\ud800"}')
        await line.publish("city/river/huge/up", b" " * 600_000)
        await line.drain()
    async with sender(city, "line", tenant="strict") as line:
        await line.publish("city/river/stranger/up", reading(NOW, 1.0))
        await line.drain()
    async with sender(city, "huge") as gauge:  # its connection is ended, again each time that it comes back
        await gauge.publish("city/river/huge/up", b" " * 2_000_000)
        await asyncio.sleep(1)
    async with sender(city, "witness") as gauge:
        await gauge.publish("city/river/witness/up", reading(NOW, 0.125))
        await gauge.drain()


class Told(NamedTuple):
    """The running city, and what it said after everything was sent."""

    city: WholeCity
    pids: dict[str, int]
    rejected: list[dict[str, str]]
    books: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    city = WholeCity(tmp_path_factory.mktemp("journey") / "city")
    city.start()
    pids = {part: city.pid(part) for part in PARTS}
    asyncio.run(_send_everything(city))
    wait_until(lambda: entity("witness") in _entities(city), SECONDS, "the last reading did not arrive")
    wait_until(lambda: _all_is_booked(city), SECONDS, "not all that was sent is in the books")
    yield Told(city, pids, _rejected(city, "--limit", "500"), _books(city))
    city.stop()


def _all_is_booked(city: WholeCity) -> bool:
    """Whether each device's messages are: the log keeps the order of one device's alone."""
    books = _books(city)
    sent = {f"bad-{case.name}": 1 for case in CASES} | {"mess": len(MESS), "newcomer": 2, "huge": 1}
    kept = {row["topic"] for row in _rejected(city, "--limit", "500")}
    return (
        all(name in books and books[name]["received"] >= count for name, count in sent.items())
        and "too-large" in books["line"]["rejected"]
        and kept >= {"city/toasters/kitchen/up", "city/river/no name/up"}
        and "stranger" in _books(city, "strict")
    )


def _entities(city: WholeCity) -> list[str]:
    found = city.get("/ngsi-ld/v1/entities", type="WaterObserved", limit="1000")
    return [str(item["id"]) for item in found]


def _rejected(city: WholeCity, *options: str) -> list[dict[str, str]]:
    head, *rows = [line.split("\t") for line in city.command("rejected", "list", *options).stdout.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def _books(city: WholeCity, tenant: str = "fukui") -> dict[str, dict[str, Any]]:
    """The accounting by device. The command's exit status says that the books balance."""
    lines = json.loads(city.command("accounting", "--tenant", tenant, "--json").stdout)
    return {line["device"]: line for line in lines}


def _as_app(city: WholeCity, scope: str, path: str) -> Any:
    """The JSON at `path` for an app that was granted `scope`."""
    added = city.command("client", "add", f"reader of {path}", "--scope", scope).stdout
    client, secret = (line.split()[1] for line in added.splitlines()[:2])
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    token = httpx.post(f"{city.url}/oauth/token", data=form).raise_for_status().json()["access_token"]
    return httpx.get(city.url + path, headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()


def _counts(line: dict[str, Any]) -> tuple[int, int, int, dict[str, int]]:
    assert line["balanced"]
    return line["received"], line["stored"], line["duplicate"], line["rejected"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_is_told_and_kept(told: Told, case: Case) -> None:
    [row] = [row for row in told.rejected if row["device"] == f"bad-{case.name}"]
    assert (row["reason"], row["field"]) == (case.reason, case.field)
    assert case.says in row["detail"]
    assert int(row["bytes"]) == len(case.payload)
    assert _counts(told.books[f"bad-{case.name}"]) == (1, 0, 0, {case.reason: 1})


def test_the_bytes_are_kept_as_they_came(told: Told) -> None:
    [row] = [row for row in told.rejected if row["device"] == "bad-latin"]
    shown = told.city.command("rejected", "show", row["id"])
    assert r"\xff\xfe" in shown.stdout


def test_a_topic_of_no_adapter_is_counted_for_its_sender(told: Told) -> None:
    [row] = [row for row in told.rejected if row["reason"] == "unknown-topic"]
    assert (row["device"], row["topic"], row["field"]) == ("line", "city/toasters/kitchen/up", "topic")
    assert "no adapter takes the topic" in row["detail"]


def test_what_cannot_be_a_name_is_no_device(told: Told) -> None:
    [row] = [row for row in told.rejected if row["topic"] == "city/river/no name/up"]
    assert (row["reason"], row["field"]) == ("unknown-device", "topic")


def test_an_unknown_device_is_refused_where_the_tenant_says_so(told: Told) -> None:
    [row] = _rejected(told.city, "--tenant", "strict")
    assert (row["device"], row["reason"]) == ("stranger", "unknown-device")
    assert "register it first" in row["detail"]
    assert _counts(_books(told.city, "strict")["stranger"]) == (1, 0, 0, {"unknown-device": 1})
    assert "stranger" not in told.city.command("device", "list", "--tenant", "strict").stdout


def test_what_is_too_large_is_counted_for_its_sender_and_not_kept(told: Told) -> None:
    received, stored, duplicates, rejected = _counts(told.books["huge"])
    assert rejected == {"too-large": received}, "2 MB, each time that the device came back with them"
    assert (stored, duplicates) == (0, 0)
    assert _counts(told.books["line"])[3]["too-large"] == 1, "600 kB, which were read"
    assert not [row for row in told.rejected if row["reason"] == "too-large"]


def test_a_mess_of_good_readings_is_put_in_order(told: Told) -> None:
    assert _counts(told.books["mess"]) == (len(MESS), 6, 3, {})
    path = f"/ngsi-ld/v1/temporal/entities/{entity('mess')}"
    points = told.city.get(path, attrs="waterLevel", timerel="after", timeAt="2020-01-01T00:00:00Z")["waterLevel"]
    expected = [(300 * 1440, 0.5), (40, 1.4), (30, 1.0), (20, 1.2), (10, 9.9)]
    assert [(point["observedAt"], point["value"]) for point in points] == [
        (iso(NOW - timedelta(minutes=minutes)), level) for minutes, level in expected
    ]
    current = told.city.get(f"/ngsi-ld/v1/entities/{entity('mess')}")["waterLevel"]
    assert (current["value"], current["observedAt"]) == (9.9, iso(NOW - timedelta(minutes=10)))


async def test_the_corrected_value_is_still_there(told: Told) -> None:
    async with store_of(told.city) as store, store.transaction() as tx:
        rows = await tx.fetch(
            "select version, number from history h join series s on s.id = h.series_id"
            " where s.entity_id = $1 and h.at = $2 order by version",
            entity("mess"),
            NOW - timedelta(minutes=10),
        )
    assert [(row["version"], row["number"]) for row in rows] == [(0, 1.1), (1, 9.9)]


def test_a_newcomer_waits_and_is_brought_in_when_approved(told: Told) -> None:
    waiting = _rejected(told.city, "--device", "newcomer")
    assert {row["reason"] for row in waiting} == {"quarantined"}
    assert "approve it, then replay" in waiting[0]["detail"]
    assert "newcomer" in told.city.command("device", "list", "--status", "quarantined").stdout
    told.city.command("device", "approve", "newcomer")
    again = told.city.command("rejected", "replay", "--device", "newcomer")
    assert again.stdout.startswith("2 messages were sent in again")
    wait_until(lambda: _books(told.city)["newcomer"]["stored"] == 2, SECONDS, "the newcomer's readings did not come in")
    current = _as_app(told.city, "entities:read", "/ngsi-ld/v1/entities/urn:ngsi-ld:Device:newcomer")["waterLevel"]
    assert (current["value"], current["observedAt"]) == (0.25, iso(NOW))
    assert _counts(_books(told.city)["newcomer"]) == (4, 2, 0, {"quarantined": 2})
    assert _rejected(told.city, "--device", "newcomer") == []
    assert told.city.command("rejected", "replay", "--device", "newcomer").stdout.startswith("0 messages")


def test_the_api_shows_the_same_books(told: Told) -> None:
    books = _as_app(told.city, "accounting:read", "/api/v1/accounting")
    assert books["balanced"]
    assert {line["device"]: line["rejected"] for line in books["devices"] if line["device"].startswith("bad-")} == {
        f"bad-{case.name}": {case.reason: 1} for case in CASES
    }


def test_no_process_died(told: Told) -> None:
    assert {part: told.city.pid(part) for part in PARTS} == told.pids
    for pid in told.pids.values():
        os.kill(pid, 0)
