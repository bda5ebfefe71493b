import { expect, test } from "vitest";
import { areasAt, differences, gaugesAt, standingAt } from "../../src/review/night";
import type { Moment, Report, StageResult } from "../../src/review/types";
import { gauge } from "../gauges";

const moments: Moment[] = [
  { at: "2024-07-01T00:10:00Z", kind: "stage", gauge: "g1", stage: "danger" },
  { at: "2024-07-01T00:11:00Z", kind: "proposed", district: "eba", level: 4 },
  { at: "2024-07-01T00:20:00Z", kind: "issue", district: "eba", level: 4 },
  { at: "2024-07-01T03:00:00Z", kind: "stage", gauge: "g1", stage: "below" },
  { at: "2024-07-01T03:30:00Z", kind: "lift", district: "eba", level: 0 },
];
const geometry = { type: "Polygon" as const, coordinates: [] };

test("the night stands as it stood", () => {
  const states = (minutes: number) => {
    const at = new Date(Date.parse("2024-07-01T00:00:00Z") + minutes * 60_000);
    const standing = standingAt(moments, at);
    const [area] = areasAt(
      [{ id: "eba", name: "江波", geometry }],
      standing,
      () => "#aa00aa",
      (state, level) => (level === 0 ? "" : `${state} ${level}`),
    );
    return [standing.stages.get("g1") ?? null, area?.state, area?.label];
  };
  expect(states(0)).toEqual([null, "calm", "江波"]);
  expect(states(11)).toEqual(["danger", "proposed", "江波\nproposed 4"]);
  expect(states(20)).toEqual(["danger", "force", "江波\nforce 4"]);
  expect(states(200)).toEqual(["below", "force", "江波\nforce 4"]);
  expect(states(240)).toEqual(["below", "proposed", "江波\nproposed 4"]);
});

test("a gauge of which nothing is known yet is silent, and one without stages stays so", () => {
  const shown = gaugesAt(
    [gauge({ id: "g1" }), gauge({ id: "g2", stage: "none" })],
    standingAt([], new Date()),
  );
  expect(shown.map(({ stage, level }) => [stage, level])).toEqual([
    ["unknown", null],
    ["none", null],
  ]);
});

test("only what differs between two sets of rules is shown", () => {
  const result = (station: string, alarms: number): StageResult => ({
    station,
    name: "",
    stage: "danger",
    episodes: 1,
    alarms,
    false: 0,
    missed: 0,
    delay_min: null,
    lead_min: 10,
  });
  const report = (...stages: StageResult[]): Report => ({
    rules: "1",
    readings: 5,
    stages,
    totals: { episodes: 1, alarms: 1, false: 0, doubtful: 0, missed: 0 },
  });
  const found = differences(
    report(result("1", 1), result("2", 1)),
    report(result("1", 1), result("2", 2), result("3", 1)),
  );
  expect(
    found.map(({ name, current, candidate }) => [name, current?.alarms ?? null, candidate?.alarms]),
  ).toEqual([
    ["2", 1, 2],
    ["3", null, 1],
  ]);
});
