/** A site's load against its limit as a chart: what is drawn as an area, what was given out, and the limit as lines. */

import type { Load } from "../shared/chargers/types";
import type { ChargerWords } from "../shared/chargers/words";
import { hourTicks, linear, roundTicks } from "../shared/chart/scale";
import { h, svg } from "../shared/dom/h";

const WIDTH = 640;
const HEIGHT = 200;
const BOX = { left: 44, right: WIDTH - 8, top: 8, bottom: HEIGHT - 20 } as const;
/** Beyond so long a silence, in milliseconds, the line stops: nobody knows what was drawn. */
const GAP_MS = 5 * 60_000;
/** The chart spans at least so long. */
const LEAST_MS = 30 * 60_000;

/** Runs without a silence in them. Pure. */
export function runs(load: readonly Load[]): Load[][] {
  const found: Load[][] = [];
  let before: number | null = null;
  for (const one of load) {
    const at = new Date(one.at).getTime();
    const run = found.at(-1);
    if (run === undefined || before === null || at - before > GAP_MS) found.push([one]);
    else run.push(one);
    before = at;
  }
  return found;
}

/** The limit at each minute that is known, over silences too: it holds while nobody is heard. Pure. */
export function limits(load: readonly Load[]): { readonly at: number; readonly watts: number }[] {
  const found: { at: number; watts: number }[] = [];
  for (const one of load)
    if (found.at(-1)?.watts !== one.limitW) found.push({ at: new Date(one.at).getTime(), watts: one.limitW });
  return found;
}

function key(name: string, kind: string): HTMLElement {
  const sample = svg(
    "svg",
    { class: "load", viewBox: "0 0 32 12", "aria-hidden": "true" },
    kind === "drawn"
      ? svg("rect", { class: kind, x: 1, y: 2, width: 30, height: 9 })
      : svg("path", { class: kind, d: "M0 6H32" }),
  );
  return h("span", {}, sample, name);
}

export function loadChart(
  site: string,
  load: readonly Load[],
  hours: number,
  words: ChargerWords,
): HTMLElement {
  const last = load.at(-1);
  if (last === undefined) return h("p", { class: "quiet" }, words.noLoad);
  const until = new Date(last.at).getTime() + 60_000;
  const first = new Date(load[0]?.at ?? last.at).getTime();
  const from = Math.max(until - hours * 3_600_000, Math.min(first, until - LEAST_MS));
  const most = Math.max(...load.flatMap((one) => [one.powerW, one.givenW, one.limitW]), 1000);
  const x = linear([from, until], [BOX.left, BOX.right]);
  const y = linear([0, most * 1.08], [BOX.bottom, BOX.top]);
  const at = (one: Load) => Math.max(BOX.left, x(new Date(one.at).getTime())).toFixed(1);
  const steps = (run: readonly Load[], of: (one: Load) => number) => {
    const end = Math.min(BOX.right, x(new Date(run.at(-1)?.at ?? last.at).getTime() + 60_000)).toFixed(1);
    const path = run.map((one, n) => `${n === 0 ? "M" : "H"}${at(one)}${n === 0 ? " " : "V"}${y(of(one))}`);
    return { path: `${path.join("")}H${end}`, end };
  };
  const areas = runs(load).flatMap((run) => {
    const first = run[0];
    if (first === undefined) return [];
    const drawn = steps(run, (one) => one.powerW);
    return [
      svg("path", { class: "drawn", d: `${drawn.path}V${BOX.bottom}H${at(first)}Z` }),
      svg("path", { class: "given", d: steps(run, (one) => one.givenW).path }),
    ];
  });
  const limit = limits(load).map(({ at, watts }, n) =>
    n === 0 ? `M${BOX.left} ${y(watts)}` : `H${Math.max(BOX.left, x(at)).toFixed(1)}V${y(watts)}`,
  );
  const summary = words.loadSummary(
    words.kw(last.powerW),
    words.kw(last.limitW),
    words.kw(Math.max(...load.map((one) => one.powerW))),
  );
  const picture = svg(
    "svg",
    {
      class: "load",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": `${words.loadChart(site)}: ${summary}`,
    },
    ...roundTicks(0, most / 1000, 4).flatMap((kilowatts) => [
      svg("line", {
        class: "grid",
        x1: BOX.left,
        x2: BOX.right,
        y1: y(kilowatts * 1000),
        y2: y(kilowatts * 1000),
      }),
      svg("text", { x: BOX.left - 4, y: y(kilowatts * 1000) + 4, "text-anchor": "end" }, `${kilowatts} kW`),
    ]),
    ...areas,
    svg("path", { class: "limit", d: `${limit.join("")}H${BOX.right}` }),
    ...hourTicks(new Date(from), new Date(until), 1).map((tick) =>
      svg(
        "text",
        { x: x(tick.getTime()), y: HEIGHT - 4, "text-anchor": "middle" },
        tick.toLocaleTimeString("ja-JP", { timeZone: "Asia/Tokyo", hour: "numeric", minute: "2-digit" }),
      ),
    ),
  );
  return h(
    "figure",
    { class: "stack" },
    h("figcaption", {}, words.loadChart(site)),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": words.loadChart(site) }, picture),
    h(
      "p",
      { class: "load__key" },
      key(words.drawn, "drawn"),
      key(words.given, "given"),
      key(words.limit, "limit"),
    ),
    h("p", {}, summary),
  );
}
