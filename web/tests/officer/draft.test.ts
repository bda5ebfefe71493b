import { expect, test } from "vitest";
import { emptyDraft, proposedFor, wishOf } from "../../src/officer/draft";
import type { Desk } from "../../src/officer/types";

test("a wish carries each district's revision as it was seen", () => {
  const draft = { ...emptyDraft(), districts: ["a", "b"], reason: "上昇中", level: 5 };
  const wish = wishOf(draft, new Map([["a", 3]]));
  expect(wish).toMatchObject({ kind: "issue", level: 5, seen: { a: 3, b: 0 }, about: null });
});

test("only an issue names a level", () => {
  const draft = { ...emptyDraft(), kind: "lift" as const, level: 4, districts: ["a"] };
  expect(wishOf(draft, new Map())).toMatchObject({ kind: "lift", level: 0 });
});

test("the level suggested is the gravest proposed for the districts, and none where none is", () => {
  const districts = [3, 0, 4].map((level, index) => ({ id: String(index), proposal: { level } }));
  const desk = { districts } as unknown as Desk;
  expect(proposedFor(desk, ["0", "2"])).toBe(4);
  expect(proposedFor(desk, ["0", "1"])).toBe(3);
  expect(proposedFor(desk, ["1"])).toBe(0);
});

test("each draft has an id of its own that the routes take", () => {
  const ids = new Set(Array.from({ length: 50 }, () => emptyDraft().id));
  expect(ids.size).toBe(50);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});
