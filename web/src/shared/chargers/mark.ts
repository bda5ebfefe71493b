/** The mark of a connector's use: each has its own shape besides its colour, and the word stands beside it. */
import { h, svg } from "../dom/h";
import type { Use } from "./types";

const SHAPES: Readonly<Record<Use, string>> = {
  free: "M10 1A9 9 0 0 1 10 19A9 9 0 0 1 10 1ZM5 10.5 8.5 14 15 6.5",
  "in-use": "M2 2H18V18H2ZM11 3.5 6 11H9.5L8.5 16.5 14 8.5H10.5Z",
  "out-of-order": "M10 1 19 18.5H1ZM10 7V12.5M10 15V16",
  unknown: "M2 10 10 2 18 10 10 18ZM7.8 8.2A2.3 2.3 0 1 1 10 10.6V12M10 13.6V14.2",
};

/** A picture without a name of its own. */
export function useMark(use: Use): SVGSVGElement {
  return svg(
    "svg",
    { class: `use use--${use}`, viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: SHAPES[use] }),
  );
}

/** The mark with its word. */
export function useText(use: Use, text: string): HTMLElement {
  return h("span", { class: "use-text" }, useMark(use), text);
}
