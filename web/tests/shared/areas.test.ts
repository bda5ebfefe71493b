import { expect, test } from "vitest";
import { boundsOf, edgesOf, geometryOf, hatch } from "../../src/shared/map/areas";

const square = (west: number, south: number, side: number) => [
  [west, south],
  [west + side, south],
  [west + side, south + side],
  [west, south + side],
  [west, south],
];

test("what cannot be drawn is no geometry", () => {
  for (const value of [
    null,
    3,
    {},
    { type: "Point", coordinates: [136, 36] },
    { type: "Polygon", coordinates: [[[1, 2]]] },
  ])
    expect(geometryOf(value)).toBeNull();
  expect(geometryOf({ type: "Polygon", coordinates: [square(136, 36, 0.1)] })).not.toBeNull();
});

test("a name stands over or under the largest part, and holes do not matter", () => {
  const geometry = geometryOf({
    type: "MultiPolygon",
    coordinates: [[square(135, 35, 0.01)], [square(136, 36, 0.2), square(136.01, 36.01, 0.01)]],
  });
  if (geometry === null) throw new Error("no geometry");
  const [[lon, lat], [, south]] = edgesOf(geometry);
  expect(lon).toBeCloseTo(136.1, 6);
  expect(lat).toBeCloseTo(36.2, 6);
  expect(south).toBeCloseTo(36, 6);
  expect(boundsOf([{ geometry }])).toEqual([135, 35, 136.2, 36.2]);
  expect(boundsOf([])).toBeNull();
});

test("levels differ without their colours", () => {
  const ink = (level: number) => {
    const { data } = hatch(level, "#aa00aa");
    return Array.from({ length: data.length / 4 }, (_, at) => data[at * 4 + 3] === 190).filter(Boolean)
      .length;
  };
  expect(ink(3)).toBeLessThan(ink(4));
  expect(ink(4)).toBeLessThan(ink(5));
  expect(Array.from(hatch(3, "#aa00aa").data.slice(0, 3))).toEqual([0xaa, 0, 0xaa]);
});
