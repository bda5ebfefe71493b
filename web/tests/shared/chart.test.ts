import { describe, expect, it } from "vitest";
import type { HydrographPoint, Quality } from "../../src/shared/api/types";
import {
  type Frame,
  layoutHydrograph,
  levelRange,
  longestBridge,
  nearestPoint,
} from "../../src/shared/chart/hydrograph";
import { hourTicks, isMidnight, linear, roundTicks, spread } from "../../src/shared/chart/scale";
import { HARAME } from "../gauges";

const START = new Date("2023-07-12T15:00:00Z");
const FRAME: Frame = { width: 340, height: 300, from: START, to: new Date("2023-07-13T15:00:00Z") };

function at(minutes: number, level: number | null, quality: Quality = "good"): HydrographPoint {
  return {
    at: new Date(START.getTime() + minutes * 60_000),
    level,
    quality,
    status: "provisional",
    version: 0,
  };
}

describe("scales", () => {
  it("maps both ways, also upside down", () => {
    const y = linear([-1, 3], [300, 0]);
    expect([y(-1), y(1), y(3)]).toEqual([300, 150, 0]);
  });

  it.each([
    [0, 2.3, 5, [0, 0.5, 1, 1.5, 2]],
    [-1.2, 0.4, 4, [-1, -0.5, 0]],
    [570.1, 570.5, 4, [570.1, 570.2, 570.3, 570.4, 570.5]],
  ])("round ticks from %s to %s", (low, high, count, ticks) => {
    expect(roundTicks(low, high, count)).toEqual(ticks);
  });

  it("puts hour ticks on Japan's hours, one of them on midnight", () => {
    const ticks = hourTicks(new Date("2023-07-13T02:20:00Z"), new Date("2023-07-13T20:00:00Z"), 6);
    expect(ticks.map((tick) => tick.toISOString().slice(11, 16))).toEqual(["03:00", "09:00", "15:00"]);
    expect(ticks.map(isMidnight)).toEqual([false, false, true]);
  });

  it("spreads labels that would touch, in their order and inside the picture", () => {
    expect(spread([100, 20, 102], 15, 0, 300)).toEqual([100, 20, 115]);
    expect(spread([295, 296, 297], 15, 0, 300)).toEqual([270, 285, 300]);
    expect(spread([], 15, 0, 300)).toEqual([]);
  });
});

describe("layoutHydrograph", () => {
  it("puts levels ahead after the present, opening from the last level, and drops those that are past", () => {
    const later = (minutes: number) => new Date(FRAME.to.getTime() + minutes * 60_000);
    const one = { level: 3, low: 2.5, high: 4 };
    const points = [at(0, 1), at(10, 2)];
    const past = layoutHydrograph(points, HARAME.thresholds, FRAME, [{ at: later(-1), ...one }]);
    expect(past.ahead).toEqual([]);
    const { ahead, runs, box } = layoutHydrograph(points, HARAME.thresholds, FRAME, [
      { at: later(60), ...one },
    ]);
    const last = runs.at(-1)?.at(-1);
    expect(ahead[0]).toEqual({ x: last?.x, y: last?.y, low: last?.y, high: last?.y });
    expect(ahead[1]?.x).toBeCloseTo(box.right);
    expect(ahead[1]?.high).toBeLessThan(ahead[1]?.y ?? 0);
    expect(ahead[1]?.high).toBeGreaterThanOrEqual(box.top);
  });

  it("always shows all stages, so that the distance to danger can be seen", () => {
    const [low, high] = levelRange([at(0, 0.3)], HARAME.thresholds);
    expect(low).toBeLessThan(0.3);
    expect(high).toBeGreaterThan(2);
    const { stages, box } = layoutHydrograph([at(0, 0.3)], HARAME.thresholds, FRAME);
    expect(stages.map((line) => line.stage)).toEqual(["standby", "caution", "evacuation", "danger"]);
    for (const line of stages) expect(line.y).toBeGreaterThan(box.top);
  });

  it("has labels that never lie on each other, even for stages five centimetres apart", () => {
    const close = { standby: 5.0, caution: 5.05, evacuation: 5.1, danger: 5.15 };
    const { stages } = layoutHydrograph([at(0, 0)], close, FRAME);
    const ys = stages.map((line) => line.labelY).sort((a, b) => a - b);
    for (const [index, y] of ys.slice(1).entries()) expect(y - (ys[index] ?? 0)).toBeGreaterThanOrEqual(15);
  });

  it("does not let a faulty value squeeze the picture, and keeps its symbol at the edge", () => {
    const points = [at(0, 1), at(10, 99, "bad"), at(20, 1.1)];
    expect(levelRange(points, HARAME.thresholds)[1]).toBeLessThan(3);
    const layout = layoutHydrograph(points, HARAME.thresholds, FRAME);
    expect(layout.points[1]?.y).toBe(layout.box.top);
    expect(layout.runs.map((run) => run.length)).toEqual([2]);
  });

  it("breaks the line at a missing value and at a long silence, not at a suspect rise", () => {
    const points = [
      ...[0, 10, 20].map((minutes) => at(minutes, 1)),
      at(30, 2.5, "suspect"),
      at(40, null, "missing"),
      ...[50, 60].map((minutes) => at(minutes, 1.2)),
      ...[200, 210].map((minutes) => at(minutes, 1.3)),
    ];
    const { runs } = layoutHydrograph(points, HARAME.thresholds, FRAME);
    expect(runs.map((run) => run.length)).toEqual([4, 2, 2]);
  });

  it("judges silence by the gauge's own interval", () => {
    const daily = [0, 1440, 2880, 4320].map((minutes) => at(minutes, 1));
    expect(longestBridge(daily)).toBe(2.5 * 1440 * 60_000);
    expect(longestBridge([0, 10, 20].map((minutes) => at(minutes, 1)))).toBe(3_600_000);
    expect(longestBridge([])).toBeGreaterThan(0);
  });

  it("stands without points, without stages, and with one value over and over", () => {
    const none = { standby: null, caution: null, evacuation: null, danger: null };
    const empty = layoutHydrograph([], none, FRAME);
    expect([empty.points, empty.runs, empty.stages]).toEqual([[], [], []]);
    const flat = layoutHydrograph([at(0, 2), at(10, 2)], none, FRAME);
    expect(flat.points.every((point) => Number.isFinite(point.y))).toBe(true);
    expect(nearestPoint(empty, 10)).toBeNull();
  });

  it("finds the value under the pointer, and leaves out what lies outside the time shown", () => {
    const layout = layoutHydrograph([at(-60, 9), at(0, 1), at(1200, 2)], HARAME.thresholds, FRAME);
    expect(layout.points).toHaveLength(2);
    expect(nearestPoint(layout, layout.box.right)?.point.level).toBe(2);
    expect(nearestPoint(layout, 0)?.point.level).toBe(1);
  });
});
