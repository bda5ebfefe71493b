"""The commands that look after subscribers, tenants and keys, against a real database."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.delivery.notice import Notice
from broker.delivery.queue import RetryRules, claim, enqueue, failed, release
from broker.ports import Record
from broker.store.parked import set_aside
from schemas.clock import utc_now
from schemas.river import Mode
from tests.conftest import CityDatabase

Said = subprocess.CompletedProcess[str]
Command = Callable[..., Said]


@pytest.fixture
def cityos(database: CityDatabase, tmp_path: Path) -> Command:
    """Runs `cityos …` against the test's database."""
    environment = {
        "CITYOS_DATABASE_SYSTEM_URL": database.system_url,
        "CITYOS_CITY_FOLDER": str(tmp_path / "none"),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }

    def run(*arguments: str, status: int = 0) -> Said:
        command = [sys.executable, "-m", "cityos", *arguments]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert said.returncode == status, said.stderr + said.stdout
        return said

    return run


def table(said: Said) -> list[dict[str, str]]:
    head, *lines = (line.split("\t") for line in said.stdout.splitlines())
    return [dict(zip(head, line, strict=True)) for line in lines]


def notice(**more: object) -> Notice:
    common = {"id": "n-1", "kind": "flood.alert", "mode": Mode.EXERCISE, "subject": "訓練", "text": "", "body": {}}
    return Notice(**{**common, **more})  # type: ignore[arg-type]


async def test_a_webhook_is_added_with_a_secret_that_only_this_command_shows(
    cityos: Command, database: CityDatabase
) -> None:
    river = ("--about", "river=天王川", "--mode", "exercise", "--grade", "2")
    said = cityos("subscriber", "add", "webhook", "https://city.example/hook", "--name", "防災課", *river)
    number, secret = re.findall(r"^(?:number|secret): (\S+)$", said.stdout, re.MULTILINE)
    [row] = table(cityos("subscriber", "list"))
    assert (row["id"], row["channel"], row["name"], row["status"]) == (number, "webhook", "防災課", "active")
    assert secret not in cityos("subscriber", "list").stdout
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select secret from subscriber") == base64.b64decode(secret.removeprefix("whsec_"))
        wanted = notice(about={"river": "天王川"}, grade=2)
        others = [notice(about={"river": "足羽川"}, grade=2), notice(about={"river": "天王川"}, grade=1)]
        assert await enqueue(tx, "fukui", [wanted], at=utc_now()) == 1
        assert await enqueue(tx, "fukui", others, at=utc_now()) == 0


async def test_mail_and_mqtt_have_no_secret_and_the_same_one_is_refused(cityos: Command) -> None:
    assert "secret" not in cityos("subscriber", "add", "mail", "bosai@city.example").stdout
    assert "secret" not in cityos("subscriber", "add", "mqtt", "signs/east").stdout
    again = cityos("subscriber", "add", "mail", "bosai@city.example", status=2)
    assert again.stderr.startswith("cityos: ")
    assert cityos("subscriber", "list", "--tenant", "neighbour").stdout.strip() == "no subscribers"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("webhook", "http://city.example/"), "not https"),
        (("webhook", "https://city.example:99999/"), "is no address"),
        (("mail", "nobody"), "is no mail address"),
        (("mqtt", "signs/#"), "is no topic level"),
        (("pigeon", "roof"), "choose one of webhook, mail, mqtt"),
        (("mqtt", "signs", "--about", "river"), "write LABEL=VALUE"),
        (("mqtt", "signs", "--tenant", "atlantis"), "no tenant named 'atlantis'"),
    ],
)
def test_a_slip_is_told_in_one_line(cityos: Command, arguments: tuple[str, ...], words: str) -> None:
    said = cityos("subscriber", "add", *arguments, status=2)
    assert words in said.stderr
    assert len(said.stderr.splitlines()) == 1


async def test_one_that_failed_is_revived_with_its_dead_letters(cityos: Command, database: CityDatabase) -> None:
    cityos("subscriber", "add", "mqtt", "signs", "--mode", "exercise")
    async with database.system.transaction() as tx:
        await enqueue(tx, "fukui", [notice()], at=utc_now())
        [held] = await claim(tx, now=utc_now(), lease=60, subscribers=1, each=1, channels=["mqtt"])
        rules = RetryRules()
        await failed(tx, held.subscriber, held.deliveries[0], "away", now=utc_now(), rules=rules, final=True)
        await release(tx, held.subscriber, healthy=False, gone=True)
    [row] = table(cityos("subscriber", "list"))
    assert (row["status"], row["waiting"], row["dead"], row["last_error"]) == ("gone", "0", "1", "away")
    assert cityos("subscriber", "revive", row["id"]).stdout == "1 notices are tried again\n"
    [row] = table(cityos("subscriber", "list"))
    assert (row["status"], row["waiting"], row["dead"]) == ("active", "1", "0")
    assert "signs is removed" in cityos("subscriber", "remove", row["id"]).stdout
    assert cityos("subscriber", "list").stdout.strip() == "no subscribers"
    for command in ("remove", "revive"):
        assert "has no subscriber" in cityos("subscriber", command, row["id"], status=2).stderr


async def test_another_citys_subscriber_is_not_touched(cityos: Command) -> None:
    cityos("subscriber", "add", "mqtt", "signs", "--tenant", "neighbour")
    [row] = table(cityos("subscriber", "list", "--tenant", "neighbour"))
    cityos("subscriber", "remove", row["id"], status=2)
    assert len(table(cityos("subscriber", "list", "--tenant", "neighbour"))) == 1


async def test_tenants_are_made_and_listed(cityos: Command) -> None:
    cityos("tenant", "add", "sabae", "--title", "鯖江市", "--code", "182079", "--reject-unknown")
    rows = {row["name"]: row for row in table(cityos("tenant", "list"))}
    assert set(rows) == {"fukui", "neighbour", "sabae"}
    assert (rows["sabae"]["title"], rows["sabae"]["code"], rows["sabae"]["unknown_devices"]) == (
        "鯖江市",
        "182079",
        "reject",
    )
    assert "already" in cityos("tenant", "add", "sabae", status=2).stderr
    assert "is no name" in cityos("tenant", "add", "Sabae", status=2).stderr
    assert "six digits" in cityos("tenant", "add", "echizen", "--code", "12", status=2).stderr


async def test_keys_are_rotated_and_the_old_one_still_verifies(cityos: Command, database: CityDatabase) -> None:
    ids = [cityos("keys", "rotate").stdout.split()[4] for _ in range(2)]
    async with database.system.transaction() as tx:
        rows = await tx.fetch("select id, retired_at from signing_key order by created_at")
    assert [row["id"] for row in rows] == ids
    assert [row["retired_at"] is None for row in rows] == [False, True]


async def test_a_dead_letter_of_a_subscription_is_tried_again(cityos: Command, database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into notification (tenant_id, kind, subscription_id, body, state, attempts, error)"
            " select id, 'entities', 'urn:s:1', '{}', 'dead', 8, 'the receiver answered 503' from tenant"
            " where name = 'fukui'"
        )
    [row] = table(cityos("notification", "list"))
    assert (row["subscription"], row["error"]) == ("urn:s:1", "the receiver answered 503")
    assert "1 notifications" in cityos("notification", "revive", "urn:s:1").stdout
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select state || attempts from notification") == "waiting0"


async def test_what_was_set_aside_is_listed_shown_and_asked_for(cityos: Command, database: CityDatabase) -> None:
    assert cityos("parked", "list").stdout == "nothing is set aside\n"
    async with database.system.transaction() as tx:
        record = Record("observations", 3, 41, b"fukui/gauge-1", b'{"broken": 1}', utc_now())
        await set_aside(tx, "writer", record, ValueError("no such unit"))
    [row] = table(cityos("parked", "list", "--consumer", "writer"))
    assert (row["consumer"], row["key"], row["error"]) == ("writer", "fukui/gauge-1", "ValueError('no such unit')")
    assert cityos("parked", "show", row["id"], "--raw").stdout == '{"broken": 1}'
    said = cityos("parked", "replay", row["id"], "--wait", "0", status=1)
    assert said.stdout == "0 handled, 0 failed again, 1 wait for their role\n"
    assert "is set aside" in cityos("parked", "replay", "999", status=2).stderr
    assert "why" in cityos("parked", "discard", row["id"], "--reason", "no", status=2).stderr
    assert cityos("parked", "discard", row["id"], "--reason", "試験の機器を片付けた").stdout == "1 discarded\n"
    assert cityos("parked", "list").stdout == "nothing is set aside\n"
    [row] = table(cityos("parked", "list", "--discarded"))
    assert (row["reason"], row["discarded_by"].partition(":")[0]) == ("試験の機器を片付けた", "operator")
    [line] = table(cityos("accounting"))
    assert (line["device"], line["received"], line["discarded"], line["balanced"]) == ("gauge-1", "1", "1", "True")
