/** A gauge's mark: each stage has its own shape and letter besides its colour, for those who see no colours. */
import type { Stage } from "../api/types";
import { svg } from "../dom/h";
import type { Dictionary } from "../language/dictionary";

interface Shape {
  /** An SVG path in a box of 32 by 32. */
  readonly path: string;
  /** Where the letter's middle is, and its size. */
  readonly letterY: number;
  readonly letterSize: number;
}

const SHAPES: Readonly<Record<Stage, Shape>> = {
  overflow: {
    path: "M16 1 20 6 26 4 27 10 31 16 27 22 26 28 20 26 16 31 12 26 6 28 5 22 1 16 5 10 6 4 12 6Z",
    letterY: 16,
    letterSize: 14,
  },
  danger: { path: "M10 2H22L30 10V22L22 30H10L2 22V10Z", letterY: 16, letterSize: 17 },
  evacuation: { path: "M16 1 31 16 16 31 1 16Z", letterY: 16, letterSize: 14 },
  caution: { path: "M16 2 31 29H1Z", letterY: 20.5, letterSize: 13 },
  standby: { path: "M4 4H28V28H4Z", letterY: 16, letterSize: 16 },
  unknown: { path: "M16 3C31 3 31 29 16 29 1 29 1 3 16 3Z", letterY: 16, letterSize: 16 },
  below: { path: "M16 9A7 7 0 0 1 16 23 7 7 0 0 1 16 9Z", letterY: 16, letterSize: 0 },
  none: { path: "M16 8A8 8 0 0 1 16 24 8 8 0 0 1 16 8Z", letterY: 16, letterSize: 11 },
};

/** A picture without a name of its own: whatever holds it says the stage in words. */
export function stageMark(stage: Stage, words: Dictionary): SVGSVGElement {
  const shape = SHAPES[stage];
  const letter = words.stageMark[stage];
  const size = shape.letterSize * (letter.length > 1 ? 0.8 : 1);
  return svg(
    "svg",
    { class: `mark mark--${stage}`, viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "mark__shape", d: shape.path }),
    letter === ""
      ? null
      : svg(
          "text",
          {
            class: "mark__letter",
            x: 16,
            y: shape.letterY,
            "font-size": size,
            "text-anchor": "middle",
            dy: "0.36em",
          },
          letter,
        ),
  );
}
