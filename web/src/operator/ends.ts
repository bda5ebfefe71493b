/** Where a ride begins and ends at the operator's desk: typed by the stop's name, or chosen on the map in a zone. */
import { areaWords } from "../shared/bus/areawords";
import { nameOf, stopList, stopNamed } from "../shared/bus/page";
import { type Chosen, endOf, placePicker, withPlace } from "../shared/bus/place";
import type { Point, Stop } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import type { RideDesk } from "./ride";

export interface Typed {
  readonly origin: string | Point;
  readonly destination: string | Point;
  /** What to say of the ways on foot. */
  readonly walks: readonly string[];
}

export interface Ends {
  readonly nodes: readonly HTMLElement[];
  /** Throws what to say of a name that no stop has. */
  readonly value: () => Typed;
  /** The stops, and the rider's places with those chosen now. */
  readonly known: () => readonly Stop[];
  /** The first of the two that is empty. */
  readonly missing: () => HTMLElement | null;
}

/** Fields for both ends. `picker` is where the map opens. */
export function endFields(
  desk: RideDesk,
  origin: string | null,
  destination: string | null,
  picker: HTMLElement,
): Ends {
  const { page, area } = desk;
  const { words } = page;
  const walking = areaWords(page.code);
  let known = desk.known;
  const list = h("div", { hidden: true });
  const draw = () => list.replaceChildren(stopList(known, "stops"));
  draw();
  const end = (name: "from" | "to", stop: string | null) => {
    const value = stop === null ? "" : nameOf(known, stop);
    const input = h("input", { type: "text", value, autocomplete: "off", list: "stops", name });
    let chosen: Chosen | null = null;
    const choose = (found: Chosen) => {
      known = withPlace(known, found.stop);
      chosen = found;
      input.value = nameOf(known, found.stop.id);
      draw();
      picker.replaceChildren();
      input.focus();
    };
    const onMap = h(
      "button",
      { class: "button", type: "button", "aria-label": walking.onMapOf(words[name]), "data-map": name },
      walking.onMap,
    );
    onMap.addEventListener("click", () => {
      picker.replaceChildren(placePicker(page, area, choose, true));
    });
    const label = h("label", {}, h("span", {}, words[name]), input);
    const node = area.zones.length === 0 ? label : h("div", { class: "stack" }, label, onMap);
    /** Metres on foot, while the field still says what was chosen on the map. */
    const metres = () =>
      chosen !== null && nameOf(known, chosen.stop.id) === input.value ? chosen.metres : 0;
    return { input, node, metres };
  };
  const from = end("from", origin);
  const to = end("to", destination);
  const value = (): Typed => {
    const begin = stopNamed(known, from.input.value, words);
    const stop = stopNamed(known, to.input.value, words);
    const walks = [
      ...(from.metres() > 0 ? [walking.walkFrom(begin.name, from.metres())] : []),
      ...(to.metres() > 0 ? [walking.walkTo(stop.name, to.metres())] : []),
    ];
    return { origin: endOf(known, begin.id), destination: endOf(known, stop.id), walks };
  };
  const missing = () => [from.input, to.input].find((input) => input.value === "") ?? null;
  return { nodes: [from.node, to.node, list], value, known: () => known, missing };
}
