"""`cityos keys`: the keys that sign access tokens."""

from __future__ import annotations

import typer

from api_gateway.oauth.keys import rotate_keys
from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="トークンの署名鍵 / the keys that sign tokens", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that sign tokens. / トークンの署名鍵"""


@app.command()
def rotate() -> None:
    """Sign with a new key; the old ones verify for one more day. / 鍵を替える（古い鍵は1日だけ検証に使える）"""

    async def write(_settings: Settings, parts: Parts) -> str:
        return await rotate_keys(parts.database)

    console.print(f"tokens are signed with {with_parts(write)} within a minute", markup=False, soft_wrap=True)
