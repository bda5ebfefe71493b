"""The built pages as they go out."""

from __future__ import annotations

import gzip
from pathlib import Path

from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount

from api_gateway.routes.pages import Pages


async def test_what_the_build_compressed_goes_out_compressed_to_whoever_accepts_it(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "map-1.js").write_text("let map;" * 100)
    (tmp_path / "assets" / "map-1.js.gz").write_bytes(gzip.compress(b"let map;" * 100))
    app = Starlette(routes=[Mount("/", Pages(tmp_path, None))])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://city") as client:
        packed = await client.get("/assets/map-1.js", headers={"Accept-Encoding": "br, gzip;q=0.9"})
        plain = await client.get("/assets/map-1.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text == "let map;" * 100
    assert packed.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
