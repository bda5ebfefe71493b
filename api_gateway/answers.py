"""What routes answer with."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response


def answer(body: Any, status: int = 200) -> Response:
    """JSON that no cache on the way keeps: it is about persons, or of this moment only."""
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, "application/json")
