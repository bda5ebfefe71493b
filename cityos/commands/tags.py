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

app = typer.Typer(help="見守りタグ / watch tags", no_args_is_help=True)


@app.callback()
def tags() -> None:
    """A group, also while it has one command."""


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
