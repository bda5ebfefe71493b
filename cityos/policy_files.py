"""Policies and other YAML as an operator keeps it in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from access.defaults import DEFAULT_POLICY
from access.policy import Policy
from access.policy_file import parse_policy
from broker.errors import Invalid


def read_policy(path: Path | None) -> Policy:
    """The policy in a file, or the default one. Raises `Invalid` naming the file and the fault."""
    if path is None:
        return DEFAULT_POLICY
    try:
        return parse_policy(read_yaml(path))
    except ValueError as error:
        raise Invalid(f"{path}: {error}", field="policy") from error


def read_yaml(path: Path) -> Any:
    """What the file says. Raises `Invalid` naming the file and the fault."""
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{path}: {error}", field="file") from error
