/** Draws a hydrograph as SVG. Every symbol differs in shape, not in colour alone. */
import type { ForecastPoint, HydrographPoint, Thresholds } from "../api/types";
import { h, svg } from "../dom/h";
import type { Dictionary } from "../language/dictionary";
import { clockTime, dayAndTime, metresText, monthDay } from "../time/format";
import {
  type Frame,
  type HydrographLayout,
  layoutHydrograph,
  nearestPoint,
  type PlacedPoint,
} from "./hydrograph";
import { isMidnight } from "./scale";

/** Closer together than this, in pixels, good values are drawn as the line alone. */
const DOT_SPACING = 7;

function grid(layout: HydrographLayout, words: Dictionary): SVGElement[] {
  const { box } = layout;
  const levels = layout.levelTicks.flatMap(({ metres, y }) => [
    svg("line", { class: "chart__grid", x1: box.left, x2: box.right, y1: y, y2: y }),
    svg("text", { class: "chart__tick", x: box.left - 6, y: y + 4, "text-anchor": "end" }, tickText(metres)),
  ]);
  const times = layout.timeTicks.flatMap(({ at, x }) => {
    const midnight = isMidnight(at);
    const label = (y: number, text: string) =>
      svg("text", { class: "chart__tick", x, y, "text-anchor": "middle" }, text);
    return [
      svg("line", {
        class: midnight ? "chart__midnight" : "chart__grid",
        x1: x,
        x2: x,
        y1: box.top,
        y2: box.bottom,
      }),
      label(box.bottom + 15, clockTime(at, words)),
      ...(midnight ? [label(box.bottom + 30, monthDay(at, words))] : []),
    ];
  });
  return [...levels, ...times];
}

function tickText(metres: number): string {
  return metres.toFixed(1).replace("-", "−");
}

function stageLines(layout: HydrographLayout, words: Dictionary): SVGElement[] {
  const { box } = layout;
  return layout.stages.flatMap(({ stage, metres, y, labelY }) => [
    svg("line", { class: `chart__stage chart__stage--${stage}`, x1: box.left, x2: box.right, y1: y, y2: y }),
    svg(
      "text",
      { class: "chart__stage-label", x: box.left + 5, y: labelY },
      `${words.threshold[stage]} ${metresText(metres)}`,
    ),
  ]);
}

function lines(layout: HydrographLayout): SVGElement[] {
  return layout.runs.flatMap((run) => {
    const path = (points: readonly PlacedPoint[]) =>
      points
        .map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${(y ?? 0).toFixed(1)}`)
        .join("");
    const confirmed = run.filter(({ point }) => point.status === "confirmed");
    return [
      svg("path", { class: "chart__line", d: path(run) }),
      ...(confirmed.length > 1
        ? [svg("path", { class: "chart__line chart__line--confirmed", d: path(confirmed) })]
        : []),
    ];
  });
}

/** The levels ahead as a dashed line, and their interval as a band around it. */
function forecastBand({ ahead }: HydrographLayout): SVGElement[] {
  if (ahead.length === 0) return [];
  const at = (x: number, y: number) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const upper = ahead.map(({ x, high }) => at(x, high));
  const lower = [...ahead].reverse().map(({ x, low }) => at(x, low));
  return [
    svg("path", { class: "chart__band", d: `M${[...upper, ...lower].join("L")}Z` }),
    svg("path", { class: "chart__ahead", d: `M${ahead.map(({ x, y }) => at(x, y)).join("L")}` }),
  ];
}

/** The symbol of one value: its quality gives the shape, 確定 fills it. */
export function pointSymbol(point: HydrographPoint, x: number, y: number): SVGElement {
  const kind = `chart__point chart__point--${point.quality} chart__point--${point.status}`;
  switch (point.quality) {
    case "good":
      return svg("circle", { class: kind, cx: x, cy: y, r: 3 });
    case "suspect":
      return svg("path", { class: kind, d: `M${x} ${y - 7}l7 12h-14z` });
    case "bad":
      return svg("path", { class: kind, d: `M${x - 5} ${y - 5}l10 10m0-10l-10 10` });
    case "missing":
      return svg("path", { class: kind, d: `M${x} ${y - 7}v7m-3 0h6` });
  }
}

function symbols(layout: HydrographLayout): SVGElement[] {
  const good = layout.points.filter(({ point }) => point.quality === "good");
  const dots = good.length * DOT_SPACING < layout.box.right - layout.box.left;
  return layout.points
    .filter(({ point }) => dots || point.quality !== "good")
    .map(({ point, x, y }) => pointSymbol(point, x, y ?? layout.box.bottom));
}

function summary(points: readonly HydrographPoint[], words: Dictionary): string {
  const measured = points.flatMap((point) =>
    point.level === null || point.quality === "bad" ? [] : [{ at: point.at, level: point.level }],
  );
  const latest = measured.at(-1);
  if (latest === undefined) return words.chartEmpty;
  const highest = measured.reduce((a, b) => (b.level > a.level ? b : a));
  const lowest = measured.reduce((a, b) => (b.level < a.level ? b : a));
  return words.chartSummary(
    metresText(highest.level),
    dayAndTime(highest.at, words),
    metresText(lowest.level),
    metresText(latest.level),
  );
}

/** What one value says: its time, its level and its marks. */
export function pointText(point: HydrographPoint, words: Dictionary): string {
  const level = point.level === null ? words.quality.missing : words.metres(metresText(point.level));
  const marks = [
    ...(point.quality === "good" || point.quality === "missing" ? [] : [words.quality[point.quality]]),
    words.status[point.status],
    ...(point.version > 0 ? [words.corrected] : []),
  ];
  return `${dayAndTime(point.at, words)}  ${level}（${marks.join("・")}）`;
}

/** Shows the value under the pointer in `readout`; the table says the same to those without a pointer. */
function followPointer(
  picture: SVGSVGElement,
  layout: HydrographLayout,
  readout: HTMLElement,
  words: Dictionary,
): void {
  const cursor = svg("line", {
    class: "chart__cursor",
    y1: layout.box.top,
    y2: layout.box.bottom,
    x1: -9,
    x2: -9,
  });
  picture.append(cursor);
  const move = (event: PointerEvent) => {
    const bounds = picture.getBoundingClientRect();
    const scale = picture.viewBox.baseVal.width / bounds.width;
    const nearest = nearestPoint(layout, (event.clientX - bounds.left) * scale);
    if (nearest === null) return;
    cursor.setAttribute("x1", String(nearest.x));
    cursor.setAttribute("x2", String(nearest.x));
    readout.textContent = pointText(nearest.point, words);
  };
  picture.addEventListener("pointermove", move);
  picture.addEventListener("pointerdown", move);
}

/** A figure with the picture and, below it, the read-out of the value pointed at. */
export function renderHydrograph(
  points: readonly HydrographPoint[],
  thresholds: Thresholds,
  frame: Frame,
  words: Dictionary,
  forecast: readonly ForecastPoint[] = [],
): HTMLElement {
  const layout = layoutHydrograph(points, thresholds, frame, forecast);
  const picture = svg(
    "svg",
    {
      class: "chart__picture",
      viewBox: `0 0 ${frame.width} ${frame.height}`,
      role: "img",
      "aria-label": summary(
        layout.points.map(({ point }) => point),
        words,
      ),
    },
    ...grid(layout, words),
    ...stageLines(layout, words),
    ...forecastBand(layout),
    ...lines(layout),
    ...symbols(layout),
  );
  const latest = layout.points.at(-1);
  const readout = h(
    "p",
    { class: "chart__readout", "aria-hidden": "true" },
    latest === undefined ? words.chartEmpty : pointText(latest.point, words),
  );
  followPointer(picture, layout, readout, words);
  return h("figure", { class: "chart" }, picture, readout);
}
