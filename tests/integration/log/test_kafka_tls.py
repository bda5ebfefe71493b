"""Kafka as a city would rent it: TLS with an authority of its own, and a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.errors import Unavailable
from broker.log.kafka import KafkaLog
from broker.log.settings import KafkaSettings
from broker.ports import OBSERVATIONS, NewRecord
from tests.integration.mqtt.authority import Authority
from tests.kafka import KafkaBroker, installed, missing
from tests.requirements import need

pytestmark = pytest.mark.kafka

PASSWORD = "of-this-test"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[KafkaBroker]:
    lacking = missing()
    need(not lacking, ", ".join(lacking))
    folder = tmp_path_factory.mktemp("kafka-tls")
    certificate, key = authority.issue("kafka", "IP:127.0.0.1")
    chain = folder / "chain.pem"
    chain.write_text(key.read_text() + certificate.read_text())
    settings = {
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(chain),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{LOGIN} username="broker" password="{PASSWORD}-too" user_broker="{PASSWORD}-too" '
            f'user_cityos="{PASSWORD}";'
        ),
    }
    broker = KafkaBroker(folder / "data", installed(), protocol="SASL_SSL", settings=settings)
    broker.start()
    yield broker
    broker.stop()


def log_to(broker: KafkaBroker, authorities: Path | None, password: str = PASSWORD) -> KafkaLog:
    settings = KafkaSettings(
        bootstrap=broker.bootstrap,
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="cityos",
        sasl_password=password,
        ca_file=str(authorities) if authorities else None,
        request_seconds=10,
        append_seconds=10,
    )
    return KafkaLog(partitions={OBSERVATIONS: 2}, settings=settings)


async def test_records_go_and_come_over_tls_with_a_password(broker: KafkaBroker, authority: Authority) -> None:
    log = log_to(broker, authority.certificate)
    await log.append(OBSERVATIONS, [NewRecord(b"fukui/a", b"2.72")])
    found = [record for partition in (0, 1) for record in await log.read(OBSERVATIONS, partition, 0, limit=10)]
    await log.close()
    assert [(record.key, record.value) for record in found] == [(b"fukui/a", b"2.72")]


@pytest.mark.parametrize("wrong", ["password", "authority"])
async def test_who_is_not_known_appends_nothing(broker: KafkaBroker, authority: Authority, wrong: str) -> None:
    trusted = None if wrong == "authority" else authority.certificate
    log = log_to(broker, trusted, "guessed" if wrong == "password" else PASSWORD)
    with pytest.raises(Unavailable, match="Kafka"):
        await log.append(OBSERVATIONS, [NewRecord(b"fukui/a", b"9.99")])
    await log.close()
