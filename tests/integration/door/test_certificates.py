"""The city's own authority: a certificate is a device's only while the registry says so."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import mqtt5
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.settings import EndpointSettings
from broker.errors import Conflict, Invalid, NotFound
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.store import certificates
from broker.store.devices import Device as Row
from broker.store.devices import DeviceRegistry, register
from cityos import authority
from tests.conftest import CityDatabase
from tests.integration.mqtt.authority import Authority
from tests.integration.mqtt.kit import Closed, Device, TestIntake


class Door(NamedTuple):
    """An endpoint that asks for certificates of the city's authority."""

    database: CityDatabase
    registry: DeviceRegistry
    doorkeeper: RegistryDoorkeeper
    endpoint: Endpoint
    servers: Authority
    folder: Path

    async def issue(self, device: str) -> tuple[str, ssl.SSLContext]:
        """A certificate bound to the device: its serial, and the device's side of TLS."""
        made = authority.issue(self.folder, f"fukui/{device}", datetime.now(UTC), 30)
        async with self.database.system.transaction() as tx:
            await certificates.bind(tx, "fukui", device, made.fingerprint, made.serial, made.expires_at)
        await self.registry.refresh()
        return made.serial, self.context(made)

    def context(self, made: authority.Issued) -> ssl.SSLContext:
        path = self.folder / f"{made.serial}.pem"
        path.write_bytes(made.certificate + (made.key or b""))
        context = ssl.create_default_context(cafile=str(self.servers.certificate))
        context.load_cert_chain(path)
        return context

    async def answer(self, context: ssl.SSLContext, device: Device | None = None, client_id: str = "g1") -> int:
        assert self.endpoint.tls_port
        device = device or Device()
        connack = await device.connect(
            self.endpoint.tls_port, context=context, username=None, password=None, client_id=client_id
        )
        return int(connack.reason_code.value)


@pytest.fixture
async def door(database: CityDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    servers = Authority(tmp_path)
    certificate, key = servers.issue("city", "DNS:localhost")
    folder = tmp_path / "ca"
    authorities = authority.found_authority(folder, "fukui", datetime.now(UTC))
    async with database.system.transaction() as tx:
        for name in ("gate-1", "gate-2"):
            await register(tx, "fukui", Row("fukui", name, "river_gauge"), {}, "a secret")
    registry = DeviceRegistry(database.system)
    await registry.refresh()
    doorkeeper = RegistryDoorkeeper(registry, "fukui")
    settings = EndpointSettings(
        port=0, tls_port=0, tls_certificate=certificate, tls_key=key, client_authorities=authorities
    )
    endpoint = Endpoint(TestIntake(), doorkeeper, settings)
    await endpoint.start()
    yield Door(database, registry, doorkeeper, endpoint, servers, folder)
    await endpoint.stop()


async def test_certificates_overlap_and_revoking_one_ends_its_connection(door: Door) -> None:
    first, old = await door.issue("gate-1")
    _, new = await door.issue("gate-1")
    device = Device()
    assert await door.answer(old, device) == 0
    assert await door.answer(new, client_id="newer") == 0
    async with door.database.system.transaction() as tx:
        assert await certificates.revoke(tx, "fukui", "gate-1", first, datetime.now(UTC)) == 1
        assert await certificates.revoke(tx, "fukui", "gate-1", first, datetime.now(UTC)) == 0
    await door.registry.refresh()
    assert door.endpoint.evict(door.doorkeeper.still) == 1
    assert (await device.expect(mqtt5.DisconnectPacket)).reason_code.value == 0x87
    assert await door.answer(old) == 0x87
    assert await door.answer(new) == 0


async def test_a_certified_device_is_not_let_in_by_password(door: Door) -> None:
    await door.issue("gate-1")
    assert door.endpoint.port
    thief = Device(name="fukui/gate-1", password="a secret")
    assert (await thief.connect(door.endpoint.port)).reason_code.value == 0x87
    plain = Device(name="fukui/gate-2", password="a secret")
    assert (await plain.connect(door.endpoint.port)).reason_code.value == 0


async def test_a_certificate_of_ours_that_was_not_bound_opens_nothing(door: Door) -> None:
    await door.issue("gate-1")
    unbound = authority.issue(door.folder, "fukui/gate-1", datetime.now(UTC), 30)
    assert await door.answer(door.context(unbound)) == 0x87


async def test_a_strangers_certificate_opens_nothing(door: Door) -> None:
    await door.issue("gate-1")
    forged = ssl.create_default_context(cafile=str(door.servers.certificate))
    forged.load_cert_chain(*door.servers.issue(r"fukui\/gate-1", "DNS:forged"))
    with pytest.raises((Closed, ssl.SSLError, OSError, EOFError)):
        await door.answer(forged)


def request_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "king")]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_of_a_devices_own_request_only_the_key_is_taken(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority.found_authority(tmp_path, "fukui", now)
    with pytest.raises(Conflict):
        authority.found_authority(tmp_path, "fukui", now)
    assert (tmp_path / authority.KEY).stat().st_mode & 0o077 == 0
    made = authority.issue(tmp_path, "fukui/g", now, 30, request_of(ec.generate_private_key(ec.SECP256R1())))
    assert made.key is None
    assert x509.load_pem_x509_certificate(made.certificate).subject.rfc4514_string() == "CN=fukui/g"


@pytest.mark.parametrize("request_", [b"nonsense", request_of(rsa.generate_private_key(65537, 2048))])
def test_a_wrong_request_says_why(tmp_path: Path, request_: bytes) -> None:
    now = datetime.now(UTC)
    with pytest.raises(NotFound):
        authority.issue(tmp_path / "none", "fukui/g", now, 30)
    authority.found_authority(tmp_path, "fukui", now)
    with pytest.raises(Invalid, match="request"):
        authority.issue(tmp_path, "fukui/g", now, 30, request_)
    with pytest.raises(Invalid, match="longer"):
        authority.issue(tmp_path, "f" * 65, now, 30)
