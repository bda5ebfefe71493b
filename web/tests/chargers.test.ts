import { expect, test } from "vitest";
import { endOfDay } from "../src/chargers/cards";
import { answerText } from "../src/chargers/commands";
import { limits, runs } from "../src/chargers/load";
import { urgentFirst } from "../src/chargers/stations";
import { clockOf, windowOf } from "../src/chargers/windows";
import { best, type Load, type PublicStation, type Station } from "../src/shared/chargers/types";
import { chargerWords } from "../src/shared/chargers/words";

const words = chargerWords("ja");

test("a station is the best of what its connectors offer", () => {
  const station = (free: number, inUse: number, broken: number, unknown: number): PublicStation => ({
    id: "EV-1",
    name: "EV-1",
    location: null,
    connectors: { free, "in-use": inUse, "out-of-order": broken, unknown },
  });
  expect(best(station(1, 1, 1, 1))).toBe("free");
  expect(best(station(0, 1, 1, 1))).toBe("in-use");
  expect(best(station(0, 0, 1, 1))).toBe("unknown");
  expect(best(station(0, 0, 0, 0))).toBe("out-of-order");
});

test("the load's line stops where nobody knows what was drawn", () => {
  const at = (minute: number): Load => ({
    at: new Date(Date.UTC(2026, 10, 21, 3, minute)).toISOString(),
    powerW: 1,
    givenW: 1,
    limitW: 1,
  });
  expect(runs([at(0), at(1), at(5), at(20), at(21)]).map((run) => run.length)).toEqual([3, 2]);
  expect(runs([])).toEqual([]);
});

test("the limit is told once for as long as it holds, whoever is silent meanwhile", () => {
  const at = (minute: number, limitW: number): Load => ({
    at: new Date(Date.UTC(2026, 10, 21, 3, minute)).toISOString(),
    powerW: 1,
    givenW: 1,
    limitW,
  });
  const found = limits([at(0, 9000), at(1, 9000), at(30, 5000), at(31, 9000)]);
  expect(found.map(({ watts }) => watts)).toEqual([9000, 5000, 9000]);
});

test("a peak cut is read as it was shown, to the end of a day too", () => {
  expect(windowOf("13:00", "16:30", "5.5")).toEqual({ from: 780, until: 990, limitW: 5500 });
  expect(windowOf("22:00", clockOf(1440), "4")).toEqual({ from: 1320, until: 1440, limitW: 4000 });
  expect(windowOf("00:00", "00:00", "4")).toEqual({ from: 0, until: 1440, limitW: 4000 });
  for (const [from, until, cut] of [
    ["13:00", "13:00", "5"],
    ["", "13:00", "5"],
    ["13:00", "", "5"],
    ["13:00", "14:00", ""],
  ] as const)
    expect(windowOf(from, until, cut)).toBeNull();
});

test("a card is good until the end of its day in Japan", () => {
  expect(endOfDay("2026-11-30")).toBe("2026-11-30T23:59:59+09:00");
  expect(endOfDay("")).toBeNull();
});

test("what is broken stands above, then what is not heard", () => {
  const station = (id: string, connected: boolean, broken: boolean): Station =>
    ({
      id,
      connected,
      connectors: [{ fault: broken ? { ja: "漏電", en: "ground" } : null }],
    }) as unknown as Station;
  const found = urgentFirst([station("A", true, false), station("B", false, true), station("C", true, true)]);
  expect(found.map(({ id }) => id)).toEqual(["C", "B", "A"]);
});

test("an answer is said in words where there are some, and as it came where not", () => {
  expect(answerText("Unlocked", words)).toBe("外せます");
  expect(answerText('{"status": "Rejected", "x": 1}', words)).toBe("断りました");
  expect(answerText("{}", words)).toBe("受け付けました");
  expect(answerText('{"fileName": "diagnostics.txt"}', words)).toBe("diagnostics.txt");
  expect(answerText("no answer within 30 s", words)).toBe("no answer within 30 s");
  expect(answerText(null, words)).toBe("");
});
