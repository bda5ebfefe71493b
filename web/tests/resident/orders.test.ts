import { expect, test } from "vitest";
import { areasOf, levelsOf, noticesOf } from "../../src/resident/orders";

const notice = { id: "a", level: 3, headline: "h", headlineEn: "e", text: "t", textEn: "te", easy: "y" };

test("the gravest notice comes first", () => {
  const found = noticesOf({ orders: [notice, { ...notice, id: "b", level: 5 }] });
  expect(found.map((one) => one.id)).toEqual(["b", "a"]);
});

test("what is no notice is passed over", () => {
  for (const answer of [null, {}, { orders: 3 }, { orders: [null, { id: 1 }, { ...notice, level: "4" }] }]) {
    expect(noticesOf(answer)).toEqual([]);
  }
});

test("the districts under a notice are on the map with their level in words", () => {
  const ring = [
    [136, 36],
    [136.1, 36],
    [136.1, 36.1],
    [136, 36],
  ];
  const geometry = { type: "Polygon", coordinates: [ring] };
  const districts = [
    { id: "eba", name: "江波地区", nameEn: "Eba", geometry },
    { id: "bad", name: "x", geometry: 3 },
  ];
  const answer = {
    orders: [{ ...notice, level: 4, districts }],
    levels: { "4": { ja: "避難指示", en: "Evacuation order", colour: "#aa00aa" }, "5": 3 },
  };
  const [area, none] = areasOf(noticesOf(answer), levelsOf(answer), false);
  expect(area).toMatchObject({ id: "eba", state: "force", level: 4, colour: "#aa00aa" });
  expect(area?.label).toBe("江波地区 警戒レベル4 避難指示");
  expect(none).toBeUndefined();
  expect(areasOf(noticesOf(answer), levelsOf(answer), true)[0]?.label).toBe("Eba: Level 4 Evacuation order");
  expect(levelsOf(null)).toEqual({});
});
