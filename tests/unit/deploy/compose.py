"""docker-compose.yml and its supplements as plain values, for the tests beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
BASE = "docker-compose.yml"
TLS = "deploy/compose-tls.yml"
AUTHORITIES = "deploy/compose-authorities.yml"

Service = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Compose's own tag `!override` replaces instead of merging."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node, deep=True))


@cache
def compose(file: str = BASE) -> dict[str, Any]:
    """The file with its anchors resolved."""
    document: dict[str, Any] = yaml.load((ROOT / file).read_text(), Loader=_Loader)
    return document


def services(*, tls: bool = False, authorities: bool = False) -> dict[str, Service]:
    """Every service; with `tls` and `authorities` as these supplements change it."""
    base: dict[str, Service] = {name: dict(service) for name, service in compose()["services"].items()}
    for file in [TLS] * tls + [AUTHORITIES] * authorities:
        for name, more in compose(file)["services"].items():
            service = base[name]
            service["environment"] = service.get("environment", {}) | more.get("environment", {})
            service["secrets"] = [*service.get("secrets", []), *more.get("secrets", [])]
            service["healthcheck"] = service["healthcheck"] | more.get("healthcheck", {})
    return base


def interpolated(value: str, **operators: str) -> str:
    """The value as Compose (and the collector) fills it in from the operator's environment: `${NAME:-default}`."""
    return re.sub(r"\$\{(?:env:)?([A-Z_]+):-([^}]*)\}", lambda match: operators.get(match[1], match[2]), value)
