"""The order of migrations is that of their names: a number says where a file stands, so it is given once."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.store.migrate import migrations_of
from cityos.schema import MIGRATED_PACKAGES

GIVEN_TWICE = {"broker.store": {"0073", "0075"}}
"""Made side by side and applied since: neither of a pair knows of the other (docs/operations/upgrade.md)."""


@pytest.mark.parametrize("package", MIGRATED_PACKAGES)
def test_each_number_is_given_once(package: str) -> None:
    numbers = Counter(migration.name.partition("_")[0] for migration in migrations_of(package))
    assert {number for number, count in numbers.items() if count > 1} == GIVEN_TWICE.get(package, set())
    assert all(len(number) == 4 and number.isdigit() for number in numbers)
