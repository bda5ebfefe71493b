import { describe, expect, it } from "vitest";
import { camerasOf } from "../../src/resident/stills";

const bridge = { camera: "bridge", at: "2023-07-12T22:33:00Z", masked: true, districts: [], gauges: ["eba"] };

describe("the cameras beside a gauge", () => {
  it("are those that stand for its districts", () => {
    const answer = { cameras: [bridge, { ...bridge, camera: "weir", gauges: ["harame"] }] };
    expect(camerasOf(answer, "eba").map(({ camera }) => camera)).toEqual(["bridge"]);
    expect(camerasOf(answer, "elsewhere")).toEqual([]);
  });

  it("pass over what is no camera", () => {
    for (const wrong of [
      null,
      {},
      { cameras: "all" },
      { cameras: [null, 7, { camera: 1 }, { camera: "x" }] },
    ]) {
      expect(camerasOf(wrong, "eba")).toEqual([]);
    }
  });
});
