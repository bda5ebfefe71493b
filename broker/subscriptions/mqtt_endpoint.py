"""An MQTT endpoint of a subscription, and what is published there (ETSI GS CIM 009, 5.2.22, 7.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson

from broker.errors import Invalid

SCHEMES = ("mqtt", "mqtts")
_FIELD = "notification.endpoint"
_VERSIONS: dict[str, Literal["3.1.1", "5.0"]] = {"mqtt3.1.1": "3.1.1", "mqtt5.0": "5.0"}
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LONGEST_TOPIC = 65_535


class MqttEndpoint(NamedTuple):
    """Where to publish, as whom, under which topic, and how. Without notifierInfo: MQTT 5, QoS 0 (7.2)."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None
    topic: str
    version: Literal["3.1.1", "5.0"] = "5.0"
    qos: Literal[0, 1, 2] = 0

    @property
    def address(self) -> str:
        """The server as a URL, without who asks."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' * self.tls}://{host}:{self.port}"


def is_mqtt(uri: object) -> bool:
    """Whether an endpoint's URI is that of an MQTT server."""
    return isinstance(uri, str) and uri.partition(":")[0].lower() in SCHEMES


def mqtt_endpoint(endpoint: Mapping[str, Any]) -> MqttEndpoint:
    """The endpoint `mqtt[s]://[user[:password]@]host[:port]/topic[/…]`. Raises `Invalid` naming the member."""
    try:
        parts = urlsplit(str(endpoint["uri"]))
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise Invalid(f"the address is not one of an MQTT server: {error}", field=f"{_FIELD}.uri") from error
    topic = unquote(parts.path.removeprefix("/"))
    if not parts.hostname or not topic or len(topic.encode()) > _LONGEST_TOPIC or set(topic) & set("+#\0"):
        raise Invalid(
            "an MQTT endpoint is mqtt://host:port/topic, where the topic has no + and no #", field=f"{_FIELD}.uri"
        )
    told = _told(endpoint.get("notifierInfo", ()))
    version = _VERSIONS.get(told.get("MQTT-Version", "mqtt5.0"))
    if version is None:
        raise Invalid(f"MQTT-Version is one of {', '.join(_VERSIONS)}", field=f"{_FIELD}.notifierInfo")
    qos = told.get("MQTT-QoS", "0")
    if qos not in ("0", "1", "2"):
        raise Invalid("MQTT-QoS is 0, 1 or 2", field=f"{_FIELD}.notifierInfo")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    level: Literal[0, 1, 2] = 0 if qos == "0" else 1 if qos == "1" else 2
    return MqttEndpoint(parts.hostname, port, parts.scheme == "mqtts", username, password, topic, version, level)


def _told(pairs: Any) -> dict[str, str]:
    """notifierInfo as a mapping; the form of the pairs was checked with the subscription."""
    return {str(pair["key"]): str(pair["value"]) for pair in pairs}


def mqtt_message(headers: Mapping[str, str], body: str) -> bytes:
    """The message: what HTTP has as headers is `metadata`, the notification is `body` (7.2)."""
    return orjson.dumps({"metadata": dict(headers), "body": orjson.Fragment(body)})
