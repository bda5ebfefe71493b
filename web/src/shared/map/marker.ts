/** One gauge on the map: a button with the stage's mark and, where there is room, the gauge's name and level. */
import { type Map as MapLibre, Marker } from "maplibre-gl";
import type { Gauge } from "../api/types";
import { STAGES } from "../api/types";
import { h } from "../dom/h";
import type { Dictionary } from "../language/dictionary";
import { stageMark } from "../stage/mark";
import type { LabelBox, Spot } from "./labels";

/** Half of a mark's side and the height of its label, in pixels. */
const HALF = 16;
const LABEL_HEIGHT = 24;

export class GaugeMarker {
  readonly element: HTMLButtonElement;
  private readonly label = h("span", { class: "marker__label" });
  private readonly rest = h("span", { class: "visually-hidden" });
  private readonly marker: Marker;
  private readonly map: MapLibre;
  private added = false;
  private drawn = "";
  private width: number | null = null;

  constructor(
    map: MapLibre,
    readonly id: string,
    select: (id: string) => void,
  ) {
    this.map = map;
    this.element = h("button", { type: "button", class: "marker", tabindex: -1, "data-gauge": id });
    this.element.addEventListener("click", () => select(id));
    this.marker = new Marker({ element: this.element, anchor: "center" });
  }

  /** `name` is shown beside the mark where it fits; `rest` is spoken after it. */
  update(gauge: Gauge, name: string, rest: string, words: Dictionary): void {
    if (gauge.location === null) return;
    this.marker.setLngLat([gauge.location[0], gauge.location[1]]);
    if (!this.added) {
      this.marker.addTo(this.map);
      // MapLibre calls every mark "Map marker"; ours are called by what is in them.
      this.element.removeAttribute("aria-label");
      this.added = true;
    }
    this.element.style.setProperty("--order", String(STAGES.length - STAGES.indexOf(gauge.stage)));
    const drawn = gauge.stage + name + rest;
    if (this.drawn === drawn) return;
    this.drawn = drawn;
    this.width = null;
    this.label.textContent = name;
    this.rest.textContent = rest;
    this.element.dataset.stage = gauge.stage;
    this.element.replaceChildren(stageMark(gauge.stage, words), this.label, this.rest);
  }

  setSelected(selected: boolean): void {
    this.element.setAttribute("aria-pressed", String(selected));
  }

  setNamed(named: boolean): void {
    this.element.classList.toggle("marker--named", named);
  }

  setTabStop(stop: boolean): void {
    if (this.element !== document.activeElement) this.element.tabIndex = stop ? 0 : -1;
  }

  focus(): void {
    this.element.tabIndex = 0;
    this.element.focus({ preventScroll: true });
  }

  /** Where the label would lie when the mark is at `spot`. */
  labelBox(spot: Spot): LabelBox {
    this.width ??= this.label.offsetWidth;
    return {
      id: this.id,
      left: spot.x + HALF,
      top: spot.y - LABEL_HEIGHT / 2,
      width: this.width,
      height: LABEL_HEIGHT,
    };
  }

  remove(): void {
    this.marker.remove();
  }
}
