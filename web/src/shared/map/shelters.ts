/** Open shelters on the map: a sign with words; the page's list says the same and more. */
import { type Map as MapLibre, Marker } from "maplibre-gl";
import { h } from "../dom/h";
import type { Shelter } from "../shelter/shelter";

export class ShelterMarks {
  private readonly marks: Marker[] = [];
  private drawn = "";

  constructor(private readonly map: MapLibre) {}

  /** Shows those of `shelters` that are not closed; `name` is what stands on the sign. */
  show(shelters: readonly Shelter[], name: (shelter: Shelter) => string): void {
    const shown = shelters.filter(({ state }) => state !== "closed");
    const drawn = JSON.stringify(shown.map((one) => [one.location, one.state, name(one)]));
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    for (const mark of this.marks.splice(0)) mark.remove();
    for (const shelter of shown) this.marks.push(this.mark(shelter, name(shelter)));
  }

  private mark({ location, state }: Shelter, name: string): Marker {
    const element = h("span", { class: `shelter-mark shelter-mark--${state}` }, name);
    const marker = new Marker({ element, anchor: "bottom" })
      .setLngLat([location[0], location[1]])
      .addTo(this.map);
    for (const name of ["aria-label", "role"]) element.removeAttribute(name);
    element.setAttribute("aria-hidden", "true");
    return marker;
  }
}
