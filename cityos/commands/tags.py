"""`cityos tags`: watch tags."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import SecretStr

from adapters.mqtt.publisher import PublisherSettings
from broker.store.postgres import open_database
from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.tag_day import FAMILY_LOGIN, NETWORK, OFFICER_LOGIN, TagDay
from cityos.tag_walks import Walks
from cityos.wiring import Parts, veil_of
from schemas.clock import utc_now
from services.presence.desk import FamilyDesk
from services.presence.searching import SearchDesk
from services.presence.store import set_flow_least

app = typer.Typer(help="見守りタグ / watch tags", no_args_is_help=True)


@app.callback()
def tags() -> None:
    """A group of commands."""


@app.command()
def least(
    number: Annotated[int, typer.Argument(min=2, max=10_000, help="the least number of tags that is told")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Set a city's own least number for its open counts (CrowdFlowObserved). / 公開する人数の下限を市ごとに決める"""

    async def write(settings: Settings, parts: Parts) -> None:
        async with parts.database.transaction() as tx:
            await set_flow_least(tx, tenant or settings.city.tenant, number)

    with_parts(write)
    console.print(f"counts below {number} are not told")


@app.command()
def demo(
    tags: Annotated[int, typer.Option(min=3, max=2000, help="how many people wear a tag")] = 200,
    detectors: Annotated[int, typer.Option(min=9, max=2000, help="how many detectors hear them")] = 150,
    seconds: Annotated[float, typer.Option(min=1, help="how long the three hours take")] = 120.0,
) -> None:
    """Play a school run and a wandering elder who is found, over MQTT. / 登下校と、ひとり歩きの捜索を再生する"""

    async def play(settings: Settings, parts: Parts) -> None:
        veil, app = veil_of(settings), await open_database(settings.database.app_url, size=2)
        try:
            desk = FamilyDesk(veil, settings.tags, utc_now)
            searches = SearchDesk(desk, veil, utc_now)
            tenant = settings.city.tenant
            day = TagDay(app, parts.database, desk, searches, tenant, Walks(tags, detectors))
            cast = await day.furnish()
            console.print(f"家族 / family:  {FAMILY_LOGIN}  {cast.password}  tags.html", markup=False, soft_wrap=True)
            officer = f"捜索 / search:  {OFFICER_LOGIN}  {cast.officer_password}  searches.html"
            console.print(officer, markup=False, soft_wrap=True)
            publisher = PublisherSettings(
                host=settings.mqtt.host,
                port=settings.mqtt.port,
                username=f"{tenant}/{NETWORK}",
                password=SecretStr(cast.secret),
            )
            await day.play(cast, publisher, seconds, lambda line: console.print(line, soft_wrap=True))
        finally:
            await app.close()

    with_parts(play)
