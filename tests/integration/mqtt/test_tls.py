"""TLS: the server's certificate, and the name on a device's."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mqtt5
import pytest

from adapters.mqtt.client import BrokerClient
from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.settings import BrokerClientSettings, EndpointSettings
from adapters.mqtt.tls import renew, server_context, tls_files
from broker.errors import Invalid
from broker.renewal import follow
from tests.integration.log.contract import eventually
from tests.integration.mqtt.authority import Authority
from tests.integration.mqtt.conftest import StartEndpoint
from tests.integration.mqtt.kit import PATIENCE, TENANT, Closed, Device, Door, TestIntake


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> dict[str, Any]:
    certificate, key = authority.issue("city", "DNS:localhost")
    files = {"tls_certificate": certificate, "tls_key": key, "client_authorities": authority.certificate}
    return {"port": None, "tls_port": 0, **files}


def trusting(authority: Authority, identity: Sequence[Path] = ()) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if identity:
        context.load_cert_chain(*identity)
    return context


@pytest.mark.parametrize(("name", "alternative"), [("g1", "DNS:other.example"), ("", "DNS:g1")])
async def test_a_certificate_is_a_credential(
    start_endpoint: StartEndpoint,
    server: dict[str, Any],
    authority: Authority,
    door: Door,
    intake: TestIntake,
    name: str,
    alternative: str,
) -> None:
    endpoint = await start_endpoint(**server, require_client_certificate=True)
    assert endpoint.port is None
    assert endpoint.tls_port
    device = Device()
    context = trusting(authority, authority.issue(name, alternative))
    connack = await device.connect(endpoint.tls_port, context=context, username=None, password=None)
    assert connack.reason_code.value == 0
    assert door.seen[-1].certificate_name == "g1"
    await device.publish(b"x" * 200_000, 1)
    await device.expect(mqtt5.PubAckPacket)
    assert intake.messages[0].sender == "g1"


async def test_without_a_certificate_a_password_serves(
    start_endpoint: StartEndpoint, server: dict[str, Any], authority: Authority
) -> None:
    endpoint = await start_endpoint(**server)
    device = Device()
    assert (await device.connect(endpoint.tls_port or 0, context=trusting(authority))).reason_code.value == 0


async def test_a_required_certificate_is_required(
    start_endpoint: StartEndpoint, server: dict[str, Any], authority: Authority, door: Door
) -> None:
    endpoint = await start_endpoint(**server, require_client_certificate=True)
    device = Device()
    with pytest.raises((ssl.SSLError, Closed)):
        await device.connect(endpoint.tls_port or 0, context=trusting(authority))
    assert door.seen == []


async def test_plain_bytes_on_the_tls_port_hurt_nobody(
    start_endpoint: StartEndpoint, server: dict[str, Any], authority: Authority
) -> None:
    endpoint = await start_endpoint(**server)
    assert endpoint.tls_port
    stranger, device = Device(), Device()
    await stranger.open(endpoint.tls_port)
    await stranger.send(mqtt5.ConnectPacket("g1"))
    await device.connect(endpoint.tls_port, context=trusting(authority))
    await device.publish(b"1", 1)
    await device.expect(mqtt5.PubAckPacket)


async def test_renewed_certificates_are_used(
    start_endpoint: StartEndpoint, server: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    endpoint = await start_endpoint(**server)
    following = asyncio.create_task(follow(tls_files(endpoint.settings), endpoint.reload_certificates, every=0.05))

    async def shown() -> str:
        _, writer = await asyncio.open_connection("localhost", endpoint.tls_port, ssl=trusting(authority))
        names = dict(part[0] for part in writer.get_extra_info("peercert")["subject"])
        writer.close()
        return str(names["commonName"])

    assert await shown() == "city"
    await asyncio.sleep(0)
    renewed, key = authority.issue("renewed", "DNS:localhost")
    server["tls_certificate"].write_bytes(renewed.read_bytes())
    server["tls_key"].write_bytes(key.read_bytes())

    async def taken() -> bool:
        return await shown() == "renewed"

    await eventually(taken, PATIENCE)
    following.cancel()
    server["tls_key"].write_text("not a key")
    with pytest.raises(Invalid, match=r"DNS_localhost\.key"):
        endpoint.reload_certificates()
    assert await shown() == "renewed", "what is no good changes nothing"


@pytest.mark.parametrize("spoilt", ["tls_key", "client_authorities"])
def test_what_is_no_good_leaves_the_context_as_it_was(
    server: dict[str, Any], authority: Authority, spoilt: str, tmp_path: Path
) -> None:
    settings = EndpointSettings(**server)
    context = server_context(settings)
    held = context.get_ca_certs()
    other = Authority(tmp_path)
    certificate, key = other.issue("renewed", "DNS:localhost")
    renewed = {"tls_certificate": certificate, "tls_key": key, "client_authorities": other.certificate}
    bad = tmp_path / "bad.pem"
    bad.write_text("neither a key nor an authority")
    with pytest.raises(Invalid, match=r"bad\.pem") as refused:
        renew(context, settings.model_copy(update={**renewed, spoilt: bad}))
    assert refused.value.field == ("tls_certificate" if spoilt == "tls_key" else spoilt)
    assert context.get_ca_certs() == held
    renew(context, settings.model_copy(update=renewed))
    assert len(context.get_ca_certs()) == 2


async def test_files_that_are_no_good_are_named(server: dict[str, Any], tmp_path: Path) -> None:
    settings = EndpointSettings(**{**server, "tls_key": tmp_path / "absent.key"})
    endpoint = Endpoint(TestIntake(), Door(), settings)
    with pytest.raises(Invalid, match=r"absent\.key"):
        await endpoint.start()


async def test_our_client_speaks_tls_and_is_known_by_its_certificate(
    start_endpoint: StartEndpoint, server: dict[str, Any], authority: Authority, door: Door
) -> None:
    """The client of a broker against the endpoint, which is broker enough to connect and subscribe to."""
    endpoint = await start_endpoint(**server)
    certificate, key = authority.issue("g1", "DNS:g1")
    taken = TestIntake()
    settings = BrokerClientSettings(
        host="localhost",
        port=endpoint.tls_port,
        client_id="c",
        tls=True,
        tls_authorities=authority.certificate,
        tls_certificate=certificate,
        tls_key=key,
        tenant=TENANT,
        device="network",
        subscriptions=("commands/g1/#",),
    )
    client = BrokerClient(taken, settings)
    await client.start()
    async with asyncio.timeout(PATIENCE):
        await client.connected.wait()
    state = await endpoint.deliver(TENANT, "g1", "commands/g1/x", b"y" * 300_000, 1, wait=PATIENCE)
    assert state == "acknowledged"
    assert [(m.sender, len(m.payload)) for m in taken.messages] == [("network", 300_000)]
    await client.stop()
