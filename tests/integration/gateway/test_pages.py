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


async def test_the_smallest_coding_that_is_taken_goes_out(tmp_path: Path) -> None:
    for ending, body in (("", b"plain"), (".gz", gzip.compress(b"plain")), (".br", b"as Brotli")):
        (tmp_path / f"index.html{ending}").write_bytes(body)
    app = Starlette(routes=[Mount("/", Pages(tmp_path, None))])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://city") as client:
        for accepted, coding in (
            ("gzip, br", "br"),
            ("gzip, br;q=0", "gzip"),
            ("br; q=0.000, gzip;q=0.0", None),
            ("br;q=0.5", "br"),
            ("", None),
        ):
            async with client.stream("GET", "/", headers={"Accept-Encoding": accepted}) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers.get("content-encoding") == coding, accepted
            assert raw == {"br": b"as Brotli", "gzip": gzip.compress(b"plain"), None: b"plain"}[coding]
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
