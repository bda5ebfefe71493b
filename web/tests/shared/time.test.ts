import { describe, expect, it } from "vitest";
import { en } from "../../src/shared/language/en";
import { ja } from "../../src/shared/language/ja";
import { CityClock } from "../../src/shared/time/clock";
import { ageText, clockTime, fullTime, metresText, nearTime } from "../../src/shared/time/format";

const MINUTE = 60_000;
const NOON = new Date("2023-07-13T02:20:00Z");

function clockWith(mode: "live" | "replay") {
  const ticks = { now: 0, steadyNow: 0 };
  const clock = new CityClock({ wall: () => ticks.now, steady: () => ticks.steadyNow });
  clock.mode = mode;
  return { ticks, clock };
}

describe("CityClock", () => {
  it("knows no time before the city has told one", () => {
    const { clock } = clockWith("live");
    expect(clock.now()).toBeNull();
    expect(clock.minutesSince(NOON)).toBeNull();
  });

  it("runs on from the city's time, not from the phone's", () => {
    const { clock, ticks } = clockWith("live");
    clock.sync(NOON);
    ticks.now += 5 * MINUTE;
    ticks.steadyNow += 5 * MINUTE;
    expect(clock.minutesSince(NOON)).toBe(5);
  });

  it("ages data through a sleep that stops the steady clock", () => {
    const { clock, ticks } = clockWith("live");
    clock.sync(NOON);
    ticks.now += 600 * MINUTE;
    expect(clock.minutesSince(NOON)).toBe(600);
  });

  it("never makes data younger when the phone's clock is set back", () => {
    const { clock, ticks } = clockWith("live");
    clock.sync(NOON);
    ticks.steadyNow += 7 * MINUTE;
    ticks.now -= 600 * MINUTE;
    expect(clock.minutesSince(NOON)).toBe(7);
  });

  it("moves in a replay only with the data, and back when the replay starts over", () => {
    const { clock, ticks } = clockWith("replay");
    clock.sync(NOON);
    ticks.now += 60 * MINUTE;
    expect(clock.now()).toEqual(NOON);
    const later = new Date(NOON.getTime() + 30 * MINUTE);
    clock.observe(later);
    expect(clock.now()).toEqual(later);
    clock.observe(NOON);
    expect(clock.now()).toEqual(later);
    clock.observe(new Date(NOON.getTime() + 2880 * MINUTE));
    expect(clock.now(), "one gauge with a wrong date").toEqual(later);
    clock.sync(NOON);
    expect(clock.now()).toEqual(NOON);
  });

  it("says 0 for a reading from the future", () => {
    const { clock } = clockWith("live");
    clock.sync(NOON);
    expect(clock.minutesSince(new Date(NOON.getTime() + 5 * MINUTE))).toBe(0);
  });
});

describe("words for times and levels", () => {
  it("is Japan's time wherever the phone is", () => {
    expect(clockTime(NOON, ja)).toBe("11:20");
    expect(fullTime(new Date("2023-07-12T15:00:00Z"), ja)).toBe("2023年7月13日 00:00");
    expect(fullTime(NOON, en)).toBe("13 July 2023 at 11:20");
  });

  it("names the day only when it is another", () => {
    expect(nearTime(NOON, new Date("2023-07-13T05:00:00Z"), ja)).toBe("11:20");
    expect(nearTime(NOON, new Date("2023-07-14T05:00:00Z"), ja)).toBe("7月13日 11:20");
    expect(nearTime(NOON, new Date("2024-07-13T02:20:00Z"), ja)).toBe("7月13日 11:20");
  });

  it.each([
    [null, "不明", "unknown"],
    [0, "1 分以内", "less than a minute old"],
    [1, "1 分前", "1 minute old"],
    [119, "119 分前", "119 minutes old"],
    [120, "2 時間前", "2 hours old"],
    [2 * 1440, "2 日前", "2 days old"],
  ])("age of %s minutes", (minutes, inJapanese, inEnglish) => {
    expect(ageText(minutes, ja)).toBe(inJapanese);
    expect(ageText(minutes, en)).toBe(inEnglish);
  });

  it("writes levels with two digits and a true minus", () => {
    expect([2, -1.255, -0.001, 570.36].map(metresText)).toEqual(["2.00", "−1.25", "0.00", "570.36"]);
  });
});
