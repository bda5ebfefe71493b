import { expect, test } from "vitest";
import { areasOf } from "../../src/officer/areamap";
import type { Desk, District } from "../../src/officer/types";
import { officerWords } from "../../src/officer/words";
import { bordersOf } from "../../src/shared/map/borders";

const geometry = {
  type: "Polygon",
  coordinates: [
    [
      [136, 36],
      [136.1, 36],
      [136.1, 36.1],
      [136, 36],
    ],
  ],
};
const feature = (id: string) => ({ type: "Feature", id, geometry, properties: { id, name: `${id}地区` } });

function district(id: string, proposed: number, standing: number): District {
  return {
    id,
    name: `${id}地区`,
    households: 1,
    people: 2,
    needHelp: 0,
    cameras: [],
    proposal: {
      level: proposed,
      evidence: [],
      missing: [],
      around: [],
      past: null,
      since: null,
      answeredAt: null,
      escalatedAt: null,
      raised: 0,
    },
    standing: { level: standing, order: null, revision: 0 },
  };
}

const desk: Desk = {
  now: "2024-07-01T00:00:00Z",
  mode: "actual",
  secondPerson: false,
  levels: { "4": { ja: "避難指示", en: "Evacuation order", colour: "#aa00aa" } },
  districts: [district("a", 4, 4), district("b", 4, 0), district("c", 0, 0), district("d", 5, 4)],
  orders: [],
};

test("what is in force comes before what is proposed, in words as in colour", () => {
  const borders = bordersOf({ features: ["a", "b", "c", "d", "gone"].map(feature) });
  const areas = areasOf(desk, borders, officerWords("ja"), "ja");
  expect(areas.map(({ id, state, level }) => [id, state, level])).toEqual([
    ["a", "force", 4],
    ["b", "proposed", 4],
    ["c", "calm", 0],
    ["d", "force", 4],
    ["gone", "calm", 0],
  ]);
  expect(areas[0]?.colour).toBe("#aa00aa");
  expect(areas[0]?.label).toBe("a地区\n警戒レベル4 避難指示");
  expect(areas[1]?.label).toContain("提案");
  expect(areas[2]?.label).toBe("c地区");
});

test("what is no border is passed over", () => {
  expect(bordersOf(null)).toEqual([]);
  expect(
    bordersOf({ features: [{ id: 3, geometry }, { ...feature("a"), geometry: null }, feature("b")] }),
  ).toHaveLength(1);
});
