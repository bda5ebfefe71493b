import { describe, expect, it } from "vitest";
import { fitLabels, neighbour, placeLabels } from "../../src/shared/map/labels";

describe("fitLabels", () => {
  const label = (id: string, left: number, top = 0, firm = false) => ({
    id,
    left,
    top,
    width: 80,
    height: 20,
    firm,
  });
  const mark = (id: string, left: number) => ({ id, left, top: 0, width: 20, height: 20 });

  it("shows the more urgent of two that touch", () => {
    expect([...fitLabels([label("danger", 0), label("calm", 79), label("far", 81)], [])]).toEqual([
      "danger",
      "far",
    ]);
  });

  it("covers another gauge's mark only with a firm label", () => {
    const marks = [mark("other", 40)];
    expect([...fitLabels([label("calm", 0), label("danger", 0, 0, true)], marks)]).toEqual(["danger"]);
    expect([...fitLabels([label("other", 30)], marks)]).toEqual(["other"]);
  });
});

describe("placeLabels", () => {
  const at = (left: number, top: number) => ({ id: "", left, top, width: 80, height: 20 });

  it("takes the first free place of each, and says where there is none", () => {
    const wanted = [[at(0, 0)], [at(40, 0), at(40, 60)], [at(10, 10), at(60, 50)], [at(200, 0)]];
    expect(placeLabels(wanted)).toEqual([0, 1, -1, 0]);
  });
});

describe("neighbour", () => {
  const from = { id: "here", x: 100, y: 100 };
  const spots = [
    from,
    { id: "right", x: 150, y: 110 },
    { id: "far right", x: 300, y: 100 },
    { id: "below", x: 90, y: 180 },
  ];

  it("goes to the nearest gauge in that direction", () => {
    expect(neighbour(spots, from, "right")?.id).toBe("right");
    expect(neighbour(spots, from, "down")?.id).toBe("below");
  });

  it("stays where nothing lies", () => {
    expect(neighbour(spots, from, "up")).toBeNull();
    expect(neighbour(spots, from, "left")).toBeNull();
  });
});
