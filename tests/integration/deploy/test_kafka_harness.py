"""The harness keeps its promises: a real Kafka that keeps what it acknowledged across a kill, at the same address."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka import KafkaBroker, installed

pytestmark = pytest.mark.kafka

pytest_plugins = ["tests.plugins.kafka"]


async def test_acknowledged_records_outlive_a_kill(kafka: KafkaBroker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("harness", num_partitions=1, replication_factor=1)])
    await admin.close()
    sent = [f"水位 {number}".encode() for number in range(200)]
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    for value in sent:
        await producer.send("harness", value)
    await producer.flush()
    before = kafka.pid
    kafka.kill()
    assert kafka.pid is None
    kafka.restart()
    assert kafka.pid not in {None, before}
    await producer.stop()

    partition = TopicPartition("harness", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    received: list[bytes | None] = []
    while len(received) < len(sent):
        for records in (await consumer.getmany(timeout_ms=5000)).values():
            received += [record.value for record in records]
    await consumer.stop()
    assert received == sent


def test_a_broker_that_cannot_start_says_why(kafka: KafkaBroker, tmp_path: Path) -> None:
    broken = KafkaBroker(tmp_path / "broken", installed())
    (tmp_path / "broken" / "log").mkdir(parents=True)
    (tmp_path / "broken" / "log" / "meta.properties").write_text("not a property file of Kafka's\n")
    (tmp_path / "broken" / "server.properties").write_text("process.roles=nonsense\n")
    with pytest.raises(RuntimeError, match="nonsense"):
        broken.start()
    assert broken.pid is None
