"""A Chromium whose camera sees a QR code: the browser's own fake device, fed with a film of one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import segno
from playwright.sync_api import Browser

from tests.integration.web.conftest import ARGUMENTS, CHROMIUM

_WIDE, _HIGH = 640, 480
_SEEN = 320
"""The code's width in pixels. A page on a narrow phone asks for a narrow picture, and gets the middle of this one."""
_WHITE, _BLACK, _GREY = 235, 16, 128


@contextmanager
def seeing(browser: Browser, text: str, folder: Path) -> Iterator[Browser]:
    """A second browser, beside `browser`, which may use its camera unasked and sees `text` as a QR code."""
    film = folder / "code.y4m"
    film.write_bytes(_film(text))
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *camera])
    try:
        yield other
    finally:
        other.close()


def _film(text: str) -> bytes:
    """One picture in YUV4MPEG2, which the fake device repeats: dark modules on white, with the quiet zone."""
    rows = np.array([list(row) for row in segno.make(text, error="m", encoding="utf-8").matrix], np.uint8)
    modules = np.pad(rows, 4)
    scale = _SEEN // len(modules)
    code = np.kron(modules, np.ones((scale, scale), np.uint8))
    picture = np.full((_HIGH, _WIDE), _WHITE, np.uint8)
    top, left = (_HIGH - len(code)) // 2, (_WIDE - len(code)) // 2
    picture[top : top + len(code), left : left + len(code)] = np.where(code, _BLACK, _WHITE)
    grey = bytes([_GREY]) * (_WIDE * _HIGH // 2)
    header = f"YUV4MPEG2 W{_WIDE} H{_HIGH} F10:1 Ip A1:1 C420jpeg\n".encode()
    return header + b"FRAME\n" + picture.tobytes() + grey
