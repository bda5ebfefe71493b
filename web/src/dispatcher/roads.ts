/** Roads that buses go around: which are closed, closing a known one, and drawing one on the map or by its points. */
import type { LineString, Polygon } from "geojson";
import { type BusPage, path } from "../shared/bus/page";
import type { Board, Road } from "../shared/bus/types";
import type { BusWords } from "../shared/bus/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { keepTyped } from "../shared/form/typed";

export type Close = (address: string, because: string | undefined) => Promise<void>;

/** What was typed or clicked, one "latitude, longitude" on each line, as GeoJSON. Throws what to say. */
export function geometryOf(text: string, area: boolean, words: BusWords): LineString | Polygon {
  const lines = text
    .normalize("NFKC")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const points = lines.map((line) => {
    const [latitude, longitude, ...rest] = line.split(/[,、\s]+/).map(Number);
    const wrong = latitude === undefined || longitude === undefined || rest.length > 0;
    if (wrong || !(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180))
      throw new Error(words.roadPointsWrong(line));
    return [longitude, latitude];
  });
  const least = area ? 3 : 2;
  if (points.length < least) throw new Error(words.roadTooFew(least));
  const first = points[0] ?? [];
  return area
    ? { type: "Polygon", coordinates: [[...points, first]] }
    : { type: "LineString", coordinates: points };
}

/** What adds a place that was pressed on the map to the form's points, while the drawing is open. */
export function pressedInto(
  drawing: HTMLDetailsElement,
  form: HTMLFormElement,
): (longitude: number, latitude: number) => void {
  const typed = form.querySelector("textarea");
  return (longitude, latitude) => {
    if (!drawing.open || typed === null) return;
    const before = typed.value.trimEnd();
    typed.value = `${before}${before === "" ? "" : "\n"}${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
    typed.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

/** The closed roads, each with a button that opens it again. */
export function closedRoads(
  { account, words }: BusPage,
  roads: readonly Road[],
  redraw: () => Promise<void>,
): HTMLElement {
  const lines = roads
    .filter((road) => road.closedBecause !== null)
    .map((road) =>
      h(
        "li",
        { class: "line late" },
        `${road.name} ${road.closedBecause ?? ""} `,
        renderButton(words.open, async () => {
          await account.api("DELETE", path("roads", road.id, "closure"));
          await redraw();
        }),
      ),
    );
  return lines.length > 0
    ? h("ul", { class: "lines", id: "closed-roads" }, ...lines)
    : h("p", { class: "quiet", id: "closed-roads" }, words.noRoads);
}

export interface RoadForms {
  readonly node: HTMLElement;
  /** A point that was clicked on the map; taken while the drawing is open. */
  readonly pick: (longitude: number, latitude: number) => void;
}

/** Closing a known road, and drawing a new one. What is typed survives drawing them anew. */
export function roadForms({ account, words }: BusPage, board: Board, close: Close): RoadForms {
  const known = renderForm(
    [
      { name: "road", label: words.road, options: board.roads.map(({ id, name }) => [id, name] as const) },
      { name: "because", label: words.because, required: true },
    ],
    words.closeRoad,
    async ({ road, because }) => {
      await close(path("roads", road ?? "", "closure"), because);
      forgetKnown();
    },
  );
  known.id = "road-closure";
  const forgetKnown = keepTyped(known, "bus-road-closure");
  const drawn = renderForm(
    [
      { name: "name", label: words.roadName, required: true },
      {
        name: "kind",
        label: words.roadKind,
        options: [
          ["line", words.roadLine],
          ["area", words.roadArea],
        ],
      },
      { name: "points", label: words.roadPoints, type: "textarea", required: true },
      { name: "because", label: words.because, required: true },
    ],
    words.closeRoad,
    async ({ name, kind, points, because }) => {
      const id = crypto.randomUUID();
      const geometry = geometryOf(points ?? "", kind === "area", words);
      await account.api("PUT", path("roads", id), { name, geometry });
      // The road exists now: closing it again is the other form's, which is drawn anew with it.
      forgetDrawn();
      await close(path("roads", id, "closure"), because);
    },
  );
  const forgetDrawn = keepTyped(drawn, "bus-road");
  const drawing = h("details", { id: "draw-road" }, h("summary", {}, words.drawRoad), drawn);
  const pick = pressedInto(drawing, drawn);
  return { node: h("div", { class: "stack" }, board.roads.length > 0 ? known : "", drawing), pick };
}
