import { describe, expect, it } from "vitest";
import type { Gauge } from "../../src/shared/api/types";
import { compareByDanger, filterGauges, groupByStage, marginOf } from "../../src/shared/stage/stage";
import { gauge, HARAME } from "../gauges";

describe("marginOf", () => {
  const at = (level: number | null, thresholds = HARAME.thresholds, stage: Gauge["stage"] = "below") => ({
    level,
    thresholds,
    stage,
  });

  it("says how far the level fell below a stage that is still held, instead of how far up to it", () => {
    expect(marginOf(at(1.97, HARAME.thresholds, "danger"))).toEqual({
      kind: "fallen",
      stage: "danger",
      metres: expect.closeTo(0.03),
    });
    expect(marginOf(at(1.85, HARAME.thresholds, "evacuation"))).toMatchObject({
      kind: "toNext",
      stage: "danger",
    });
  });

  it("measures up to the next stage that is set", () => {
    expect(marginOf(at(1.3))).toEqual({
      kind: "toNext",
      stage: "caution",
      metres: expect.closeTo(0.2),
    });
  });

  it("skips stages that are not set, as 42 of Fukui's gauges have no evacuation stage", () => {
    const thresholds = { ...HARAME.thresholds, evacuation: null };
    expect(marginOf(at(1.6, thresholds))).toMatchObject({ kind: "toNext", stage: "danger" });
  });

  it("counts a level on the line as having reached it", () => {
    expect(marginOf(at(2.0))).toEqual({ kind: "above", stage: "danger", metres: 0 });
  });

  it("works below the gauge's zero", () => {
    const thresholds = { standby: -1.5, caution: -0.5, evacuation: null, danger: 0.5 };
    expect(marginOf(at(-2, thresholds))).toEqual({ kind: "toNext", stage: "standby", metres: 0.5 });
    expect(marginOf(at(-1, thresholds))).toMatchObject({ kind: "toNext", stage: "caution", metres: 0.5 });
  });

  it("has nothing to say without a level or without any stage", () => {
    expect(marginOf(at(null))).toBeNull();
    expect(marginOf(at(1, { standby: null, caution: null, evacuation: null, danger: null }))).toBeNull();
  });
});

describe("the order by danger", () => {
  const names = (gauges: ReturnType<typeof gauge>[]) =>
    [...gauges].sort(compareByDanger).map((one) => one.name);

  it("puts the stage first, silence before calm, and no stages last", () => {
    const all = [
      "none",
      "below",
      "unknown",
      "standby",
      "caution",
      "evacuation",
      "danger",
      "overflow",
    ] as const;
    const sorted = names(all.map((stage) => gauge({ id: stage, name: stage, stage })));
    expect(sorted).toEqual([...all].reverse());
  });

  it("puts rising before steady before falling within a stage, however close the falling one is", () => {
    expect(
      names([
        gauge({ id: "1", name: "falling", trend: "falling", level: 1.99 }),
        gauge({ id: "2", name: "steady", trend: "steady", level: 1.81 }),
        gauge({ id: "3", name: "rising", trend: "rising", level: 1.81 }),
      ]),
    ).toEqual(["rising", "steady", "falling"]);
  });

  it("then puts the nearest to the next stage first, and above the highest stage the highest above", () => {
    expect(
      names([
        gauge({ id: "1", name: "far", level: 1.8 }),
        gauge({ id: "2", name: "near", level: 1.95 }),
        gauge({ id: "3", name: "a bit over", stage: "danger", level: 2.02 }),
        gauge({ id: "4", name: "well over", stage: "danger", level: 2.57 }),
      ]),
    ).toEqual(["well over", "a bit over", "near", "far"]);
  });

  it("does not take a stage still held for one about to be reached", () => {
    expect(
      names([
        gauge({ id: "1", name: "fallen", stage: "caution", level: 1.49 }),
        gauge({ id: "2", name: "close", stage: "caution", level: 1.7 }),
      ]),
    ).toEqual(["close", "fallen"]);
  });

  it("groups without empty groups", () => {
    const groups = groupByStage([
      gauge({ id: "1", stage: "none" }),
      HARAME,
      gauge({ id: "2", stage: "none" }),
    ]);
    expect(groups.map(({ stage, gauges }) => [stage, gauges.length])).toEqual([
      ["evacuation", 1],
      ["none", 2],
    ]);
  });
});

describe("filterGauges", () => {
  const gauges = [HARAME, gauge({ id: "2", name: "江波", river: "天王川", address: "越前町江波" })];
  const found = (query: string) => filterGauges(gauges, query).map((one) => one.name);

  it("looks in name, river and address, and wants every word", () => {
    expect(found("天王川")).toEqual(["江波"]);
    expect(found("福井市")).toEqual(["原目"]);
    expect(found("越前町　天王川")).toEqual(["江波"]);
    expect(found("越前町 荒川")).toEqual([]);
  });

  it("does not mind full-width digits, and finds all for nothing", () => {
    expect(found("原目町１６")).toEqual(["原目"]);
    expect(found("  ")).toHaveLength(2);
  });
});
