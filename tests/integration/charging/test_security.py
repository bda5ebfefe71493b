"""OCPP's security profiles 2 (TLS and password) and 3 (the station's certificate), over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from broker.store import certificates
from cityos import authority
from tests.conftest import CityDatabase
from tests.integration.charging.conftest import SECRET, Central, running, tell, until
from tests.integration.charging.test_central import both
from tests.integration.mqtt.authority import Authority


class Secured(NamedTuple):
    """A central system with TLS that knows the city's authority, and the authority of its own certificate."""

    central: Central
    servers: Authority
    folder: Path

    def trusting(self, made: authority.Issued | None = None) -> ssl.SSLContext:
        """A station's side of TLS, with its certificate where it has one."""
        context = ssl.create_default_context(cafile=str(self.servers.certificate))
        if made is not None:
            path = self.folder / f"{made.serial}.pem"
            path.write_bytes(made.certificate + (made.key or b""))
            context.load_cert_chain(path)
        return context

    async def issue(self, station: str, *, bound: bool = True) -> authority.Issued:
        """A certificate of the city's authority for a station."""
        made = authority.issue(self.folder, f"fukui/{station}", datetime.now(UTC), 30)
        if bound:
            async with self.central.database.system.transaction() as tx:
                await certificates.bind(tx, "fukui", station, made.fingerprint, made.serial, made.expires_at)
            await self.central.registry.refresh()
        return made


@pytest.fixture
async def secured(database: CityDatabase, tmp_path: Path) -> AsyncIterator[Secured]:
    servers = Authority(tmp_path)
    certificate, key = servers.issue("city", "DNS:localhost")
    own = tmp_path / "city"
    own.mkdir()
    devices = authority.found_authority(own, "fukui", datetime.now(UTC))
    files = {"tls_certificate": certificate, "tls_key": key, "client_authorities": devices}
    async with running(database, tls_port=0, **files) as central:
        yield Secured(central, servers, own)


@both
async def test_profile_2_is_tls_with_a_password(secured: Secured, version: str) -> None:
    await secured.central.register("EV-1")
    station = secured.central.client("EV-1", version, ssl=secured.trusting())
    await station.connect()
    assert await station.boot() == "Accepted"
    await station.status("Available")
    with pytest.raises(InvalidStatus) as wrong:
        await secured.central.client("EV-1", version, password="guess", ssl=secured.trusting()).connect()
    assert wrong.value.response.status_code == 401


async def test_profile_2_is_not_fooled_by_another_server(secured: Secured, tmp_path: Path) -> None:
    await secured.central.register("EV-1")
    other = tmp_path / "other"
    other.mkdir()
    stranger = ssl.create_default_context(cafile=str(Authority(other).certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        await secured.central.client("EV-1", ssl=stranger).connect()


@both
async def test_profile_3_is_the_certificate_that_is_registered(secured: Secured, version: str) -> None:
    await secured.central.register("EV-1", secret=None)
    made = await secured.issue("EV-1")
    station = secured.central.client("EV-1", version, password=None, ssl=secured.trusting(made))
    await station.connect()
    assert await station.boot() == "Accepted"
    loose = await secured.issue("EV-1", bound=False)
    with pytest.raises(InvalidStatus) as unbound:
        await secured.central.client("EV-1", version, password=None, ssl=secured.trusting(loose)).connect()
    assert unbound.value.response.status_code == 401, "of the same authority, but bound to no station"
    await secured.central.register("EV-2")
    neighbours = authority.issue(secured.folder, "neighbour/EV-2", datetime.now(UTC), 30)
    for others in (made, neighbours):
        with pytest.raises(InvalidStatus):
            await secured.central.client("EV-2", version, password=None, ssl=secured.trusting(others)).connect()


@both
async def test_a_certificate_is_renewed_before_it_ends(secured: Secured, version: str) -> None:
    """The whole loop: triggered, asked for, issued, handed over, used; and the old one is no good any more."""
    central, name = secured.central, "ChargePoint" if version == "1.6" else "ChargingStation"
    await central.register("EV-1", secret=None)
    old = await secured.issue("EV-1")
    station = central.client("EV-1", version, password=None, ssl=secured.trusting(old))
    await station.connect()
    assert await station.boot() == "Accepted"
    await tell(central, "c-1", "trigger", {"message": f"Sign{name}Certificate"})
    await station.until_asked("ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage")
    key = ec.generate_private_key(ec.SECP256R1())
    name_of = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "EV-1")])
    asked = x509.CertificateSigningRequestBuilder(name_of).sign(key, hashes.SHA256())
    csr = asked.public_bytes(serialization.Encoding.PEM).decode()
    assert await station.call("SignCertificate", {"csr": csr}) == {"status": "Accepted"}
    query = "select certificate_request as csr from charging_station where id = 'EV-1'"
    [row] = await until(lambda: central.rows(query), lambda rows: rows[0]["csr"] is not None)
    made = authority.issue(secured.folder, "fukui/EV-1", datetime.now(UTC), 365, row["csr"].encode())
    assert (made.key, made.expires_at > old.expires_at) == (None, True)
    async with central.database.system.transaction() as tx:
        await certificates.bind(tx, "fukui", "EV-1", made.fingerprint, made.serial, made.expires_at)
    await central.registry.refresh()
    await tell(central, "c-2", "certificate", {"chain": made.certificate.decode()})
    told = await station.until_asked("CertificateSigned")
    await until(lambda: central.rows(query), lambda rows: rows[0]["csr"] is None)
    assert station.connected, "the old one is good until the new one is used"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    received = made._replace(certificate=told["certificateChain"].encode(), key=private)
    renewed = central.client("EV-1", version, password=None, ssl=secured.trusting(received))
    await renewed.connect()
    assert await renewed.boot() == "Accepted"
    async with central.database.system.transaction() as tx:
        assert await certificates.revoke(tx, "fukui", "EV-1", old.serial, datetime.now(UTC)) == 1
    await central.registry.refresh()
    assert await central.system.evict(central.doorkeeper.still) == 0
    with pytest.raises(InvalidStatus) as late:
        await central.client("EV-1", version, password=None, ssl=secured.trusting(old)).connect()
    assert late.value.response.status_code == 401
    await renewed.heartbeat()


async def test_a_station_with_a_certificate_is_not_let_in_by_password(secured: Secured) -> None:
    await secured.central.register("EV-1")
    made = await secured.issue("EV-1")
    with pytest.raises(InvalidStatus) as refused:
        await secured.central.client("EV-1", password=SECRET, ssl=secured.trusting()).connect()
    assert refused.value.response.status_code == 401
    station = secured.central.client("EV-1", password=None, ssl=secured.trusting(made))
    await station.connect()
    async with secured.central.database.system.transaction() as tx:
        await certificates.revoke(tx, "fukui", "EV-1", made.serial, datetime.now(UTC))
    await secured.central.registry.refresh()
    assert await secured.central.system.evict(secured.central.doorkeeper.still) == 1
