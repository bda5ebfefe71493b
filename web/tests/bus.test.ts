import { describe, expect, it } from "vitest";
import { bars } from "../src/dispatcher/gantt";
import { geometryOf } from "../src/dispatcher/roads";
import { breaksAround, nextStop, pending, ReportQueue } from "../src/driver/queue";
import { topOf } from "../src/manager/plot";
import { clock, dayOf, daysAfter, instant, soon } from "../src/shared/bus/time";
import type { Report, Task } from "../src/shared/bus/types";
import { busWords } from "../src/shared/bus/words";

function task(booking: string, boards: boolean, minute: number, more: Partial<Task> = {}): Task {
  const at = new Date(Date.UTC(2026, 10, 24, 0, minute)).toISOString();
  const known = { booking, boards, stop: "a", planned: at, expected: at, done: null, lateMinutes: 0 };
  const rider = { name: booking, kana: "", phone: "", note: "", seats: 1, wheelchairs: 0, fare: 0 };
  const promise = { promisedFrom: at, promisedUntil: at, arriveBy: at };
  return { ...known, ...rider, ...promise, arrived: false, payment: "cash", state: "booked", ...more };
}

function memory(): Pick<Storage, "getItem" | "setItem"> {
  const kept = new Map<string, string>();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

const all = async (_: string, reports: readonly Report[]) =>
  reports.map(({ id }) => ({ id, accepted: true, because: "" }));

describe("the driver's queue", () => {
  it("keeps reports through a reload until the city has heard them", async () => {
    const storage = memory();
    const queue = new ReportQueue(storage);
    queue.add("v1", "b1", "boarded", new Date(0));
    await expect(queue.send(() => Promise.reject(new Error("tunnel")))).rejects.toThrow("tunnel");
    const again = new ReportQueue(storage);
    expect(again.waiting.map((report) => report.what)).toEqual(["boarded"]);
    expect(again.waiting[0]?.id).toBe(queue.waiting[0]?.id);
    expect(await again.send(all)).toEqual([]);
    expect(new ReportQueue(storage).waiting).toEqual([]);
  });

  it("lets a refused report go and says so, and keeps what came while it was sending", async () => {
    const queue = new ReportQueue(memory());
    queue.add("v1", "b1", "no-show", new Date(0));
    let sent = 0;
    const refused = await queue.send(async (_, reports) => {
      if (sent++ === 0) queue.add("v2", "b2", "boarded", new Date(1));
      return reports.map(({ id, booking }) => ({ id, accepted: booking !== "b1", because: "on board" }));
    });
    expect(refused.map((heard) => heard.because)).toEqual(["on board"]);
    expect(sent).toBe(2);
    expect(queue.waiting).toEqual([]);
  });

  it("says of each bus what was seen on it, also after the driver has changed buses", async () => {
    const queue = new ReportQueue(memory());
    queue.add("v1", "b1", "boarded", new Date(0));
    queue.add("v2", "b2", "boarded", new Date(1));
    queue.add("v1", "b1", "alighted", new Date(2));
    const sent: string[] = [];
    await queue.send(async (vehicle, reports) => {
      sent.push(...reports.map(({ booking, what }) => `${vehicle} ${booking} ${what}`));
      return all(vehicle, reports);
    });
    expect(sent).toEqual(["v1 b1 boarded", "v1 b1 alighted", "v2 b2 boarded"]);
  });

  it("survives nonsense in the storage", () => {
    const storage = memory();
    storage.setItem("cityos.bus.reports", "{oops");
    expect(new ReportQueue(storage).waiting).toEqual([]);
  });
});

describe("a driver's tasks", () => {
  const tasks = [
    task("b1", true, 0),
    task("b2", true, 0),
    task("b1", false, 9, { stop: "b" }),
    task("b2", false, 20, { stop: "c" }),
  ];
  const said = (booking: string, what: Report["what"]): Report => ({ id: "x", booking, what, at: "" });

  it("are those at one stop, then those of the next", () => {
    expect(nextStop(tasks).map((one) => one.booking)).toEqual(["b1", "b2"]);
    expect(nextStop([])).toEqual([]);
  });

  it("leave the list when done, reported, or when nobody came", () => {
    const left = pending(tasks, [said("b1", "boarded"), said("b2", "no-show")]);
    expect(left.map((one) => [one.booking, one.boards])).toEqual([["b1", false]]);
    expect(pending([task("b3", true, 0, { done: "2026" })], [])).toEqual([]);
  });
});

describe("the Gantt chart", () => {
  it("puts rides that overlap in lanes of their own", () => {
    const found = bars([
      task("b1", true, 0),
      task("b2", true, 5),
      task("b1", false, 10),
      task("b3", true, 12),
      task("b2", false, 15),
      task("b3", false, 20, { lateMinutes: 4 }),
    ]);
    expect(found.map((bar) => [bar.booking, bar.lane, bar.late])).toEqual([
      ["b1", 0, false],
      ["b2", 1, false],
      ["b3", 0, true],
    ]);
  });
});

describe("times and scales", () => {
  it("are Japan's wherever the browser stands", () => {
    expect(clock("2026-11-24T00:05:00Z")).toBe("9:05");
    expect(dayOf(new Date("2026-11-23T15:00:00Z"))).toBe("2026-11-24");
    expect(daysAfter("2026-12-31", 1)).toBe("2027-01-01");
    expect(new Date(instant("2026-11-24", "09:30")).toISOString()).toBe("2026-11-24T00:30:00.000Z");
  });

  it("offer the next quarter of an hour, and none after the last of the day", () => {
    expect(soon(new Date("2026-11-24T00:01:00Z"), 30)).toBe("09:45");
    expect(soon(new Date("2026-11-24T14:40:00Z"), 30)).toBeNull();
  });

  it("end a scale at a round number", () => {
    expect([0, 3, 17, 400].map((value) => topOf([value]))).toEqual([1, 5, 20, 500]);
  });
});

describe("a road that is drawn", () => {
  const words = busWords("ja");
  const text = "35.95, 136.20\n\n３５．９６、136.21 \n";

  it("is a line of longitude and latitude, or an area that ends where it begins", () => {
    const line = [
      [136.2, 35.95],
      [136.21, 35.96],
    ];
    expect(geometryOf(text, false, words)).toEqual({ type: "LineString", coordinates: line });
    const area = geometryOf(`${text}35.97 136.2`, true, words);
    expect(area).toEqual({ type: "Polygon", coordinates: [[...line, [136.2, 35.97], line[0]]] });
  });

  it("says which line is no point, and how many are missing", () => {
    expect(() => geometryOf("136.20, 35.95", false, words)).toThrow("136.20, 35.95");
    expect(() => geometryOf("35.95", false, words)).toThrow("「35.95」");
    expect(() => geometryOf(text, true, words)).toThrow("3つ以上");
  });
});

describe("a driver's breaks", () => {
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 24, 3, minute)).toISOString();
  const noon = { from: at(10), until: at(55), begun: false };
  const tea = { from: at(180), until: at(195), begun: false };

  it("come before the next stop, or later in the day, or are over", () => {
    const stop = task("b1", true, 250);
    expect(breaksAround([noon, tea], stop, new Date(at(0)))).toEqual([noon, [tea]]);
    expect(breaksAround([noon, tea], task("b1", true, 180), new Date(at(0)))).toEqual([
      undefined,
      [noon, tea],
    ]);
    expect(breaksAround([noon, tea], undefined, new Date(at(60)))).toEqual([tea, []]);
    expect(breaksAround([noon], stop, new Date(at(60)))).toEqual([undefined, []]);
  });
});
