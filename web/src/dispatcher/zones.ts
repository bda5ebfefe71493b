/** The zones: what there is, changing and removing one, adding from a GeoJSON file or by drawing. */
import type { AreaWords } from "../shared/bus/areawords";
import { type BusPage, path } from "../shared/bus/page";
import type { Zone } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { attempt, type Field, renderButton, renderForm, say } from "../shared/form/form";
import { table } from "../shared/form/section";
import { renderSure } from "../shared/form/sure";
import { type Shape, shapesOf } from "./geojson";
import { geometryOf, pressedInto } from "./roads";

const WALK = 300;

export interface ZoneDesk {
  readonly page: BusPage;
  readonly words: AreaWords;
  readonly redraw: () => Promise<void>;
}

type Values = Readonly<Record<string, string>>;

/** What there is, with a place for the form that changes one. */
export function zoneList(desk: ZoneDesk, zones: readonly Zone[], place: HTMLElement): HTMLElement {
  const { words, page } = desk;
  const writes = page.account.may("buses:write");
  const way = ({ door, walk }: Zone) => (door ? words.wayDoor : words.wayWalkOf(walk));
  const rows = zones.map((zone) => [
    zone.name,
    zone.id,
    way(zone),
    ...(writes ? [tools(desk, zone, place)] : []),
  ]);
  const heads = [words.zones, "ID", words.way, ...(writes ? [words.edit] : [])];
  return table(words.zones, heads, rows, words.noZones);
}

function tools(desk: ZoneDesk, zone: Zone, place: HTMLElement): HTMLElement {
  const { words, page, redraw } = desk;
  const change = renderButton(words.edit, async () => {
    const form = renderForm(fields(words, zone), words.save, async (values) => {
      await put(desk, zone.id, values, zone.geometry);
      place.replaceChildren();
    });
    place.replaceChildren(h("h3", {}, zone.name), form);
    form.querySelector("input")?.focus();
  });
  change.setAttribute("aria-label", `${zone.name} ${words.edit}`);
  const remove = renderSure(words.remove, words.removeSure, words.keep, async () => {
    await page.account.api("DELETE", path("zones", zone.id));
    place.replaceChildren();
    await redraw();
    say(words.removed);
  });
  return h("span", { class: "row" }, change, remove);
}

function fields(words: AreaWords, zone: Partial<Zone>): Field[] {
  const door = ["door", words.wayDoor] as const;
  const walk = ["walk", words.wayWalk] as const;
  return [
    { name: "name", label: words.zoneName, required: true, value: zone.name ?? "" },
    { name: "way", label: words.way, options: zone.door === false ? [walk, door] : [door, walk] },
    { name: "walk", label: words.walkMost, type: "number", required: true, value: String(zone.walk ?? WALK) },
  ];
}

const idField = (words: AreaWords, value = ""): Field => {
  return { name: "id", label: words.zoneId, required: true, value };
};

async function put(
  { page, words, redraw }: ZoneDesk,
  id: string,
  { name, way, walk }: Values,
  geometry: Zone["geometry"],
): Promise<void> {
  await page.account.api("PUT", path("zones", id), {
    name,
    geometry,
    door: way === "door",
    walk: Number(walk),
  });
  await redraw();
  say(words.saved);
}

/** A form for each polygon of a file; what is saved goes from the list. */
export function fromFile(desk: ZoneDesk): HTMLElement {
  const { words } = desk;
  const input = h("input", { type: "file", name: "geojson", accept: ".geojson,.json,application/geo+json" });
  const found = h("div", { class: "stack", id: "shapes" });
  const form = (shape: Shape): HTMLElement => {
    const made = renderForm(
      [...fields(words, shape), idField(words, shape.id)],
      words.addZone,
      async (values) => {
        await put(desk, values.id ?? shape.id, values, shape.geometry);
        node.remove();
      },
    );
    const node = h("section", { class: "card" }, h("h3", {}, shape.name), made);
    return node;
  };
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    // The same file, mended, can be chosen again.
    input.value = "";
    void attempt(async () => {
      found.replaceChildren();
      const shapes = shapesOf(await file.text(), words);
      found.replaceChildren(...shapes.map(form));
      say(words.found(shapes.length));
    });
  });
  const label = h("label", {}, h("span", {}, words.file), input);
  return h(
    "details",
    { id: "zone-file" },
    h("summary", {}, words.fromFile),
    h("div", { class: "form" }, label),
    found,
  );
}

export interface Drawing {
  readonly node: HTMLElement;
  /** A place that was pressed on the map; taken while the drawing is open. */
  readonly pick: (longitude: number, latitude: number) => void;
}

/** A form whose border is pressed on the map or typed. */
export function drawZone(desk: ZoneDesk): Drawing {
  const { words, page } = desk;
  const points = { name: "points", label: words.border, type: "textarea", required: true };
  const form = renderForm([...fields(words, {}), idField(words), points], words.addZone, async (values) => {
    const border = geometryOf(values.points ?? "", true, page.words);
    if (border.type === "Polygon") await put(desk, values.id ?? "", values, border);
    form.reset();
  });
  const node = h("details", { id: "draw-zone" }, h("summary", {}, words.drawZone), form);
  return { node, pick: pressedInto(node, form) };
}
