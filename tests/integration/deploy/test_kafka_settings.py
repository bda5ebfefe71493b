"""The broker's settings that we ship, in a real broker: who has the password appends, who has not is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError

from tests.kafka import KafkaBroker, free_ports, installed, missing
from tests.requirements import need

pytestmark = pytest.mark.kafka

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "kafka" / "server.properties"
PASSWORD = "ためし-of-a-generated-one"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """The shipped settings with this test's ports, folders and name."""
    lacking = missing()
    need(not lacking, ", ".join(lacking))
    folder = tmp_path_factory.mktemp("shipped")
    broker = KafkaBroker(folder, installed())
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "kafka_password").write_text(PASSWORD)
    controller, internal = free_ports(2)
    text = SHIPPED.read_text()
    for shipped, here in {
        "0.0.0.0:9092": broker.bootstrap,
        "kafka:9092": broker.bootstrap,
        ":9093": f":{controller}",
        ":9094": f":{internal}",
        "/var/lib/kafka/data": str(folder / "log"),
        "/run/secrets": str(secrets),
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "server.properties").write_text(text)
    broker.start()
    yield broker
    broker.stop()


def credentials(password: str) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "cityos",
        "sasl_plain_password": password,
    }


async def test_the_city_appends_with_its_password(broker: KafkaBroker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap, **credentials(PASSWORD))
    await admin.start()
    await admin.create_topics([NewTopic("observations", num_partitions=2, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", **credentials(PASSWORD))
    await producer.start()
    stored = await producer.send_and_wait("observations", b"2.72", partition=1)
    await producer.stop()
    assert (stored.partition, stored.offset) == (1, 0)


async def test_another_password_is_refused(broker: KafkaBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, **credentials("guessed"))
    with pytest.raises((AuthenticationFailedError, KafkaConnectionError)):
        await producer.start()
    await producer.stop()


async def test_no_password_is_refused(broker: KafkaBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=3000)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()
