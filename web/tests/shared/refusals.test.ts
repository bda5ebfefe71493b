import { describe, expect, it } from "vitest";
import { inWords } from "../../src/shared/account/refusals";

describe("what the gateway refused", () => {
  it("is told in Japanese first, with the field's name and the reason as it was given", () => {
    expect(inWords("ja", 400, "there is no stop 'えき'", "home")).toBe(
      "「いつもの乗り場」: 入力に誤りがあります（there is no stop 'えき'）",
    );
    expect(inWords("ja", 409, "the road is closed")).toContain("いまの状態ではできません");
    expect(inWords("ja", 400, "7 is too many", "rides.0.ride.seats")).toContain("「人数」");
    expect(inWords("ja", 500, "an unexpected error")).toContain("不具合");
  });

  it("stands as it is where it is Japanese already, and for readers of English", () => {
    expect(inWords("ja", 409, "残高が足りません")).toBe("残高が足りません");
    expect(inWords("en", 400, "at least one person must ride", "seats")).toBe(
      "seats: at least one person must ride",
    );
  });
});
