/** The wearer's places: a list, and a map on which to draw another: a circle with one press, or corner by corner. */
import type { LonLat } from "../shared/api/types";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { circle, ring } from "./geometry";
import { openMap, type WearerMap } from "./map";
import type { Place, Polygon } from "./types";
import { pathOf, type View } from "./view";

const RADII = [50, 80, 150, 300, 500, 1000] as const;
const USUAL = 80;

function line(view: View, place: Place): HTMLElement {
  const { account, words, tag } = view;
  const remove = renderButton(words.remove, async () => {
    await account.change("DELETE", pathOf(tag.id, "places", place.id));
    await view.changed();
    say(words.removed);
  });
  remove.setAttribute("aria-label", `${place.name} ${words.remove}`);
  return h(
    "li",
    { class: "entry entry--row" },
    h("p", { class: "entry__title" }, place.name),
    h("div", { class: "row" }, remove),
  );
}

/** What is being drawn: a circle around one point, or a polygon's corners so far. */
class Draft {
  round = true;
  radius = USUAL;
  corners: LonLat[] = [];

  /** `changed` is called after every change. */
  constructor(private readonly changed: (draft: Draft) => void) {}

  press(at: LonLat): void {
    this.set(this.round ? [at] : [...this.corners, at]);
  }

  set(corners: readonly LonLat[]): void {
    this.corners = [...corners];
    this.changed(this);
  }

  /** The place as drawn, null while it is none. */
  polygon(): Polygon | null {
    const [first] = this.corners;
    if (first === undefined) return null;
    if (this.round) return circle(first, this.radius);
    return this.corners.length < 3 ? null : ring(this.corners);
  }

  /** What the map shows meanwhile: also one or two corners, as dots. */
  shown(): Polygon | null {
    const last = this.corners.at(-1);
    return this.polygon() ?? (last === undefined ? null : circle(last, 8));
  }
}

function tools(view: View, draft: Draft, map: () => WearerMap | null): HTMLElement {
  const { words } = view;
  const middle = renderButton(words.putHere, async () => {
    const at = map()?.centre();
    if (at !== undefined) draft.press(at);
  });
  const drop = renderButton(words.dropCorner, async () => draft.set(draft.corners.slice(0, -1)));
  const radius = h(
    "select",
    {},
    ...RADII.map((metres) =>
      h("option", { value: metres, selected: metres === USUAL }, words.radiusOf(metres)),
    ),
  );
  radius.addEventListener("change", () => {
    draft.radius = Number(radius.value);
    draft.set(draft.corners);
  });
  const size = h("label", {}, h("span", {}, words.radius), radius);
  const shape = h(
    "select",
    {},
    h("option", { value: "round" }, words.round),
    h("option", { value: "corners" }, words.corners),
  );
  const choose = () => {
    draft.round = shape.value === "round";
    draft.set(draft.corners.slice(-1));
    size.hidden = !draft.round;
    drop.hidden = draft.round;
    middle.textContent = draft.round ? words.putHere : words.addCorner;
  };
  shape.addEventListener("change", choose);
  choose();
  const choice = h("label", {}, h("span", {}, words.shape), shape);
  return h("div", { class: "form" }, choice, size, h("div", { class: "row" }, middle, drop));
}

function editor(view: View): HTMLElement {
  const { account, words, tag, config } = view;
  const count = h("p", { role: "status", class: "quiet" });
  const box = h("div", { class: "map map--aim" });
  let map: WearerMap | null = null;
  const draft = new Draft((now) => {
    count.textContent = now.round ? "" : words.drawn(now.corners.length);
    const [middle] = now.corners;
    if (now.round && middle !== undefined) map?.approach(middle);
    void map?.show({ places: view.settings().places, draft: now.shown() }).catch((error: unknown) => {
      say(String(error), true);
    });
  });
  const form = renderForm(
    [{ name: "name", label: words.placeName, required: true }],
    words.addPlace,
    async ({ name }) => {
      const polygon = draft.polygon();
      if (polygon === null) throw new Error(words.notDrawn);
      await account.post(pathOf(tag.id, "places"), { name, polygon });
      await view.changed();
      say(words.saved);
    },
  );
  const body = h(
    "div",
    { class: "stack" },
    h("p", { class: "quiet" }, words.howToDraw),
    box,
    tools(view, draft, () => map),
    count,
    form,
  );
  const details = h("details", {}, h("summary", {}, words.addPlace), body);
  details.addEventListener("toggle", () => {
    if (!details.open || map !== null) return;
    map = openMap(box, config, words);
    map?.onPress((at) => draft.press(at));
    const at = view.lastSeen();
    if (at !== null) map?.fit([at]);
    draft.set(draft.corners);
  });
  return details;
}

export function placesCard(view: View): HTMLElement {
  const { words } = view;
  const { places } = view.settings();
  const list =
    places.length === 0
      ? h("p", {}, words.noPlaces)
      : h("ul", { class: "entries" }, ...places.map((one) => line(view, one)));
  return h(
    "section",
    { class: "card", id: "places", "aria-labelledby": "places-title" },
    h("h2", { id: "places-title" }, words.places),
    list,
    editor(view),
  );
}
