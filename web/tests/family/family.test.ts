import { describe, expect, it } from "vitest";
import { boundsOf, circle, middleOf, ring } from "../../src/family/geometry";
import { ageOf, sentence, when } from "../../src/family/now";
import { ruleFrom, ruleText } from "../../src/family/rules";
import type { Presence } from "../../src/family/types";
import { familyWords } from "../../src/family/words";
import { bytesOf, sameBytes } from "../../src/shared/ways/push";

const words = familyWords("ja");
const now = new Date("2026-11-24T00:30:00Z");

function seen(more: Partial<Presence>): Presence {
  const known = { id: "a", name: "花子", status: "unknown", since: null, places: [], seenAt: null } as const;
  return { ...known, location: null, accuracy: null, battery: null, doubtAt: null, ...more };
}

describe("the one sentence", () => {
  it("says where the wearer is and since when, in Japan's time", () => {
    const at = seen({
      status: "at-place",
      since: "2026-11-23T23:02:00Z",
      places: [{ id: "p", name: "第一小学校" }],
    });
    expect(sentence(at, now, words, "ja")).toBe("第一小学校にいます（8:02から）");
  });

  it("says for how long nobody has seen them, with the day when it was another", () => {
    const unseen = seen({ status: "unseen", since: "2026-11-23T08:00:00Z" });
    expect(sentence(unseen, now, words, "ja")).toBe("11月23日(月) 17:00から検知されていません（16時間前）");
    expect(sentence(seen({}), now, words, "ja")).toBe("まだ一度も検知されていません");
  });

  it("counts an age from a phone whose clock is behind as none", () => {
    expect(ageOf("2026-11-24T00:31:00Z", now, words)).toBe("たった今");
    expect(when("2026-11-24T00:05:00Z", now, "ja")).toBe("9:05");
  });
});

describe("places", () => {
  it("makes a circle of the radius, its ring closed", () => {
    const shape = circle([134.84, 34.76], 100);
    const corners = shape.coordinates[0] ?? [];
    expect(corners).toHaveLength(33);
    expect(corners[0]).toEqual(corners.at(-1));
    const bounds = boundsOf(corners) ?? [0, 0, 0, 0];
    expect((bounds[3] - bounds[1]) * 111_195).toBeCloseTo(200, 0);
    expect(middleOf(shape)?.[0]).toBeCloseTo(134.84, 6);
  });

  it("closes a polygon, and has no bounds for nothing", () => {
    expect(
      ring([
        [0, 0],
        [1, 0],
        [1, 1],
      ]).coordinates[0],
    ).toHaveLength(4);
    expect(boundsOf([])).toBeNull();
  });
});

describe("rules", () => {
  const placeOf = () => "第一小学校";

  it("keeps of a form's values only what the kind needs", () => {
    const values = { kind: "not-arrived", place: "p", by: "08:15", minutes: "60" };
    const late = { id: "x", kind: "not-arrived", place: "p", by: "08:15", days: [0, 1] };
    expect(ruleFrom(values, [0, 1], "x")).toEqual(late);
    expect(ruleFrom({ ...values, kind: "unseen" }, [], "x")).toEqual({
      id: "x",
      kind: "unseen",
      minutes: 60,
    });
  });

  it("reads as a sentence, with the defaults that the city leaves out", () => {
    const text = ruleText({ id: "x", kind: "not-arrived", place: "p" }, placeOf, words);
    expect(text).toBe("平日の08:30までに第一小学校に着かないとき");
    expect(ruleText({ id: "x", kind: "unseen" }, placeOf, words)).toBe("60分間 検知されないとき");
  });
});

it("reads the city's key for pushes, and knows a subscription that is bound to it", () => {
  const key = bytesOf("BP-_");
  expect([...key]).toEqual([4, 255, 191]);
  expect(sameBytes(key.buffer, bytesOf("BP-_"))).toBe(true);
  expect(sameBytes(key.buffer, bytesOf("BP-A"))).toBe(false);
  expect(sameBytes(null, key)).toBe(false);
});
