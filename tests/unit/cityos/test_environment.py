"""`cityos up` hands its settings to its roles as an environment: they must read there exactly what it read."""

from __future__ import annotations

from cityos.city import environment_of
from cityos.settings import load_settings

GIVEN = {
    "CITYOS_BRIDGE_HOST": "broker.example",
    "CITYOS_BRIDGE_CLIENT_ID": "city-os",
    "CITYOS_BRIDGE_TENANT": "fukui",
    "CITYOS_BRIDGE_DEVICE": "line",
    "CITYOS_BRIDGE_SUBSCRIPTIONS": "city/river/+/up,application/#",
    "CITYOS_BRIDGE_PASSWORD": "of the bridge",
    "CITYOS_BRIDGE_TLS": "true",
    "CITYOS_BRIDGE_QOS": "0",
    "CITYOS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "CITYOS_KAFKA_SASL_USERNAME": "city",
    "CITYOS_KAFKA_SASL_PASSWORD": "of the log",
    "CITYOS_NOTIFY_SMTP_PASSWORD": "of the mail server",
    "CITYOS_ALERTING_MODE": "exercise",
    "CITYOS_MAP_LANGUAGES": "ja,en",
}


def test_a_role_reads_what_the_city_read() -> None:
    settings = load_settings(GIVEN)
    handed = {name: text for name, text in environment_of(settings).items() if name.startswith("CITYOS_")}
    assert load_settings(handed) == settings


def test_secrets_reach_the_roles() -> None:
    handed = environment_of(load_settings(GIVEN))
    assert handed["CITYOS_BRIDGE_PASSWORD"] == "of the bridge"
    assert handed["CITYOS_KAFKA_SASL_PASSWORD"] == "of the log"
