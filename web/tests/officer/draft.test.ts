import { expect, test } from "vitest";
import { emptyDraft, wishOf } from "../../src/officer/draft";

test("a wish carries each district's revision as it was seen", () => {
  const draft = { ...emptyDraft(), districts: ["a", "b"], reason: "上昇中", level: 5 };
  const wish = wishOf(draft, new Map([["a", 3]]));
  expect(wish).toMatchObject({ kind: "issue", level: 5, seen: { a: 3, b: 0 }, about: null });
});

test("only an issue names a level", () => {
  const draft = { ...emptyDraft(), kind: "lift" as const, level: 4, districts: ["a"] };
  expect(wishOf(draft, new Map())).toMatchObject({ kind: "lift", level: 0 });
});

test("each draft has an id of its own that the routes take", () => {
  const ids = new Set(Array.from({ length: 50 }, () => emptyDraft().id));
  expect(ids.size).toBe(50);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});
