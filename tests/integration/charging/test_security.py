"""OCPP's security profiles 2 (TLS and password) and 3 (the station's certificate), over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from websockets.exceptions import InvalidStatus

from broker.store import certificates
from cityos import authority
from tests.conftest import CityDatabase
from tests.integration.charging.conftest import SECRET, Central, running
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
