/** A map of places, each an element that moves when its place does. What they say stands in a list beside it. */
import { LngLatBounds, Map as MapLibre, Marker, NavigationControl } from "maplibre-gl";
import type { Config, LonLat } from "../api/types";
import { coloursOf, mapStyle } from "./style";

export class PlaceMap {
  protected readonly map: MapLibre;
  private readonly marks = new Map<string, Marker>();
  protected fitted = false;

  /** Throws when the browser cannot draw (no WebGL). */
  constructor(container: HTMLElement, config: Config, label: string) {
    this.map = new MapLibre({
      container,
      style: mapStyle(coloursOf(container), config.tileUrl),
      center: [config.center[0], config.center[1]],
      zoom: config.zoom,
      attributionControl: config.tileAttribution ? { customAttribution: config.tileAttribution } : false,
      dragRotate: false,
      fadeDuration: 0,
    });
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.getCanvas().setAttribute("aria-label", label);
    this.map.on("error", (event) => console.warn(`map: ${event.error.message}`));
  }

  /** The mark of a place, made by `make` when it is new; it goes where the place is. */
  mark(id: string, [longitude, latitude]: LonLat, make: () => HTMLElement): HTMLElement {
    let marker = this.marks.get(id);
    if (marker === undefined) {
      marker = new Marker({ element: make(), anchor: "center" });
      this.marks.set(id, marker);
      marker.setLngLat([longitude, latitude]).addTo(this.map);
      marker.getElement().removeAttribute("aria-label");
    }
    marker.setLngLat([longitude, latitude]);
    return marker.getElement();
  }

  /** Shows all of these the first time that there are any. */
  fit(places: readonly LonLat[]): void {
    if (this.fitted || places.length === 0) return;
    const bounds = new LngLatBounds();
    for (const [longitude, latitude] of places) bounds.extend([longitude, latitude]);
    this.map.fitBounds(bounds, { padding: 40, maxZoom: 14, animate: false });
    this.fitted = true;
  }
}
