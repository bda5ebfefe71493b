import { describe, expect, it } from "vitest";
import { shapesOf } from "../src/dispatcher/geojson";
import { daysBetween, textOf } from "../src/dispatcher/service";
import { areaWords } from "../src/shared/bus/areawords";
import { endOf, toldOf, withPlace } from "../src/shared/bus/place";
import type { Found, Located, Stop, Zone } from "../src/shared/bus/types";

const words = areaWords("en");
const ring = [
  [136.2, 35.9],
  [136.3, 35.9],
  [136.3, 36],
  [136.2, 35.9],
];

describe("zones in a file", () => {
  const feature = (geometry: unknown, more = {}) => JSON.stringify({ type: "Feature", geometry, ...more });

  it("have the names and ids of their features, and a multipolygon's parts are zones of their own", () => {
    const polygon = { type: "Polygon", coordinates: [ring.map((point) => [...point, 12])] };
    const [one] = shapesOf(feature(polygon, { id: 7, properties: { 名称: " 北部 " } }), words);
    expect(one).toEqual({ id: "7", name: "北部", geometry: { type: "Polygon", coordinates: [ring] } });
    const parts = shapesOf(feature({ type: "MultiPolygon", coordinates: [[ring], [ring]] }), words);
    expect(parts.map(({ id, name }) => [id, name])).toEqual([
      ["zone-1-1", "zone-1-1"],
      ["zone-1-2", "zone-1-2"],
    ]);
    expect(shapesOf(JSON.stringify(polygon), words)).toHaveLength(1);
  });

  it("are refused with the reason", () => {
    const metres = ring.map(() => [12_345, -67_890]);
    expect(() => shapesOf("{oops", words)).toThrow("not GeoJSON");
    expect(() => shapesOf("[1]", words)).toThrow("not GeoJSON");
    expect(() => shapesOf(feature({ type: "Point", coordinates: [1, 2] }), words)).toThrow("no Polygon");
    expect(() => shapesOf(feature({ type: "Polygon" }), words)).toThrow("no Polygon");
    expect(() => shapesOf(feature({ type: "Polygon", coordinates: [ring, ring] }), words)).toThrow("holes");
    expect(() => shapesOf(feature({ type: "Polygon", coordinates: [metres] }), words)).toThrow("EPSG:4326");
  });
});

describe("days", () => {
  it("are counted from the first to the last", () => {
    expect(daysBetween("2026-12-30", "2027-01-01", words)).toEqual([
      "2026-12-30",
      "2026-12-31",
      "2027-01-01",
    ]);
    expect(daysBetween("2026-12-30", "", words)).toEqual(["2026-12-30"]);
    expect(() => daysBetween("2026-12-30", "2026-12-29", words)).toThrow("before the first");
    expect(daysBetween("2026-01-01", "2026-03-01", words)).toHaveLength(60);
    expect(() => daysBetween("2026-01-01", "2026-03-02", words)).toThrow("60");
  });

  it("of holidays are read in the encoding that they are published in", () => {
    const published = new Uint8Array([0x8c, 0xb3, 0x93, 0xfa]);
    expect(textOf(published.buffer)).toBe("元日");
    expect(textOf(new TextEncoder().encode("元日").buffer as ArrayBuffer)).toBe("元日");
  });
});

describe("a place", () => {
  const stop = (id: string, name: string): Stop => {
    return { id, name, longitude: 136.2, latitude: 35.9, closedBecause: null, closedBy: null };
  };

  it("stands beside the stops under a name of its own", () => {
    const known = [stop("a", "A"), stop("place-1", "North"), stop("place-2", "North")].reduce(withPlace, []);
    expect(withPlace(known, stop("place-1", "North")).map(({ name }) => name)).toEqual([
      "A",
      "North",
      "North (2)",
    ]);
    expect(endOf(known, "a")).toBe("a");
    expect(endOf(known, "place-2")).toEqual({ longitude: 136.2, latitude: 35.9 });
  });

  it("is told with the walk, or with why nobody comes and what is near", () => {
    const near: Located = { ...stop("a", "A"), door: false, metres: 130 };
    const zone: Zone = {
      id: "z",
      name: "Z",
      geometry: { type: "Polygon", coordinates: [ring] },
      door: false,
      walk: 90,
    };
    const missed = { served: false, zone: null, edge: null, nearest: near } as const;
    const told = (found: Found) => toldOf(found, words);
    expect(told({ served: true, stop: near })).toContain("about 130m on foot from here (3 min)");
    expect(told({ served: true, stop: { ...near, door: true } })).toContain("comes to the place");
    expect(told({ ...missed, zone })).toMatch(/within the 90 m .* nearest stop is “A”, about 130m/);
    const edge = { zone, metres: 40, side: "west", longitude: 1, latitude: 2 } as const;
    expect(told({ ...missed, edge, nearest: null })).toContain("about 40m to the west");
    expect(told(missed)).toContain("stops alone");
  });
});
