"""What is wrong with a connector, in words that a caretaker can act on. The codes are OCPP 1.6's (7.6)."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """One sentence in each language."""

    ja: str
    en: str


_OTHER = Words(
    "充電器が故障を知らせています。保守業者に連絡してください。", "The charger reports a fault. Call the maintainer."
)

FAULTS = {
    "ConnectorLockFailure": Words("コネクタの固定・解除ができません。差し込みを確かめてください。",
                                  "The connector cannot be locked or unlocked. Check the plug."),
    "EVCommunicationError": Words("車と通信できません。プラグを抜き差ししてください。",
                                  "It cannot talk to the vehicle. Unplug and plug in again."),
    "GroundFailure": Words("漏電を検知しました。触れずに、電源を切って点検を依頼してください。",
                           "A ground fault. Do not touch it; cut the power and have it inspected."),
    "HighTemperature": Words("内部が高温です。冷えるまで待ち、換気口を確かめてください。",
                             "It is too hot inside. Let it cool and check its vents."),
    "InternalError": Words("充電器の内部故障です。再起動で直らなければ保守業者へ。",
                           "An internal error. Restart it; if that does not help, call the maintainer."),
    "LocalListConflict": Words("認証リストが一致しません。リストを送り直してください。",
                               "Its list of cards conflicts. Send the list again."),
    "OverCurrentFailure": Words("過電流で停止しました。車を外し、点検を依頼してください。",
                                "Stopped by over-current. Unplug the vehicle and have it inspected."),
    "OverVoltage": Words("電圧が高すぎます。受電設備を確かめてください。",
                         "The voltage is too high. Check the supply."),
    "UnderVoltage": Words("電圧が低すぎます。受電設備を確かめてください。",
                          "The voltage is too low. Check the supply."),
    "PowerMeterFailure": Words("電力量計を読めません。この充電器の電力量は確定できません。",
                               "The meter cannot be read. Its energy is not to be billed."),
    "PowerSwitchFailure": Words("開閉器の故障です。使用を止めて点検を依頼してください。",
                                "The power switch failed. Take it out of use and have it inspected."),
    "ReaderFailure": Words("カードを読めません。遠隔操作でなら充電を始められます。",
                           "The card reader failed. Charging can be started remotely."),
    "ResetFailure": Words("再起動できませんでした。現地で電源を入れ直してください。",
                          "It could not restart. Switch its power off and on at the site."),
    "WeakSignal": Words("電波が弱く、通信が途切れます。", "Its radio signal is weak; messages come late."),
}  # fmt: skip
"""By the code that the station sends."""


def explained(status: str, error: str, *, connected: bool) -> Words | None:
    """What to tell a person about a connector; None where nothing is wrong."""
    if not connected:
        return Words(
            "通信が切れています。充電は続いているかもしれません。電源と回線を確かめてください。",
            "Not connected. It may still be charging. Check its power and its line.",
        )
    if error != "NoError":
        return FAULTS.get(error, _OTHER)
    return _OTHER if status == "Faulted" else None
