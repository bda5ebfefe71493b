/** A small plot of one figure by day. The table beside it has every number, so it is a picture with a name. */
import { svg } from "../shared/dom/h";

const WIDTH = 480;
const HEIGHT = 120;
const LEFT = 36;
const BOTTOM = 18;
/** Half a line of text: the topmost number stands beside its line. */
const TOP = 10;

/** Whole steps of the scale: 1, 2 or 5 times a power of ten. Pure. */
export function topOf(values: readonly number[]): number {
  const most = Math.max(0, ...values);
  if (most === 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * unit).find((step) => step >= most) ?? 10 * unit;
}

export function plot(
  caption: string,
  days: readonly (readonly [day: string, value: number | null])[],
  most?: number,
): { caption: string; node: SVGSVGElement } {
  const known = days.flatMap(([, value]) => (value === null ? [] : [value]));
  const top = most ?? topOf(known);
  const wide = (WIDTH - LEFT) / Math.max(1, days.length);
  const y = (value: number) => (HEIGHT - BOTTOM) * (1 - value / top) + TOP;
  const labelled = new Set([0, Math.floor((days.length - 1) / 2), days.length - 1]);
  const node = svg(
    "svg",
    { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT + TOP + 4}`, role: "img", "aria-label": caption },
    ...[0, top / 2, top].flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 4, y: y(value) + 4, "text-anchor": "end" }, String(value)),
    ]),
    ...days.flatMap(([day, value], index) => {
      const x = LEFT + index * wide;
      const bar =
        value === null
          ? null
          : svg("rect", {
              class: "bar",
              x: x + wide * 0.15,
              y: y(value),
              width: wide * 0.7,
              height: Math.max(0, y(0) - y(value)),
            });
      const text = labelled.has(index)
        ? svg(
            "text",
            { x: x + wide / 2, y: HEIGHT + TOP, "text-anchor": "middle" },
            day.slice(5).replace("-", "/"),
          )
        : null;
      return [bar, text];
    }),
  );
  return { caption, node };
}
