import { describe, expect, it } from "vitest";
import { applyChange } from "../../src/shared/api/apply";
import type { Change } from "../../src/shared/api/types";
import { HARAME } from "../gauges";

function reading(value: unknown, observedAt: string): Change {
  return {
    entity: HARAME.id,
    type: ["WaterObserved"],
    op: "update",
    attributes: { waterLevel: { type: "Property", value, unitCode: "MTR", observedAt } },
  };
}

describe("applyChange", () => {
  it("shows a new level at once and asks for nothing", () => {
    const { gauges, refetch } = applyChange([HARAME], reading(2.02, "2023-07-12T22:50:00Z"));
    expect(refetch).toEqual([]);
    expect(gauges[0]).toMatchObject({ level: 2.02, stage: "evacuation" });
    expect(gauges[0]?.observedAt?.toISOString()).toBe("2023-07-12T22:50:00.000Z");
  });

  it("takes a correction of the shown reading, and leaves a late one to the hydrograph", () => {
    expect(applyChange([HARAME], reading(1.5, "2023-07-12T22:40:00Z")).gauges[0]?.level).toBe(1.5);
    const late = applyChange([HARAME], reading(0.9, "2023-07-12T21:00:00Z"));
    expect(late.gauges[0]).toBe(HARAME);
    expect(late.refetch).toEqual([]);
  });

  it.each([
    ["a null level", reading(null, "2023-07-12T22:50:00Z")],
    ["a text", reading("2.1", "2023-07-12T22:50:00Z")],
    ["no time", reading(2.1, "soon")],
    ["a gauge not seen before", { ...reading(1, "2023-07-12T22:50:00Z"), entity: "urn:other" }],
    ["a deleted gauge", { ...reading(1, "2023-07-12T22:50:00Z"), op: "delete" as const }],
    ["a judgement", { ...reading(1, "2023-07-12T22:50:00Z"), type: ["FloodMonitoring"] }],
  ])("asks for the gauges again after %s", (_name, change) => {
    expect(applyChange([HARAME], change)).toEqual({ gauges: [HARAME], refetch: ["gauges"] });
  });

  it("asks for the alerts after an alert", () => {
    const change: Change = { entity: "a", type: ["Alert"], op: "create", attributes: {} };
    expect(applyChange([HARAME], change).refetch).toEqual(["alerts"]);
  });
});
