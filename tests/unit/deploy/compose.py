"""docker-compose.yml and its TLS supplement as plain values, for the tests beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
BASE = "docker-compose.yml"
TLS = "deploy/compose-tls.yml"
ROLES = {"endpoint", "bridge", "writer", "alerting", "evacuation", "notifier", "relay", "gateway"}

Service = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Compose's own tag `!override` replaces instead of merging."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node, deep=True))


@cache
def compose(file: str = BASE) -> dict[str, Any]:
    """The file with its anchors resolved."""
    document: dict[str, Any] = yaml.load((ROOT / file).read_text(), Loader=_Loader)
    return document


def services(*, tls: bool = False) -> dict[str, Service]:
    """Every service; with `tls` as the supplement changes it."""
    base: dict[str, Service] = {name: dict(service) for name, service in compose()["services"].items()}
    if tls:
        for name, more in compose(TLS)["services"].items():
            service = base[name]
            service["environment"] = service["environment"] | more.get("environment", {})
            service["secrets"] = [*service["secrets"], *more.get("secrets", [])]
            service["healthcheck"] = service["healthcheck"] | more.get("healthcheck", {})
    return base


def interpolated(value: str) -> str:
    """The value as Compose fills it in where the operator's environment sets nothing: `${NAME:-default}`."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)
