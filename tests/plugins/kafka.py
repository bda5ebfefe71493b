"""Fixture `kafka`: one running Apache Kafka for the whole session. Load it with `pytest_plugins` or by import."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka import KafkaBroker, installed, missing
from tests.requirements import need


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this test run's own. A test that kills it restarts it before it ends."""
    lacking = missing()
    need(not lacking, ", ".join(lacking))
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"), installed())
    broker.start()
    yield broker
    broker.stop()
