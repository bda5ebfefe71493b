import { describe, expect, it } from "vitest";
import {
  DecodeError,
  decodeAlerts,
  decodeChange,
  decodeConfig,
  decodeGauges,
  decodeHydrograph,
} from "../../src/shared/api/decode";

const RAW = {
  id: "urn:ngsi-ld:WaterObserved:fukui-9",
  stationId: "9",
  name: "原目",
  river: "荒川",
  address: null,
  manager: "福井土木",
  location: { type: "Point", coordinates: [136.27, 36.08] },
  thresholds: { standby: 1.2, caution: 1.5, evacuation: null, danger: 2 },
  level: -0.04,
  observedAt: "2023-07-13T02:20:00Z",
  stage: "below",
  trend: "steady",
  quality: "good",
  status: "confirmed",
};

function decode(...gauges: unknown[]) {
  const skipped: string[] = [];
  const snapshot = decodeGauges({ now: "2023-07-13T02:25:00Z", gauges }, (reason) =>
    skipped.push(reason.message),
  );
  return { ...snapshot, skipped };
}

describe("decodeGauges", () => {
  it("reads a gauge with its time zone and a level below zero", () => {
    const { gauges, now, skipped } = decode(RAW);
    expect(skipped).toEqual([]);
    expect(now?.toISOString()).toBe("2023-07-13T02:25:00.000Z");
    expect(gauges[0]).toMatchObject({ level: -0.04, location: [136.27, 36.08], status: "confirmed" });
    expect(gauges[0]?.observedAt?.getTime()).toBe(Date.UTC(2023, 6, 13, 2, 20));
    expect(gauges[0]?.thresholds).toEqual({ standby: 1.2, caution: 1.5, evacuation: null, danger: 2 });
  });

  it("skips one gauge that is wrong, names the field, and keeps the others", () => {
    const { gauges, skipped } = decode({ ...RAW, name: 7 }, "no gauge", RAW);
    expect(gauges).toHaveLength(1);
    expect(skipped).toEqual(["gauges[0].name: a text is needed", "gauges[1]: an object is needed"]);
  });

  it("takes what it does not know for the word that claims least", () => {
    const { gauges } = decode({
      ...RAW,
      stage: "calm",
      trend: 3,
      quality: "fine",
      status: "sure",
      level: "2",
    });
    expect(gauges[0]).toMatchObject({
      stage: "unknown",
      trend: "unknown",
      quality: "bad",
      status: "provisional",
      level: null,
    });
  });

  it("shows a gauge without or with an impossible position in the list alone", () => {
    const { gauges } = decode({ ...RAW, location: null }, { ...RAW, location: { coordinates: [36, 136] } });
    expect(gauges.map((gauge) => gauge.location)).toEqual([null, null]);
  });

  it("says which part of a whole answer is wrong", () => {
    expect(() => decodeGauges({ gauges: {} }, () => undefined)).toThrow(
      new DecodeError("gauges: a list is needed"),
    );
    expect(() => decodeGauges(null, () => undefined)).toThrow("gauges: an object is needed");
  });
});

describe("the other answers", () => {
  it("config needs a city and a time, and forgives the rest", () => {
    const config = decodeConfig({ city: { name: "福井県" }, now: "2023-07-13T02:20:00Z", mode: "replay" });
    expect(config).toMatchObject({ mode: "replay", tileUrl: null, city: { name: "福井県", nameEn: null } });
    expect(() => decodeConfig({ city: { name: "福井県" }, now: "soon" })).toThrow("config.now");
    expect(() => decodeConfig({ city: {}, now: "2023-07-13T02:20:00Z" })).toThrow("config.city.name");
  });

  it("a hydrograph comes out in order of time", () => {
    const points = [
      { at: "2023-07-13T02:00:00Z", level: 2, quality: "suspect", status: "provisional", version: 1 },
      { at: "2023-07-13T01:00:00Z", level: null, quality: "missing", status: "provisional", version: 0 },
      { level: 1 },
    ];
    const skipped: string[] = [];
    const read = decodeHydrograph({ id: "x", thresholds: {}, points }, (reason) =>
      skipped.push(reason.message),
    );
    expect(read.points.map((point) => [point.level, point.quality, point.version])).toEqual([
      [null, "missing", 0],
      [2, "suspect", 1],
    ]);
    expect(skipped).toEqual(["hydrograph.points[2].at: a time with its zone is needed"]);
  });

  it("an alert of a status we do not know is a real one", () => {
    const [alert] = decodeAlerts({ alerts: [{ id: "a", headline: "h", status: "?" }] }, () => undefined);
    expect(alert).toMatchObject({ status: "actual", stage: "unknown", gauge: null });
  });

  it("a change may name one type or several, and leave out what is empty", () => {
    expect(decodeChange({ entity: "e", type: "Alert", op: "create" })).toEqual({
      entity: "e",
      type: ["Alert"],
      op: "create",
      attributes: {},
    });
    expect(decodeChange({ entity: "e", type: ["A", "B"], op: "delete" }).type).toEqual(["A", "B"]);
    expect(() => decodeChange({ type: "Alert" })).toThrow("change.entity");
  });
});
