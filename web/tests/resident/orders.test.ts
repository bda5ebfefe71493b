import { expect, test } from "vitest";
import { noticesOf } from "../../src/resident/orders";

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
