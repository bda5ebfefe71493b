"""The registry of devices in the forms of ordinary brokers. mosquitto's are tried on a mosquitto (integration/mqtt)."""

from __future__ import annotations

import hashlib

from broker.ingest.broker_files import EMQX, Bridge, Known, broker_files
from broker.store.devices import Device, secret_hash
from schemas.device import DeviceProfile

SECRET = "a secret of many random letters"
GAUGE = Device("fukui", "gauge-1", "river_gauge", secret_hash=secret_hash(SECRET))


def test_emqx_gets_users_whose_hash_is_its_own_sha256_without_a_salt_and_rules_that_end_in_no() -> None:
    bridge = Bridge("cityos-bridge", "its password")
    made = broker_files([Known(GAUGE, None)], bridge=bridge, form=EMQX)
    assert made.passwords.splitlines() == [
        "user_id,password_hash,salt,is_superuser",
        f"cityos-bridge,{hashlib.sha256(b'its password').hexdigest()},,false",
        f"fukui/gauge-1,{hashlib.sha256(SECRET.encode()).hexdigest()},,false",
    ]
    assert made.acl.splitlines() == [
        '{allow, {username, "cityos-bridge"}, publish, ["city/+/+/down/#"]}.',
        '{allow, {username, "cityos-bridge"}, subscribe, ["city/#"]}.',
        '{allow, {username, "fukui/gauge-1"}, publish, ["city/+/gauge-1/up", "city/+/gauge-1/reply/#"]}.',
        '{allow, {username, "fukui/gauge-1"}, subscribe, ["city/+/gauge-1/down/#"]}.',
        "{deny, all}.",
    ]


def test_who_may_not_publish_has_no_rule_for_it_and_who_may_not_come_has_none() -> None:
    silent = broker_files([Known(GAUGE, None)], may_publish=lambda _device: False, form=EMQX)
    assert silent.acl.splitlines() == [
        '{allow, {username, "fukui/gauge-1"}, subscribe, ["city/+/gauge-1/down/#"]}.',
        "{deny, all}.",
    ]
    gone = broker_files([Known(GAUGE._replace(status="suspended"), None)], form=EMQX)
    assert (gone.acl, [line.why for line in gone.left_out]) == ("{deny, all}.\n", ["suspended"])


def test_what_a_string_of_emqx_would_mean_otherwise_is_left_out() -> None:
    lora = GAUGE._replace(kind="network")
    for topic in ('x"]}. {allow, all}. {', "x\\", "x/${clientid}", "電/x", "x y"):
        made = broker_files([Known(lora._replace(profile=DeviceProfile(publish=(topic,))), None)], form=EMQX)
        assert (made.acl, len(made.left_out)) == ("{deny, all}.\n", 1), topic
    made = broker_files([Known(lora._replace(profile=DeviceProfile(publish=("v3/+/x$/#",))), None)], form=EMQX)
    assert '"v3/+/x$/#"' in made.acl
    unknown = broker_files([Known(GAUGE._replace(secret_hash=None), None)], form=EMQX)
    assert "give it a new one" in unknown.left_out[0].why
